/// `fs.link`: makes a link.
public struct FileLinkRequest: Sendable {
    /// The name on the wire.
    public static var operation: Literal { "fs.link" }
    /// For a hard link the path of the file, for a symbolic one its text, which nothing is done to.
    public var target: [UInt8]
    /// The link's own path.
    public var path: [UInt8]
    /// Where relative paths start; nil for the home directory.
    public var directory: [UInt8]?
    /// Whether it is a symbolic link.
    public var symbolic: Bool

    /// Makes it from its values.
    public init(target: [UInt8], path: [UInt8], directory: [UInt8]? = nil, symbolic: Bool = false) {
        self.target = target
        self.path = path
        self.directory = directory
        self.symbolic = symbolic
    }

    /// Reads the parameters of a request.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        symbolic = try parameters.flag("symbolic")
        target = try parameters.requiredPath("target")
        path = try parameters.requiredPath("path")
        directory = try parameters.directory()
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("target", bytes: target)
        writer.member("path", bytes: path)
        writer.member("cwd", bytes: directory)
        writer.member("symbolic", flag: symbolic)
    }
}

/// The parameters of `fs.readlink`, where a symbolic link points, and `fs.realpath`, a path without links.
public struct FilePathRequest: Sendable {
    /// The name of the first on the wire.
    public static var readLink: Literal { "fs.readlink" }
    /// The name of the second on the wire.
    public static var realPath: Literal { "fs.realpath" }
    /// The path, absolute or relative to the directory.
    public var path: [UInt8]
    /// Where relative paths start; nil for the home directory.
    public var directory: [UInt8]?

    /// Makes it from its values.
    public init(path: [UInt8], directory: [UInt8]? = nil) {
        self.path = path
        self.directory = directory
    }

    /// Reads the parameters of a request.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        path = try parameters.requiredPath("path")
        directory = try parameters.directory()
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("path", bytes: path)
        writer.member("cwd", bytes: directory)
    }
}

/// `fs.chmod`: changes the permission bits.
public struct FileModeRequest: Sendable {
    /// The name on the wire.
    public static var operation: Literal { "fs.chmod" }
    /// The path, absolute or relative to the directory.
    public var path: [UInt8]
    /// Where relative paths start; nil for the home directory.
    public var directory: [UInt8]?
    /// The permission bits, with set-user-id, set-group-id and sticky.
    public var mode: UInt32
    /// Whether a symbolic link at the end of the path is followed.
    public var follow: Bool

    /// Makes it from its values.
    public init(path: [UInt8], directory: [UInt8]? = nil, mode: UInt32, follow: Bool = true) {
        self.path = path
        self.directory = directory
        self.mode = mode
        self.follow = follow
    }

    /// Reads the parameters of a request.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        guard let mode = try parameters.optionalUnsigned("mode", maximum: 0o7777) else { throw .parameter("mode", "is missing") }
        self.mode = UInt32(mode)
        follow = try parameters.flag("follow", default: true)
        path = try parameters.requiredPath("path")
        directory = try parameters.directory()
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("path", bytes: path)
        writer.member("cwd", bytes: directory)
        writer.member("mode", number: UInt64(mode))
        if !follow {
            writer.name("follow")
            writer.bool(false)
        }
    }
}

/// `fs.utimes`: sets the times of the last change and the last access.
public struct FileTimesRequest: Sendable {
    /// The name on the wire.
    public static var operation: Literal { "fs.utimes" }
    /// The path, absolute or relative to the directory.
    public var path: [UInt8]
    /// Where relative paths start; nil for the home directory.
    public var directory: [UInt8]?
    /// Nanoseconds since 1970; nil leaves it.
    public var modified: Int64?
    /// Nanoseconds since 1970; nil leaves it.
    public var accessed: Int64?
    /// Whether a symbolic link at the end of the path is followed.
    public var follow: Bool

    /// Makes it from its values.
    public init(path: [UInt8], directory: [UInt8]? = nil, modified: Int64? = nil, accessed: Int64? = nil, follow: Bool = true) {
        self.path = path
        self.directory = directory
        self.modified = modified
        self.accessed = accessed
        self.follow = follow
    }

    /// Reads the parameters of a request.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        modified = try parameters.optionalSigned("mtime_ns")
        accessed = try parameters.optionalSigned("atime_ns")
        guard modified != nil || accessed != nil else { throw .parameter("mtime_ns", "is missing, and so is atime_ns") }
        follow = try parameters.flag("follow", default: true)
        path = try parameters.requiredPath("path")
        directory = try parameters.directory()
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("path", bytes: path)
        writer.member("cwd", bytes: directory)
        if let modified { writer.member("mtime_ns", signed: modified) }
        if let accessed { writer.member("atime_ns", signed: accessed) }
        if !follow {
            writer.name("follow")
            writer.bool(false)
        }
    }
}
