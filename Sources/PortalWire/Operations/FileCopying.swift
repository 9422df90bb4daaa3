/// `fs.copy`: copies a file, a symbolic link or a tree on the host.
public struct FileCopyRequest: Sendable {
    /// The name on the wire.
    public static var operation: Literal { "fs.copy" }
    /// What is copied. A symbolic link is copied as a link.
    public var from: [UInt8]
    /// The path of the copy itself, not of a directory to put it into.
    public var to: [UInt8]
    /// Where relative paths start; nil for the home directory.
    public var directory: [UInt8]?
    /// Whether a directory is copied, with everything in it.
    public var recursive: Bool
    /// Whether files that are there are replaced and directories that are there are merged with; otherwise that is `exists`.
    public var replace: Bool
    /// Whether copies have the mode and the times of the originals.
    public var preserve: Bool

    /// Makes it from its values.
    public init(
        from: [UInt8], to: [UInt8], directory: [UInt8]? = nil, recursive: Bool = false, replace: Bool = false, preserve: Bool = true
    ) {
        self.from = from
        self.to = to
        self.directory = directory
        self.recursive = recursive
        self.replace = replace
        self.preserve = preserve
    }

    /// Reads the parameters of a request.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        recursive = try parameters.flag("recursive")
        replace = try parameters.flag("replace")
        preserve = try parameters.flag("preserve", default: true)
        from = try parameters.requiredPath("from")
        to = try parameters.requiredPath("to")
        directory = try parameters.directory()
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("from", bytes: from)
        writer.member("to", bytes: to)
        writer.member("cwd", bytes: directory)
        writer.member("recursive", flag: recursive)
        writer.member("replace", flag: replace)
        if !preserve {
            writer.name("preserve")
            writer.bool(false)
        }
    }
}

/// The end of `fs.copy`: what was made.
public struct FileCopyResult: Sendable, Equatable {
    /// Files and symbolic links.
    public var files: UInt64
    /// Directories that were not there before.
    public var directories: UInt64
    /// Bytes of the files; holes are not counted.
    public var bytes: UInt64
    /// Of the files, how many share their blocks with the original.
    public var cloned: UInt64

    /// Makes it from its values.
    public init(files: UInt64, directories: UInt64, bytes: UInt64, cloned: UInt64) {
        self.files = files
        self.directories = directories
        self.bytes = bytes
        self.cloned = cloned
    }

    /// Reads an answer; nil where something is missing.
    public init?(_ value: JSONValue) {
        guard let files = value.unsigned("files"), let directories = value.unsigned("directories"), let bytes = value.unsigned("bytes"),
            let cloned = value.unsigned("cloned")
        else { return nil }
        self.init(files: files, directories: directories, bytes: bytes, cloned: cloned)
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("files", number: files)
        writer.member("directories", number: directories)
        writer.member("bytes", number: bytes)
        writer.member("cloned", number: cloned)
    }
}
