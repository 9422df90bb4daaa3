import PortalWire

/// Reads regular expressions as ripgrep's users write them, which is the syntax of Rust's `regex`. Docs/search.md says what is left out.
struct RegexParser {
    /// Groups within groups. The parser calls itself for each.
    private static let deepest = 100

    private let text: [UInt8]
    private var position = 0
    private var depth = 0
    private var ignoresCase: Bool

    private init(_ text: [UInt8], ignoresCase: Bool) {
        self.text = text
        self.ignoresCase = ignoresCase
    }

    /// - Throws: `invalid`, which says where and why.
    static func parse(_ pattern: [UInt8], ignoresCase: Bool) throws(OperationError) -> RegexNode {
        guard isValidUTF8(pattern) else { throw OperationError(.invalid, literal: "the pattern is not UTF-8") }
        var parser = RegexParser(pattern, ignoresCase: ignoresCase)
        let node = try parser.choice()
        guard parser.position == pattern.count else { throw parser.failure("a parenthesis is closed that was not opened") }
        return node
    }

    /// A text that is matched as it is.
    static func literal(_ pattern: [UInt8], ignoresCase: Bool) throws(OperationError) -> RegexNode {
        guard isValidUTF8(pattern) else { throw OperationError(.invalid, literal: "the pattern is not UTF-8") }
        var parser = RegexParser(pattern, ignoresCase: ignoresCase)
        var parts: [RegexNode] = []
        while let scalar = parser.next() { parts.append(try parser.single(scalar)) }
        return RegexNode.of(.sequence, parts)
    }

    private func failure(_ problem: StaticString) -> OperationError {
        var message = [UInt8]("the pattern cannot be used, at byte ")
        message.append(decimal: UInt64(position))
        message.append(": ")
        message.append(problem)
        return OperationError(.invalid, message)
    }

    // MARK: Scalars

    private var peek: UInt8 { position < text.count ? text[position] : 0 }

    private mutating func skip(_ byte: UInt8) -> Bool {
        guard position < text.count, text[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func skip(_ literal: StaticString) -> Bool {
        let count = literal.utf8CodeUnitCount
        guard position + count <= text.count else { return false }
        for index in 0..<count where text[position + index] != literal.utf8Start[index] { return false }
        position += count
        return true
    }

    /// The next scalar; the text was checked to be UTF-8.
    private mutating func next() -> UInt32? {
        guard position < text.count else { return nil }
        let first = text[position]
        position += 1
        if first < 0x80 { return UInt32(first) }
        let more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1
        var scalar = UInt32(first) & (0x3F >> UInt32(more))
        for _ in 0..<more {
            scalar = scalar << 6 | UInt32(text[position] & 0x3F)
            position += 1
        }
        return scalar
    }

    private func single(_ scalar: UInt32) throws(OperationError) -> RegexNode { try node(CodeSet(scalar, scalar)) }

    /// A line feed is in no line, so it is taken out of every set; one that is nothing else is a mistake.
    private func node(_ set: CodeSet) throws(OperationError) -> RegexNode {
        var set = set
        if ignoresCase { set.foldCase() }
        let hadMembers = !set.isEmpty
        set.remove(CodeSet(0x0A, 0x0A))
        if hadMembers, set.isEmpty { throw failure("a line feed cannot be matched: lines are searched one by one") }
        return RegexNode(set: set)
    }

    // MARK: Structure

    private mutating func choice() throws(OperationError) -> RegexNode {
        depth += 1
        guard depth <= RegexParser.deepest else { throw failure("groups are nested too deep") }
        // Flags hold to the end of the group that they are in.
        let outerCase = ignoresCase
        defer {
            depth -= 1
            ignoresCase = outerCase
        }
        var branches: [RegexNode] = []
        var parts: [RegexNode] = []
        while position < text.count, peek != 0x29 {
            if skip(0x7C) {
                branches.append(RegexNode.of(.sequence, parts))
                parts = []
            } else if let part = try atom() {
                parts.append(try loops(part))
            }
        }
        branches.append(RegexNode.of(.sequence, parts))
        return RegexNode.of(.choice, branches)
    }

    private mutating func loops(_ part: RegexNode) throws(OperationError) -> RegexNode {
        var part = part
        while position < text.count {
            var least = 0
            var most = -1
            switch peek {
            case 0x2A: position += 1
            case 0x2B:
                position += 1
                least = 1
            case 0x3F:
                position += 1
                most = 1
            case 0x7B: (least, most) = try counts()
            default: return part
            }
            // The same lines match whether a loop is lazy or not.
            _ = skip(0x3F)
            let loop = RegexNode(.loop)
            loop.parts = [part]
            loop.least = least
            loop.most = most
            part = loop
            depth += 1
            guard depth <= RegexParser.deepest else { throw failure("loops are nested too deep") }
        }
        return part
    }

    private mutating func counts() throws(OperationError) -> (Int, Int) {
        position += 1
        let first = number()
        var most = first
        if skip(0x2C) { most = peek == 0x7D ? -1 : number() }
        guard let first, skip(0x7D), let most else { throw failure("a repetition is {n}, {n,} or {n,m}; write \\{ for a brace") }
        guard most < 0 || first <= most else { throw failure("a repetition's bounds are in the wrong order") }
        return (first, most)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while peek >= 0x30, peek <= 0x39 {
            value = Swift.min((value ?? 0) * 10 + Int(peek - 0x30), 1_000_000)
            position += 1
        }
        return value
    }

    private mutating func atom() throws(OperationError) -> RegexNode? {
        guard let scalar = next() else { return nil }
        switch scalar {
        case 0x28: return try group()
        case 0x5B: return try node(try bracket())
        case 0x2E: return try node(CodeSet(0, CodeSet.last))
        case 0x5E: return RegexNode(place: .lineStart)
        case 0x24: return RegexNode(place: .lineEnd)
        case 0x5C: return try escape()
        case 0x2A, 0x2B, 0x3F, 0x7B: throw failure("there is nothing to repeat; write a backslash before it")
        default: return try single(scalar)
        }
    }

    private mutating func group() throws(OperationError) -> RegexNode? {
        if skip(0x3F) {
            if peek == 0x3D || peek == 0x21 || skip("<=") || skip("<!") { throw failure("look-around is not supported") }
            if skip("P<") || skip(0x3C) {
                while position < text.count, peek != 0x3E { position += 1 }
                guard skip(0x3E) else { throw failure("a group's name is not closed") }
            } else {
                let outerCase = ignoresCase
                try flags()
                // Without a colon they hold for the rest of the group around.
                if skip(0x29) { return nil }
                guard skip(0x3A) else { throw failure("a group's flags are not closed") }
                let inner = try choice()
                ignoresCase = outerCase
                guard skip(0x29) else { throw failure("a parenthesis is not closed") }
                return inner
            }
        }
        let inner = try choice()
        guard skip(0x29) else { throw failure("a parenthesis is not closed") }
        return inner
    }

    private mutating func flags() throws(OperationError) {
        var isOn = true
        while position < text.count, peek != 0x29, peek != 0x3A {
            switch text[position] {
            case 0x2D where isOn: isOn = false
            case 0x69: ignoresCase = isOn
            // Greediness does not change which lines match, and `.` never matches a line feed.
            case 0x73, 0x55: break
            case 0x6D where isOn, 0x75 where isOn: break
            default: throw failure("of flags, only i, m, s, u and U are supported, and m and u cannot be switched off")
            }
            position += 1
        }
    }

    // MARK: Escapes and classes

    private mutating func escape() throws(OperationError) -> RegexNode {
        switch peek {
        case 0x62:
            position += 1
            if skip("{start-half}") { return RegexNode(place: .noWordBefore) }
            if skip("{end-half}") { return RegexNode(place: .noWordAfter) }
            if skip("{start}") { return RegexNode(place: .wordStart) }
            if skip("{end}") { return RegexNode(place: .wordEnd) }
            return RegexNode(place: .border)
        case 0x42:
            position += 1
            return RegexNode(place: .noBorder)
        case 0x3C:
            position += 1
            return RegexNode(place: .wordStart)
        case 0x3E:
            position += 1
            return RegexNode(place: .wordEnd)
        default: break
        }
        if let set = shorthand() { return try node(set) }
        return try single(try escapedScalar())
    }

    /// `\d`, `\s`, `\w` and their opposites.
    private mutating func shorthand() -> CodeSet? {
        guard position < text.count else { return nil }
        var set: CodeSet
        switch text[position] | 0x20 {
        case 0x64: set = CodeSet("09")
        case 0x77: set = CodeSet("09AZ__az")
        case 0x73:
            set = CodeSet("\u{09}\u{0D}  ")
            for space: UInt32 in [0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000] { set.insert(space, space) }
            set.insert(0x2000, 0x200A)
            set.normalize()
        default: return nil
        }
        if text[position] & 0x20 == 0 { set.invert() }
        position += 1
        return set
    }

    private mutating func escapedScalar() throws(OperationError) -> UInt32 {
        guard let scalar = next() else { throw failure("it ends with a backslash") }
        switch scalar {
        case 0x61: return 0x07
        case 0x66: return 0x0C
        case 0x6E: return 0x0A
        case 0x72: return 0x0D
        case 0x74: return 0x09
        case 0x76: return 0x0B
        case 0x78: return try hexadecimal(2)
        case 0x75: return try hexadecimal(4)
        case 0x55: return try hexadecimal(8)
        case 0x70, 0x50: throw failure("Unicode properties (\\p) are not supported")
        case 0x41, 0x7A: throw failure("\\A and \\z are not supported: use ^ and $, since lines are searched one by one")
        case 0x30...0x39: throw failure("backreferences are not supported")
        case 0x41...0x5A, 0x61...0x7A, 0x80...: throw failure("there is no such escape")
        default: return scalar
        }
    }

    private mutating func hexadecimal(_ digits: Int) throws(OperationError) -> UInt32 {
        let isBraced = skip(0x7B)
        var value: UInt32 = 0
        var count = 0
        while count < (isBraced ? 8 : digits) {
            let byte = peek
            let lower = byte | 0x20
            if byte >= 0x30, byte <= 0x39 {
                value = value << 4 | UInt32(byte - 0x30)
            } else if lower >= 0x61, lower <= 0x66 {
                value = value << 4 | UInt32(lower - 0x57)
            } else {
                break
            }
            position += 1
            count += 1
        }
        let isWhole = isBraced ? count > 0 && skip(0x7D) : count == digits
        guard isWhole, value <= CodeSet.last, value < 0xD800 || value > 0xDFFF else { throw failure("a number in hexadecimal is not one") }
        return value
    }

    /// What is between two brackets; the first one was read.
    private mutating func bracket() throws(OperationError) -> CodeSet {
        depth += 1
        guard depth <= RegexParser.deepest else { throw failure("classes are nested too deep") }
        defer { depth -= 1 }
        let isNegated = skip(0x5E)
        var set = CodeSet()
        var isFirst = true
        while true {
            guard position < text.count else { throw failure("a class is not closed") }
            if peek == 0x5D, !isFirst {
                position += 1
                break
            }
            if skip("&&") {
                set.normalize()
                set.intersect(try rest())
                break
            }
            if skip("--") {
                set.normalize()
                set.remove(try rest())
                break
            }
            isFirst = false
            set.insert(try member())
        }
        set.normalize()
        // The other case belongs to a class before it is negated.
        if ignoresCase { set.foldCase() }
        if isNegated { set.invert() }
        return set
    }

    /// What follows an operator within a class, to the class's end.
    private mutating func rest() throws(OperationError) -> CodeSet {
        var set = CodeSet()
        while position < text.count {
            if skip(0x5D) {
                set.normalize()
                return set
            }
            guard !skip("&&"), !skip("--") else { throw failure("only one operator is supported in a class") }
            set.insert(try member())
        }
        throw failure("a class is not closed")
    }

    private mutating func member() throws(OperationError) -> CodeSet {
        if skip("[:") { return try named() }
        if skip(0x5B) { return try bracket() }
        if peek == 0x5C {
            position += 1
            if let set = shorthand() { return set }
            position -= 1
        }
        let first = try memberScalar()
        guard peek == 0x2D, position + 1 < text.count, text[position + 1] != 0x5D, text[position + 1] != 0x2D else {
            return CodeSet(first, first)
        }
        position += 1
        let last = try memberScalar()
        guard first <= last else { throw failure("a range is backwards") }
        return CodeSet(first, last)
    }

    private mutating func memberScalar() throws(OperationError) -> UInt32 {
        if skip(0x5C) { return peek == 0x62 ? { position += 1; return 0x08 }() : try escapedScalar() }
        guard let scalar = next() else { throw failure("a class is not closed") }
        return scalar
    }

    private mutating func named() throws(OperationError) -> CodeSet {
        let isNegated = skip(0x5E)
        for name in RegexParser.names where skip(name.name) {
            guard skip(":]") else { break }
            var set = CodeSet(name.members)
            if isNegated { set.invert() }
            return set
        }
        throw failure("there is no such class")
    }

    private struct Name: Sendable {
        let name: StaticString
        let members: StaticString
    }

    private static let names: [Name] = [
        Name(name: "alnum", members: "09AZaz"), Name(name: "alpha", members: "AZaz"), Name(name: "ascii", members: "\0\u{7F}"),
        Name(name: "blank", members: "\t\t  "), Name(name: "cntrl", members: "\0\u{1F}\u{7F}\u{7F}"), Name(name: "digit", members: "09"),
        Name(name: "graph", members: "!~"), Name(name: "lower", members: "az"), Name(name: "print", members: " ~"),
        Name(name: "punct", members: "!/:@[`{~"), Name(name: "space", members: "\u{09}\u{0D}  "), Name(name: "upper", members: "AZ"),
        Name(name: "word", members: "09AZ__az"), Name(name: "xdigit", members: "09AFaf"),
    ]
}
