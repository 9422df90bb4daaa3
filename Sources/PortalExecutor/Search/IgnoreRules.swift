import CExecutorPlatform
import PortalWire

/// Rules in their order, of a file like `.gitignore` or of a request's globs; the last that matches a path decides.
struct IgnoreRules: Sendable {
    enum Verdict { case none, ignored, wanted }

    /// What `platform_rules_match` takes.
    private var packed: [UInt8] = []
    /// Whether a rule says what is wanted, and not only what is not.
    private(set) var hasWanted = false

    var isEmpty: Bool { packed.isEmpty }

    init() {}

    /// The rules of a file's text. A line that is no rule is left out, as ripgrep does.
    init(text: [UInt8]) {
        var start = 0
        // A byte order mark before the first rule is none of its bytes.
        if text.count >= 3, text[0] == 0xEF, text[1] == 0xBB, text[2] == 0xBF { start = 3 }
        while start < text.count {
            var end = start
            while end < text.count, text[end] != 0x0A { end += 1 }
            _ = add(line: text.part(start, end))
            start = end + 1
        }
    }

    /// Adds a line of a file; false where it is no glob.
    mutating func add(line: [UInt8]) -> Bool {
        var line = line
        guard line.first != 0x23 else { return true }
        // White space at the end counts only where it is escaped.
        while let last = line.last, last == 0x20 || last >= 0x09 && last <= 0x0D {
            if line.count >= 2, line[line.count - 2] == 0x5C { break }
            line.removeLast()
        }
        guard !line.isEmpty else { return true }
        var flags: UInt8 = 0
        if line[0] == 0x21 {
            flags = UInt8(PLATFORM_RULE_INCLUDES)
            line.removeFirst()
        }
        return add(glob: line, flags: flags, ignoresCase: false)
    }

    /// Adds a glob as `rg -g` takes it: it says what is wanted, or with `!` what is not.
    mutating func add(override glob: [UInt8], ignoresCase: Bool) -> Bool {
        guard glob.first == 0x21 else { return add(glob: glob, flags: UInt8(PLATFORM_RULE_INCLUDES), ignoresCase: ignoresCase) }
        return add(glob: glob.part(from: 1), flags: 0, ignoresCase: ignoresCase)
    }

    /// Adds a glob for names, of a file type.
    mutating func add(name glob: [UInt8]) -> Bool {
        guard let programs = GlobCompiler.programs(glob, ignoresCase: false) else { return false }
        append(programs, flags: UInt8(PLATFORM_RULE_INCLUDES | PLATFORM_RULE_NAME))
        return true
    }

    private mutating func add(glob: [UInt8], flags: UInt8, ignoresCase: Bool) -> Bool {
        var glob = glob
        var flags = flags
        var isAnchored = false
        if glob.first == 0x2F {
            glob.removeFirst()
            isAnchored = true
        }
        if glob.last == 0x2F {
            flags |= UInt8(PLATFORM_RULE_DIRECTORY)
            glob.removeLast()
            if glob.last == 0x5C { glob.removeLast() }
        }
        guard !glob.isEmpty else { return true }
        if !isAnchored, !glob.contains(0x2F) { flags |= UInt8(PLATFORM_RULE_NAME) }
        // All that is inside, and not the directory itself.
        if glob.count >= 3, glob.part(from: glob.count - 3).equals("/**") { glob.append("/*") }
        guard let programs = GlobCompiler.programs(glob, ignoresCase: ignoresCase) else { return false }
        append(programs, flags: flags)
        return true
    }

    private mutating func append(_ programs: [[UInt8]], flags: UInt8) {
        if flags & UInt8(PLATFORM_RULE_INCLUDES) != 0 { hasWanted = true }
        for program in programs where program.count < 65536 {
            packed.add(flags)
            packed.add(UInt8(truncatingIfNeeded: program.count >> 8))
            packed.add(UInt8(truncatingIfNeeded: program.count))
            packed.add(program)
        }
    }

    /// What the rules say of a path.
    /// - Parameters:
    ///   - offset: Where the path begins that is relative to the rules' directory.
    ///   - name: Where its last component begins.
    @inline(never)
    func verdict(_ path: [UInt8], from offset: Int, name: Int, isDirectory: Bool) -> Verdict {
        guard !packed.isEmpty, offset < path.count else { return .none }
        let found = path.withUnsafeBufferPointer { path in
            platform_rules_match(
                packed, packed.count, path.baseAddress! + offset, path.count - offset, name - offset, isDirectory ? 1 : 0)
        }
        return found == 0 ? .none : found == 1 ? .ignored : .wanted
    }
}
