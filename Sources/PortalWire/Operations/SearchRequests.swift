/// Where a search looks and what it leaves out; `search.grep` and `search.glob` share it.
public struct SearchScope: Sendable {
    /// Files and directories to search in, absolute or relative to the directory; the directory itself if there are none.
    public var paths: [[UInt8]]
    /// Where relative paths start; nil for the home directory.
    public var directory: [UInt8]?
    /// Globs as `rg -g`: what matches is wanted, even if it is ignored or hidden; what matches one with `!` in front is not. The last one counts.
    public var globs: [[UInt8]]
    /// Whether hidden files, whose names begin with a period, are searched.
    public var hidden: Bool
    /// Whether ignore files count for nothing.
    public var noIgnore: Bool
    /// Whether Git's ignore files count outside repositories, too.
    public var noRequireGit: Bool

    /// Makes it from its values.
    public init(
        paths: [[UInt8]] = [], directory: [UInt8]? = nil, globs: [[UInt8]] = [], hidden: Bool = false, noIgnore: Bool = false,
        noRequireGit: Bool = false
    ) {
        self.paths = paths
        self.directory = directory
        self.globs = globs
        self.hidden = hidden
        self.noIgnore = noIgnore
        self.noRequireGit = noRequireGit
    }

    /// Reads the parameters of a request.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        // Whole before the first thing that can fail: otherwise each of these has its own way of taking apart what is there so far.
        self.init()
        paths = try parameters.byteStrings("paths") ?? []
        for path in paths where path.isEmpty || path.count > Limits.pathLength {
            throw .parameter("paths", "has one that cannot be a path")
        }
        if parameters["path"] != nil {
            guard paths.isEmpty else { throw .parameter("path", "and paths exclude each other") }
            paths = [try parameters.requiredPath("path")]
        }
        directory = try parameters.directory()
        globs = try parameters.byteStrings("globs") ?? []
        hidden = try parameters.flag("hidden")
        noIgnore = try parameters.flag("no_ignore")
        noRequireGit = try parameters.flag("no_require_git")
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        if paths.count == 1 {
            writer.member("path", bytes: paths[0])
        } else {
            writer.member("paths", byteStrings: paths)
        }
        writer.member("cwd", bytes: directory)
        writer.member("globs", byteStrings: globs)
        writer.member("hidden", flag: hidden)
        writer.member("no_ignore", flag: noIgnore)
        writer.member("no_require_git", flag: noRequireGit)
    }
}

/// `search.grep`: the lines that a regular expression matches, streamed.
public struct SearchGrepRequest: Sendable {
    /// What is answered of the files that match.
    public enum Mode: UInt8, Sendable, CaseIterable {
        /// The lines.
        case content
        /// Only the paths.
        case files
        /// The number of lines that match.
        case count

        /// The name on the wire.
        public var name: Literal {
            switch self {
            case .content: "content"
            case .files: "files"
            case .count: "count"
            }
        }
    }
    /// The order of the files in the answer.
    public enum Order: UInt8, Sendable, CaseIterable {
        /// As they are found.
        case none
        /// By path, a directory's entries by name.
        case path
        /// The last modified first.
        case modified

        /// The name on the wire.
        public var name: Literal {
            switch self {
            case .none: "none"
            case .path: "path"
            case .modified: "modified"
            }
        }
    }

    /// The name on the wire.
    public static var operation: Literal { "search.grep" }
    /// The regular expression, or the text with `fixed`.
    public var pattern: [UInt8]
    /// Where to search.
    public var scope: SearchScope
    /// Names of files, of each type that was asked for; others are not searched. Nil for all.
    public var typeGlobs: [[UInt8]]?
    /// Whether the pattern is a text and no regular expression.
    public var fixed: Bool
    /// Whether upper and lower case are the same.
    public var ignoreCase: Bool
    /// Whether a match must begin and end at the borders of words.
    public var word: Bool
    /// Whether a match must be the whole line.
    public var line: Bool
    /// Whether the lines that do not match are meant.
    public var invert: Bool
    /// Lines to answer before each that matches.
    public var before: UInt64
    /// Lines to answer behind each that matches.
    public var after: UInt64
    /// What is answered.
    public var mode: Mode
    /// The order of the files.
    public var order: Order
    /// The most lines that are counted as matching in a file; nil for all.
    public var maximumCount: UInt64?
    /// The most matching lines, or files where lines are not answered; nil for all.
    public var limit: UInt64?
    /// The most bytes of a line that are answered; nil for 65536.
    public var maximumColumns: UInt64?

    /// Makes it from its values.
    public init(
        pattern: [UInt8], scope: SearchScope = SearchScope(), typeGlobs: [[UInt8]]? = nil, fixed: Bool = false, ignoreCase: Bool = false,
        word: Bool = false, line: Bool = false, invert: Bool = false, before: UInt64 = 0, after: UInt64 = 0, mode: Mode = .content,
        order: Order = .none, maximumCount: UInt64? = nil, limit: UInt64? = nil, maximumColumns: UInt64? = nil
    ) {
        self.pattern = pattern
        self.scope = scope
        self.typeGlobs = typeGlobs
        self.fixed = fixed
        self.ignoreCase = ignoreCase
        self.word = word
        self.line = line
        self.invert = invert
        self.before = before
        self.after = after
        self.mode = mode
        self.order = order
        self.maximumCount = maximumCount
        self.limit = limit
        self.maximumColumns = maximumColumns
    }

    /// Reads the parameters of a request.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        self.init(pattern: [])
        pattern = try parameters.requiredBytes("pattern")
        scope = try SearchScope(parameters)
        typeGlobs = try parameters.byteStrings("type_globs")
        fixed = try parameters.flag("fixed")
        ignoreCase = try parameters.flag("ignore_case")
        word = try parameters.flag("word")
        line = try parameters.flag("line")
        invert = try parameters.flag("invert")
        before = try parameters.optionalUnsigned("before", maximum: 1000) ?? 0
        after = try parameters.optionalUnsigned("after", maximum: 1000) ?? 0
        mode = Mode(rawValue: try parameters.choice("mode") { Mode(rawValue: $0)?.name }) ?? .content
        order = Order(rawValue: try parameters.choice("sort") { Order(rawValue: $0)?.name }) ?? .none
        maximumCount = try parameters.optionalUnsigned("max_count")
        limit = try parameters.optionalUnsigned("limit")
        maximumColumns = try parameters.optionalUnsigned("max_columns", maximum: 65536)
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("pattern", bytes: pattern)
        scope.write(to: &writer)
        if let typeGlobs {
            writer.member("type_globs", byteStrings: typeGlobs)
        }
        writer.member("fixed", flag: fixed)
        writer.member("ignore_case", flag: ignoreCase)
        writer.member("word", flag: word)
        writer.member("line", flag: line)
        writer.member("invert", flag: invert)
        if before > 0 { writer.member("before", number: before) }
        if after > 0 { writer.member("after", number: after) }
        if mode != .content { writer.member("mode", string: mode.name) }
        if order != .none { writer.member("sort", string: order.name) }
        writer.member("max_count", number: maximumCount)
        writer.member("limit", number: limit)
        writer.member("max_columns", number: maximumColumns)
    }
}

/// `search.glob`: the paths in a tree that a glob matches, streamed.
public struct SearchGlobRequest: Sendable {
    /// The order of the answer.
    public enum Order: UInt8, Sendable, CaseIterable {
        /// As they are found.
        case none
        /// By path, a directory's entries by name.
        case name
        /// The last modified first.
        case modified

        /// The name on the wire.
        public var name: Literal {
            switch self {
            case .none: "none"
            case .name: "name"
            case .modified: "modified"
            }
        }
    }
    /// What is looked for.
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// Regular files.
        case file
        /// Directories.
        case directory
        /// Whatever has a name.
        case any

        /// The name on the wire.
        public var name: Literal {
            switch self {
            case .file: "file"
            case .directory: "directory"
            case .any: "any"
            }
        }
    }

    /// The name on the wire.
    public static var operation: Literal { "search.glob" }
    /// Globs relative to the path; one with `!` in front leaves out what it matches. The last that matches counts.
    public var patterns: [[UInt8]]
    /// Where to search.
    public var scope: SearchScope
    /// What to look for.
    public var kind: Kind
    /// The order of the answer.
    public var order: Order
    /// Whether the patterns' letters match upper and lower case.
    public var ignoreCase: Bool
    /// Whether the files' attributes are answered.
    public var attributes: Bool
    /// The most paths; nil for all, of which at most 100000 where they are sorted by modification.
    public var limit: UInt64?

    /// Makes it from its values.
    public init(
        patterns: [[UInt8]], scope: SearchScope = SearchScope(), kind: Kind = .file, order: Order = .none, ignoreCase: Bool = false,
        attributes: Bool = false, limit: UInt64? = nil
    ) {
        self.patterns = patterns
        self.scope = scope
        self.kind = kind
        self.order = order
        self.ignoreCase = ignoreCase
        self.attributes = attributes
        self.limit = limit
    }

    /// Reads the parameters of a request.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        self.init(patterns: [])
        patterns = try parameters.byteStrings("patterns") ?? []
        if let pattern = try parameters.optionalBytes("pattern") { patterns.append(pattern) }
        guard !patterns.isEmpty else { throw .parameter("pattern", "is missing") }
        scope = try SearchScope(parameters)
        kind = Kind(rawValue: try parameters.choice("kind") { Kind(rawValue: $0)?.name }) ?? .file
        order = Order(rawValue: try parameters.choice("sort") { Order(rawValue: $0)?.name }) ?? .none
        ignoreCase = try parameters.flag("ignore_case")
        attributes = try parameters.flag("attributes")
        limit = try parameters.optionalUnsigned("limit")
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        if patterns.count == 1 {
            writer.member("pattern", bytes: patterns[0])
        } else {
            writer.member("patterns", byteStrings: patterns)
        }
        scope.write(to: &writer)
        if kind != .file { writer.member("kind", string: kind.name) }
        if order != .none { writer.member("sort", string: order.name) }
        writer.member("ignore_case", flag: ignoreCase)
        writer.member("attributes", flag: attributes)
        writer.member("limit", number: limit)
    }
}
