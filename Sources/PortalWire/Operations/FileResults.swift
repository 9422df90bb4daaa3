/// The kinds of things that a path can name.
public enum FileKind: UInt8, Sendable, CaseIterable {
    case file, directory, symlink, fifo, socket, character, block, unknown

    /// The name on the wire.
    public var name: Literal {
        switch self {
        case .file: "file"
        case .directory: "directory"
        case .symlink: "symlink"
        case .fifo: "fifo"
        case .socket: "socket"
        case .character: "character"
        case .block: "block"
        case .unknown: "unknown"
        }
    }
}

/// What a host knows of a file: the answer of `fs.stat`, and one line of `fs.list`.
public struct FileStatus: Sendable, Equatable {
    /// What it is.
    public var kind: FileKind
    /// Bytes.
    public var size: UInt64
    /// The permission bits, with set-user-id, set-group-id and sticky.
    public var mode: UInt32
    /// The owner.
    public var userIdentifier: UInt32
    /// The owning group.
    public var groupIdentifier: UInt32
    /// The number of its file system.
    public var device: UInt64
    /// Its number in the file system.
    public var inode: UInt64
    /// How many names it has.
    public var links: UInt64
    /// Nanoseconds since 1970.
    public var modified: Int64
    /// Nanoseconds since 1970.
    public var changed: Int64
    /// Where a symbolic link points, if this is one.
    public var target: [UInt8]?

    /// Makes it from its values.
    public init(
        kind: FileKind, size: UInt64, mode: UInt32, userIdentifier: UInt32, groupIdentifier: UInt32, device: UInt64, inode: UInt64,
        links: UInt64, modified: Int64, changed: Int64, target: [UInt8]? = nil
    ) {
        self.kind = kind
        self.size = size
        self.mode = mode
        self.userIdentifier = userIdentifier
        self.groupIdentifier = groupIdentifier
        self.device = device
        self.inode = inode
        self.links = links
        self.modified = modified
        self.changed = changed
        self.target = target
    }

    /// Reads the members of an answer; nil where one is missing.
    public init?(_ value: JSONValue) {
        guard let kindName = value.string("kind"), let size = value.unsigned("size"), let mode = value.unsigned("mode"),
            let user = value.unsigned("uid"), let group = value.unsigned("gid"), let device = value.unsigned("dev"),
            let inode = value.unsigned("ino"), let links = value.unsigned("nlink"), let modified = value.integer("mtime_ns"),
            let changed = value.integer("ctime_ns")
        else { return nil }
        kind = FileKind.allCases.first { kindName.equals($0.name) } ?? .unknown
        self.size = size
        self.mode = UInt32(truncatingIfNeeded: mode)
        userIdentifier = UInt32(truncatingIfNeeded: user)
        groupIdentifier = UInt32(truncatingIfNeeded: group)
        self.device = device
        self.inode = inode
        self.links = links
        self.modified = modified
        self.changed = changed
        target = value.bytes("target")
    }

    /// Writes the members of an answer.
    public func write(to writer: inout JSONWriter) {
        writer.member("kind", string: kind.name)
        writer.member("size", number: size)
        writer.member("mode", number: UInt64(mode))
        writer.member("uid", number: UInt64(userIdentifier))
        writer.member("gid", number: UInt64(groupIdentifier))
        writer.member("dev", number: device)
        writer.member("ino", number: inode)
        writer.member("nlink", number: links)
        writer.member("mtime_ns", signed: modified)
        writer.member("ctime_ns", signed: changed)
        writer.member("target", bytes: target)
    }
}

/// One entry of a directory: a line of `fs.list`'s content, which is JSON objects each ended by a line feed.
public struct DirectoryEntry: Sendable, Equatable {
    /// The name in its directory.
    public var name: [UInt8]
    /// Nil where the entry went away before it was looked at, or the host forbids the look.
    public var status: FileStatus?

    /// Makes it from its values.
    public init(name: [UInt8], status: FileStatus?) {
        self.name = name
        self.status = status
    }

    /// Reads one line.
    public init?(_ value: JSONValue) {
        guard let name = value.bytes("name") else { return nil }
        self.name = name
        status = FileStatus(value)
    }

    /// The line, with its line feed.
    public func line() -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("name", bytes: name)
        status?.write(to: &writer)
        writer.endLine()
        return writer.bytes
    }
}

/// The end of `fs.list`.
public struct FileListResult: Sendable {
    /// How many entries were sent.
    public var count: UInt64
    /// Whether there are more than the limit let through.
    public var truncated: Bool
    /// How many directories further down could not be read.
    public var errorCount: UInt64
    /// Why the first few of them could not.
    public var errors: [OperationError]

    /// Makes it from its values.
    public init(count: UInt64, truncated: Bool, errorCount: UInt64 = 0, errors: [OperationError] = []) {
        self.count = count
        self.truncated = truncated
        self.errorCount = errorCount
        self.errors = errors
    }

    /// Reads an answer; nil where something is missing.
    public init?(_ value: JSONValue) {
        guard let count = value.unsigned("count") else { return nil }
        self.count = count
        truncated = value.bool("truncated") ?? false
        errorCount = value.unsigned("error_count") ?? 0
        errors = value.operationErrors
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("count", number: count)
        writer.member("truncated", flag: truncated)
        writer.members(errorCount: errorCount, errors)
    }
}

/// The end of `fs.read`.
public struct FileReadResult: Sendable, Equatable {
    /// How many bytes were sent.
    public var bytes: UInt64
    /// The file as it was when it was opened.
    public var status: FileStatus
    /// Whether a NUL is among the file's first 8 KiB: it is no text.
    public var binary: Bool
    /// Whether the file has the content that the request named, so that nothing was sent.
    public var unchanged: Bool
    /// The SHA-256 of the bytes sent, in hexadecimal, where it was asked for.
    public var sha256: [UInt8]?
    /// The lines, where lines were asked for.
    public var lines: Lines?

    /// What a read by lines says beyond one by bytes.
    public struct Lines: Sendable, Equatable {
        /// The first line that was asked for, from 1.
        public var first: UInt64
        /// How many were sent.
        public var count: UInt64
        /// How many the file has; a last line without a line feed is one.
        public var total: UInt64
        /// The SHA-256 of the whole file, in hexadecimal, where a hash was asked for.
        public var fileSHA256: [UInt8]?

        /// Makes it from its values.
        public init(first: UInt64, count: UInt64, total: UInt64, fileSHA256: [UInt8]? = nil) {
            self.first = first
            self.count = count
            self.total = total
            self.fileSHA256 = fileSHA256
        }
    }

    /// Makes it from its values.
    public init(
        bytes: UInt64, status: FileStatus, binary: Bool = false, unchanged: Bool = false, sha256: [UInt8]? = nil, lines: Lines? = nil
    ) {
        self.bytes = bytes
        self.status = status
        self.binary = binary
        self.unchanged = unchanged
        self.sha256 = sha256
        self.lines = lines
    }

    /// Reads an answer; nil where something is missing.
    public init?(_ value: JSONValue) {
        guard let bytes = value.unsigned("bytes"), let status = FileStatus(value) else { return nil }
        self.bytes = bytes
        self.status = status
        binary = value.bool("binary") ?? false
        unchanged = value.bool("unchanged") ?? false
        sha256 = value.string("sha256")
        if let first = value.unsigned("first_line"), let count = value.unsigned("lines"), let total = value.unsigned("total_lines") {
            lines = Lines(first: first, count: count, total: total, fileSHA256: value.string("file_sha256"))
        }
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("bytes", number: bytes)
        status.write(to: &writer)
        writer.member("binary", flag: binary)
        writer.member("unchanged", flag: unchanged)
        writer.member("sha256", bytes: sha256)
        guard let lines else { return }
        writer.member("first_line", number: lines.first)
        writer.member("lines", number: lines.count)
        writer.member("total_lines", number: lines.total)
        writer.member("file_sha256", bytes: lines.fileSHA256)
    }
}

/// The end of `fs.write`: what is now in place.
public struct FileWriteResult: Sendable, Equatable {
    /// Bytes.
    public var size: UInt64
    /// The SHA-256 of the content, in hexadecimal.
    public var sha256: [UInt8]
    /// Whether there was no file before.
    public var created: Bool
    /// What the file had and could not keep: `owner`, `group`, `mode`, or the name of an extended attribute.
    public var lost: [[UInt8]]

    /// Makes it from its values.
    public init(size: UInt64, sha256: [UInt8], created: Bool, lost: [[UInt8]] = []) {
        self.size = size
        self.sha256 = sha256
        self.created = created
        self.lost = lost
    }

    /// Reads an answer; nil where something is missing.
    public init?(_ value: JSONValue) {
        guard let size = value.unsigned("size"), let sha256 = value.string("sha256"), let created = value.bool("created") else {
            return nil
        }
        self.init(size: size, sha256: sha256, created: created, lost: value.byteStringElements("lost"))
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("size", number: size)
        writer.member("sha256", bytes: sha256)
        writer.name("created")
        writer.bool(created)
        writer.member("lost", byteStrings: lost)
    }
}
