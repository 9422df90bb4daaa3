/// A line of `search.grep`'s content, which is JSON objects each ended by a line feed.
public struct SearchMatch: Sendable, Equatable {
    /// The file, named as the request's paths name it.
    public var path: [UInt8]
    /// The line's number, from 1; nil where only the file is told.
    public var line: UInt64?
    /// The line without its line feed, cut after so many bytes as the request allows.
    public var text: [UInt8]
    /// The bytes of the whole line, where `text` was cut.
    public var length: UInt64?
    /// Whether the line stands beside one that matches.
    public var isContext: Bool
    /// How many lines match, where they are counted.
    public var count: UInt64?
    /// Whether the file turned out to be binary: a match is in it, or was found before the first NUL, and no more of it is told.
    public var isBinary: Bool

    /// Makes it from its values.
    public init(
        path: [UInt8], line: UInt64? = nil, text: [UInt8] = [], length: UInt64? = nil, isContext: Bool = false, count: UInt64? = nil,
        isBinary: Bool = false
    ) {
        self.path = path
        self.line = line
        self.text = text
        self.length = length
        self.isContext = isContext
        self.count = count
        self.isBinary = isBinary
    }

    /// Reads one line; nil where its path is missing.
    public init?(_ value: JSONValue) {
        guard let path = value.bytes("path") else { return nil }
        self.path = path
        line = value.unsigned("line")
        text = value.bytes("text") ?? []
        length = value.unsigned("length")
        isContext = value.bool("context") ?? false
        count = value.unsigned("count")
        isBinary = value.bool("binary") ?? false
    }

    /// Writes the members of the line.
    public func write(to writer: inout JSONWriter) {
        writer.member("path", bytes: path)
        if let line {
            writer.member("line", number: line)
            writer.member("text", bytes: text)
        }
        writer.member("length", number: length)
        writer.member("context", flag: isContext)
        writer.member("count", number: count)
        writer.member("binary", flag: isBinary)
    }
}

/// The end of `search.grep`.
public struct SearchGrepResult: Sendable {
    /// Files that were searched.
    public var files: UInt64
    /// Files in which something matched.
    public var matchedFiles: UInt64
    /// Lines that matched.
    public var matches: UInt64
    /// Files that were left, or left out, for being binary.
    public var binary: UInt64
    /// Whether there is more than the limit let through.
    public var truncated: Bool
    /// How many files and directories could not be searched.
    public var errorCount: UInt64
    /// Why the first few of them could not.
    public var errors: [OperationError]

    /// Makes it from its values.
    public init(
        files: UInt64, matchedFiles: UInt64, matches: UInt64, binary: UInt64, truncated: Bool, errorCount: UInt64, errors: [OperationError]
    ) {
        self.files = files
        self.matchedFiles = matchedFiles
        self.matches = matches
        self.binary = binary
        self.truncated = truncated
        self.errorCount = errorCount
        self.errors = errors
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("files", number: files)
        writer.member("matched_files", number: matchedFiles)
        writer.member("matches", number: matches)
        if binary > 0 { writer.member("binary", number: binary) }
        writer.member("truncated", flag: truncated)
        writer.members(errorCount: errorCount, errors)
    }

    /// Reads an answer; nil where something is missing.
    public init?(_ value: JSONValue) {
        guard let files = value.unsigned("files"), let matchedFiles = value.unsigned("matched_files"),
            let matches = value.unsigned("matches")
        else { return nil }
        self.files = files
        self.matchedFiles = matchedFiles
        self.matches = matches
        binary = value.unsigned("binary") ?? 0
        truncated = value.bool("truncated") ?? false
        errorCount = value.unsigned("error_count") ?? 0
        errors = value.operationErrors
    }
}

/// A line of `search.glob`'s content.
public struct SearchPath: Sendable, Equatable {
    /// What was found, named as the request's paths name it.
    public var path: [UInt8]
    /// Its attributes, where they were asked for and could be had.
    public var status: FileStatus?

    /// Reads one line; nil where its path is missing.
    public init?(_ value: JSONValue) {
        guard let path = value.bytes("path") else { return nil }
        self.path = path
        status = FileStatus(value)
    }
}

/// The end of `search.glob`.
public struct SearchGlobResult: Sendable {
    /// How many paths were sent.
    public var count: UInt64
    /// Whether there are more than the limit let through.
    public var truncated: Bool
    /// How many directories could not be searched.
    public var errorCount: UInt64
    /// Why the first few of them could not.
    public var errors: [OperationError]

    /// Makes it from its values.
    public init(count: UInt64, truncated: Bool, errorCount: UInt64, errors: [OperationError]) {
        self.count = count
        self.truncated = truncated
        self.errorCount = errorCount
        self.errors = errors
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("count", number: count)
        writer.member("truncated", flag: truncated)
        writer.members(errorCount: errorCount, errors)
    }

    /// Reads an answer; nil where something is missing.
    public init?(_ value: JSONValue) {
        guard let count = value.unsigned("count") else { return nil }
        self.count = count
        truncated = value.bool("truncated") ?? false
        errorCount = value.unsigned("error_count") ?? 0
        errors = value.operationErrors
    }
}

extension JSONValue {
    /// Why the first few places could not be looked at, as `members(errorCount:_:)` writes it.
    var operationErrors: [OperationError] { (array("errors") ?? []).map { OperationError($0) } }
}

extension JSONWriter {
    /// How many places could not be looked at, and why the first few could not; nothing where all could.
    @inline(never)
    public mutating func members(errorCount: UInt64, _ errors: [OperationError]) {
        guard errorCount > 0 else { return }
        member("error_count", number: errorCount)
        name("errors")
        beginArray()
        for error in errors { error.write(to: &self) }
        endArray()
    }
}
