import CExecutorPlatform
import PortalWire

/// Globs as ripgrep reads them, made into the bytes that `platform_glob_match` takes.
struct GlobCompiler {
    /// What a glob with braces may come to; each alternative is a program of its own.
    private static let mostAlternatives = 256

    private let text: [UInt8]
    private let ignoresCase: Bool
    private var position = 0
    private var program: [UInt8] = []

    private init(_ text: [UInt8], ignoresCase: Bool) {
        self.text = text
        self.ignoresCase = ignoresCase
    }

    /// The programs of a glob, one for each alternative of its braces; nil where it is none: a class or a brace is not closed, it ends with a
    /// backslash, or it comes to too much.
    static func programs(_ text: [UInt8], ignoresCase: Bool) -> [[UInt8]]? {
        var alternatives: [[UInt8]] = []
        guard text.count < 8192, expand(text, into: &alternatives) else { return nil }
        var programs: [[UInt8]] = []
        for alternative in alternatives {
            var compiler = GlobCompiler(alternative, ignoresCase: ignoresCase)
            guard compiler.compile() else { return nil }
            programs.add(compiler.program)
        }
        return programs
    }

    /// Replaces the first pair of braces by each of its alternatives, and so on for what that gives.
    private static func expand(_ text: [UInt8], into result: inout [[UInt8]]) -> Bool {
        var depth = 0
        var opening = 0
        var cuts: [Int] = []
        var index = 0
        while index < text.count {
            switch text[index] {
            case 0x5C: index += 1
            case 0x5B: index = classEnd(text, index)
            case 0x7B:
                if depth == 0 {
                    opening = index
                    cuts = [index]
                }
                depth += 1
            case 0x2C where depth == 1: cuts.add(index)
            case 0x7D:
                depth -= 1
                if depth < 0 { return false }
                if depth == 0 {
                    cuts.add(index)
                    for cut in 1..<cuts.count where cuts[cut] > cuts[cut - 1] + 1 {
                        var whole = text.part(0, opening)
                        whole.add(Array(text[(cuts[cut - 1] + 1)..<cuts[cut]]))
                        whole.add(text.part(from: index + 1))
                        guard expand(whole, into: &result) else { return false }
                    }
                    return true
                }
            default: break
            }
            index += 1
        }
        guard depth == 0, result.count < mostAlternatives else { return false }
        result.add(text)
        return true
    }

    /// Where the class that begins at an index ends; the index itself where it does not.
    private static func classEnd(_ text: [UInt8], _ start: Int) -> Int {
        var index = start + 1
        if index < text.count, text[index] == 0x21 || text[index] == 0x5E { index += 1 }
        // A bracket that comes first stands for itself.
        index += 1
        while index < text.count {
            if text[index] == 0x5D { return index }
            index += 1
        }
        return start
    }

    private mutating func compile() -> Bool {
        while position < text.count {
            let byte = text[position]
            position += 1
            switch byte {
            case 0x2A: star()
            case 0x3F: program.add(UInt8(PLATFORM_GLOB_ANY))
            case 0x5B: guard bracket() else { return false }
            case 0x5C:
                guard position < text.count else { return false }
                literal(text[position])
                position += 1
            default: literal(byte)
            }
        }
        return true
    }

    private func isSlash(_ index: Int) -> Bool { index == text.count || text[index] == 0x2F }

    /// `**` crosses directories only where it is a whole component; elsewhere it is two stars, which are one.
    private mutating func star() {
        let start = position - 1
        guard position < text.count, text[position] == 0x2A else { return program.add(UInt8(PLATFORM_GLOB_STAR)) }
        position += 1
        guard isSlash(position), start == 0 || text[start - 1] == 0x2F else { return program.add(UInt8(PLATFORM_GLOB_STAR)) }
        if position == text.count {
            program.add(UInt8(PLATFORM_GLOB_ALL))
        } else {
            position += 1
            program.add(UInt8(PLATFORM_GLOB_DEEP))
        }
    }

    private mutating func literal(_ byte: UInt8) {
        let lower = byte | 0x20
        if ignoresCase, lower >= 0x61, lower <= 0x7A {
            var bitmap = ByteSet()
            bitmap.insert(lower, lower)
            bitmap.insert(lower & 0xDF, lower & 0xDF)
            return add(bitmap)
        }
        if byte <= UInt8(PLATFORM_GLOB_LITERAL) { program.add(UInt8(PLATFORM_GLOB_LITERAL)) }
        program.add(byte)
    }

    private mutating func add(_ set: ByteSet) {
        program.add(UInt8(PLATFORM_GLOB_CLASS))
        program.add(set.bytes)
    }

    private mutating func bracket() -> Bool {
        var set = ByteSet()
        var isNegated = false
        if position < text.count, text[position] == 0x21 || text[position] == 0x5E {
            isNegated = true
            position += 1
        }
        var isFirst = true
        while position < text.count {
            let low = text[position]
            position += 1
            if low == 0x5D, !isFirst {
                if isNegated { set.invert() }
                add(set)
                return true
            }
            isFirst = false
            var high = low
            if position + 1 < text.count, text[position] == 0x2D, text[position + 1] != 0x5D {
                high = text[position + 1]
                position += 2
                guard low <= high else { return false }
            }
            set.insert(low, high)
            if ignoresCase { set.foldCase() }
        }
        return false
    }
}

/// A set of bytes.
struct ByteSet {
    private(set) var bytes = [UInt8](repeating: 0, count: 32)

    @inline(never)
    func contains(_ byte: UInt8) -> Bool { bytes[Int(byte >> 3)] >> (byte & 7) & 1 == 1 }

    @inline(never)
    mutating func insert(_ low: UInt8, _ high: UInt8) {
        for byte in Int(low)...Int(high) { bytes[byte >> 3] |= 1 << UInt8(byte & 7) }
    }

    mutating func invert() {
        for index in 0..<32 { bytes[index] = ~bytes[index] }
    }

    /// Adds the other case of every ASCII letter in it.
    mutating func foldCase() {
        for letter in UInt8(0x61)...0x7A where contains(letter) || contains(letter - 0x20) {
            insert(letter, letter)
            insert(letter - 0x20, letter - 0x20)
        }
    }
}
