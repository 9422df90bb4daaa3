/// `fs.stat`: what is at a path.
public struct FileStatRequest: Sendable {
    /// The name on the wire.
    public static var operation: Literal { "fs.stat" }
    /// The path, absolute or relative to the directory.
    public var path: [UInt8]
    /// Where relative paths start; nil for the home directory.
    public var directory: [UInt8]?
    /// Whether a symbolic link at the end of the path is followed.
    public var follow: Bool

    /// Makes it from its values.
    public init(path: [UInt8], directory: [UInt8]? = nil, follow: Bool = true) {
        self.path = path
        self.directory = directory
        self.follow = follow
    }

    /// Reads the parameters of a request.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        follow = try parameters.flag("follow", default: true)
        path = try parameters.requiredPath("path")
        directory = try parameters.directory()
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("path", bytes: path)
        writer.member("cwd", bytes: directory)
        if !follow {
            writer.name("follow")
            writer.bool(false)
        }
    }
}

/// `fs.list`: a directory's entries with their attributes, streamed; those of the directories in it, too, where it is asked for.
public struct FileListRequest: Sendable {
    /// The name on the wire.
    public static var operation: Literal { "fs.list" }
    /// The path, absolute or relative to the directory.
    public var path: [UInt8]
    /// Where relative paths start; nil for the home directory.
    public var directory: [UInt8]?
    /// The most entries that are answered; nil for all.
    public var limit: UInt64?
    /// How deep: 1 for the directory's own entries, 2 for those of the directories in it, and so on; 0 for all.
    public var depth: UInt64
    /// Whether what the ignore files of Git and ripgrep name is left out.
    public var ignore: Bool
    /// Globs, as in a `.gitignore` in the directory, of what is left out.
    public var exclude: [[UInt8]]

    /// Makes it from its values.
    public init(
        path: [UInt8], directory: [UInt8]? = nil, limit: UInt64? = nil, depth: UInt64 = 1, ignore: Bool = false, exclude: [[UInt8]] = []
    ) {
        self.path = path
        self.directory = directory
        self.limit = limit
        self.depth = depth
        self.ignore = ignore
        self.exclude = exclude
    }

    /// Reads the parameters of a request.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        limit = try parameters.optionalUnsigned("limit")
        depth = try parameters.optionalUnsigned("depth") ?? 1
        ignore = try parameters.flag("ignore")
        path = try parameters.requiredPath("path")
        directory = try parameters.directory()
        exclude = try parameters.byteStrings("exclude") ?? []
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("path", bytes: path)
        writer.member("cwd", bytes: directory)
        writer.member("limit", number: limit)
        if depth != 1 { writer.member("depth", number: depth) }
        writer.member("ignore", flag: ignore)
        writer.member("exclude", byteStrings: exclude)
    }
}

/// `fs.read`: a file's bytes, whole or a range, streamed.
public struct FileReadRequest: Sendable {
    /// The name on the wire.
    public static var operation: Literal { "fs.read" }
    /// The path, absolute or relative to the directory.
    public var path: [UInt8]
    /// Where relative paths start; nil for the home directory.
    public var directory: [UInt8]?
    /// The first byte.
    public var offset: UInt64
    /// The most bytes that are answered; nil for all to the end.
    public var length: UInt64?
    /// The first line, from 1; with it or `lines` whole lines are answered instead of a range of bytes.
    public var firstLine: UInt64?
    /// The most lines that are answered; nil for all to the end.
    public var lines: UInt64?
    /// Whether the result has the SHA-256 of the bytes that were sent, and with lines the file's.
    public var hash: Bool
    /// The SHA-256, in hexadecimal, of a content that need not be sent: the answer to it is that the file is unchanged.
    public var ifNoneMatch: [UInt8]?

    /// Makes it from its values.
    public init(
        path: [UInt8], directory: [UInt8]? = nil, offset: UInt64 = 0, length: UInt64? = nil, firstLine: UInt64? = nil,
        lines: UInt64? = nil, hash: Bool = false, ifNoneMatch: [UInt8]? = nil
    ) {
        self.path = path
        self.directory = directory
        self.offset = offset
        self.length = length
        self.firstLine = firstLine
        self.lines = lines
        self.hash = hash
        self.ifNoneMatch = ifNoneMatch
    }

    /// Reads the parameters of a request.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        offset = try parameters.optionalUnsigned("offset") ?? 0
        length = try parameters.optionalUnsigned("length")
        firstLine = try parameters.optionalUnsigned("first_line")
        lines = try parameters.optionalUnsigned("lines")
        hash = try parameters.flag("hash")
        if firstLine == 0 { throw .parameter("first_line", "is zero; lines are counted from 1") }
        if firstLine != nil || lines != nil, offset > 0 || length != nil {
            throw .parameter("first_line", "or lines is there together with offset or length")
        }
        path = try parameters.requiredPath("path")
        directory = try parameters.directory()
        ifNoneMatch = try parameters.optionalBytes("if_none_match")
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("path", bytes: path)
        writer.member("cwd", bytes: directory)
        if offset > 0 { writer.member("offset", number: offset) }
        writer.member("length", number: length)
        writer.member("first_line", number: firstLine)
        writer.member("lines", number: lines)
        writer.member("hash", flag: hash)
        writer.member("if_none_match", bytes: ifNoneMatch)
    }
}

/// `fs.write`: replaces a file's content, or makes the file, atomically. The content is the request's own data.
public struct FileWriteRequest: Sendable {
    /// The name on the wire.
    public static var operation: Literal { "fs.write" }
    /// The path, absolute or relative to the directory.
    public var path: [UInt8]
    /// Where relative paths start; nil for the home directory.
    public var directory: [UInt8]?
    /// The permission bits of a new file; nil for 0666 less the umask. An existing file keeps its own.
    public var mode: UInt32?
    /// The SHA-256, in hexadecimal, that the file must have now.
    public var ifMatch: [UInt8]?
    /// Whether it is an error that something is there already.
    public var createOnly: Bool
    /// Whether missing parent directories are made.
    public var parents: Bool
    /// Whether the content is on the disk (fsync) before it is answered.
    public var sync: Bool
    /// The SHA-256, in hexadecimal, that the content must have: a transfer that was cut or changed is then never put in place.
    public var sha256: [UInt8]?
    /// What is done with a file that has more names than this one.
    public var hardLinks: HardLinks

    /// A name for what is collected beside the file, the same for each attempt to write this content: it stays where the writing is cut.
    public var part: [UInt8]?
    /// How many bytes of the content the part has from an earlier attempt; the data is what follows them.
    public var offset: UInt64 = 0

    /// Makes it from its values.
    public init(
        path: [UInt8], directory: [UInt8]? = nil, mode: UInt32? = nil, ifMatch: [UInt8]? = nil, createOnly: Bool = false,
        parents: Bool = false, sync: Bool = false, sha256: [UInt8]? = nil, hardLinks: HardLinks = .refuse
    ) {
        self.path = path
        self.directory = directory
        self.mode = mode
        self.ifMatch = ifMatch
        self.createOnly = createOnly
        self.parents = parents
        self.sync = sync
        self.sha256 = sha256
        self.hardLinks = hardLinks
    }

    /// Reads the parameters of a request.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        mode = try parameters.optionalUnsigned("mode", maximum: 0o7777).map { UInt32($0) }
        createOnly = try parameters.flag("create_only")
        parents = try parameters.flag("parents")
        sync = try parameters.flag("fsync")
        offset = try parameters.optionalUnsigned("offset") ?? 0
        hardLinks = try HardLinks(parameters)
        path = try parameters.requiredPath("path")
        directory = try parameters.directory()
        ifMatch = try parameters.optionalBytes("if_match")
        sha256 = try parameters.optionalBytes("sha256")
        part = try parameters.optionalBytes("part")
        if let part {
            guard sha256 != nil else { throw .parameter("part", "needs sha256, by which it is told whether it is whole") }
            guard FileWriteRequest.isPlainName(part) else { throw .parameter("part", "is not 1 to 64 letters and digits") }
        }
        if offset > 0, part == nil { throw .parameter("offset", "needs a part to go on with") }
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("path", bytes: path)
        writer.member("cwd", bytes: directory)
        writer.member("mode", number: mode.map { UInt64($0) })
        writer.member("if_match", bytes: ifMatch)
        writer.member("create_only", flag: createOnly)
        writer.member("parents", flag: parents)
        writer.member("fsync", flag: sync)
        writer.member("sha256", bytes: sha256)
        writer.member("part", bytes: part)
        if offset > 0 { writer.member("offset", number: offset) }
        hardLinks.write(to: &writer)
    }

    private static func isPlainName(_ name: [UInt8]) -> Bool {
        guard 1...64 ~= name.count else { return false }
        for byte in name {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: break
            default: return false
            }
        }
        return true
    }
}

/// `fs.remove`: removes a file, a link or a directory.
public struct FileRemoveRequest: Sendable {
    /// The name on the wire.
    public static var operation: Literal { "fs.remove" }
    /// The path, absolute or relative to the directory.
    public var path: [UInt8]
    /// Where relative paths start; nil for the home directory.
    public var directory: [UInt8]?
    /// Whether a directory goes with everything in it. Symbolic links are removed, never followed.
    public var recursive: Bool

    /// Makes it from its values.
    public init(path: [UInt8], directory: [UInt8]? = nil, recursive: Bool = false) {
        self.path = path
        self.directory = directory
        self.recursive = recursive
    }

    /// Reads the parameters of a request.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        recursive = try parameters.flag("recursive")
        path = try parameters.requiredPath("path")
        directory = try parameters.directory()
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("path", bytes: path)
        writer.member("cwd", bytes: directory)
        writer.member("recursive", flag: recursive)
    }
}

/// `fs.mkdir`: makes a directory.
public struct FileMakeDirectoryRequest: Sendable {
    /// The name on the wire.
    public static var operation: Literal { "fs.mkdir" }
    /// The path, absolute or relative to the directory.
    public var path: [UInt8]
    /// Where relative paths start; nil for the home directory.
    public var directory: [UInt8]?
    /// Whether missing parents are made and an existing directory is no error.
    public var parents: Bool
    /// The permission bits; nil for 0777 less the umask.
    public var mode: UInt32?

    /// Makes it from its values.
    public init(path: [UInt8], directory: [UInt8]? = nil, parents: Bool = false, mode: UInt32? = nil) {
        self.path = path
        self.directory = directory
        self.parents = parents
        self.mode = mode
    }

    /// Reads the parameters of a request.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        parents = try parameters.flag("parents")
        mode = try parameters.optionalUnsigned("mode", maximum: 0o7777).map { UInt32($0) }
        path = try parameters.requiredPath("path")
        directory = try parameters.directory()
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("path", bytes: path)
        writer.member("cwd", bytes: directory)
        writer.member("parents", flag: parents)
        writer.member("mode", number: mode.map { UInt64($0) })
    }
}

/// `fs.rename`: moves within one file system, atomically.
public struct FileRenameRequest: Sendable {
    /// The name on the wire.
    public static var operation: Literal { "fs.rename" }
    /// What is moved.
    public var from: [UInt8]
    /// Its new path.
    public var to: [UInt8]
    /// Where relative paths start; nil for the home directory.
    public var directory: [UInt8]?
    /// Whether something at the new path is replaced; otherwise that is `exists`.
    public var replace: Bool

    /// Makes it from its values.
    public init(from: [UInt8], to: [UInt8], directory: [UInt8]? = nil, replace: Bool = true) {
        self.from = from
        self.to = to
        self.directory = directory
        self.replace = replace
    }

    /// Reads the parameters of a request.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        replace = try parameters.flag("replace", default: true)
        from = try parameters.requiredPath("from")
        to = try parameters.requiredPath("to")
        directory = try parameters.directory()
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("from", bytes: from)
        writer.member("to", bytes: to)
        writer.member("cwd", bytes: directory)
        if !replace {
            writer.name("replace")
            writer.bool(false)
        }
    }
}
