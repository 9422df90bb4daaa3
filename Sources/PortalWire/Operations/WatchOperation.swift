/// `watch.start`: what changes in a directory, until it is cancelled.
public struct WatchStartRequest: Sendable {
    /// The name on the wire.
    public static var operation: Literal { "watch.start" }
    /// The longest time, in milliseconds, that changes may be collected.
    public static let mostSettleMilliseconds: UInt64 = 60_000
    /// The directory, absolute or relative to `directory`.
    public var path: [UInt8]
    /// Where relative paths start; nil for the home directory.
    public var directory: [UInt8]?
    /// Whether everything below it is watched too.
    public var recursive: Bool
    /// Whether ignore files count, as in a search.
    public var ignore: Bool
    /// Globs of what is not watched.
    public var exclude: [[UInt8]]
    /// Milliseconds for which changes are collected before they are said.
    public var settleMilliseconds: UInt64

    /// Makes it from its values.
    public init(
        path: [UInt8], directory: [UInt8]? = nil, recursive: Bool = true, ignore: Bool = false, exclude: [[UInt8]] = [],
        settleMilliseconds: UInt64 = 50
    ) {
        self.path = path
        self.directory = directory
        self.recursive = recursive
        self.ignore = ignore
        self.exclude = exclude
        self.settleMilliseconds = settleMilliseconds
    }

    /// Reads the parameters of a request.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        recursive = try parameters.flag("recursive", default: true)
        ignore = try parameters.flag("ignore")
        settleMilliseconds = try parameters.optionalUnsigned("settle_ms", maximum: WatchStartRequest.mostSettleMilliseconds) ?? 50
        path = try parameters.requiredPath("path")
        directory = try parameters.directory()
        exclude = try parameters.byteStrings("exclude") ?? []
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("path", bytes: path)
        writer.member("cwd", bytes: directory)
        if !recursive {
            writer.name("recursive")
            writer.bool(false)
        }
        writer.member("ignore", flag: ignore)
        if !exclude.isEmpty {
            writer.name("exclude")
            writer.beginArray()
            for glob in exclude { writer.byteString(glob) }
            writer.endArray()
        }
        if settleMilliseconds != 50 { writer.member("settle_ms", number: settleMilliseconds) }
    }
}

/// One thing that changed below a watched directory.
public struct WatchedChange: Sendable, Equatable {
    /// How.
    public enum Kind: UInt8, Sendable, CaseIterable {
        /// It is there and was not, or may not have been.
        case created
        /// Its content or its attributes are others; or it was replaced.
        case modified
        /// It is gone.
        case removed

        /// The name on the wire.
        public var name: Literal {
            switch self {
            case .created: "created"
            case .modified: "modified"
            case .removed: "removed"
            }
        }
    }

    /// Relative to the watched directory.
    public var path: [UInt8]
    /// How it changed.
    public var kind: Kind
    /// Whether it is, or was, a directory.
    public var isDirectory: Bool

    /// Makes it from its values.
    public init(path: [UInt8], kind: Kind, isDirectory: Bool) {
        self.path = path
        self.kind = kind
        self.isDirectory = isDirectory
    }

    /// Reads an element of `changes`; nil where a member is missing.
    public init?(_ value: JSONValue) {
        guard let path = value.bytes("path"), let name = value.string("kind"),
            let kind = Kind.allCases.first(where: { name.equals($0.name) })
        else { return nil }
        self.init(path: path, kind: kind, isDirectory: value.bool("directory") ?? false)
    }

    /// Writes an element of `changes`.
    public func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("path", bytes: path)
        writer.member("kind", string: kind.name)
        writer.member("directory", flag: isDirectory)
        writer.endObject()
    }
}

/// A line of what `watch.start` answers.
public enum WatchLine: Sendable, Equatable {
    /// Every directory is watched, so many: what changes from now on is said.
    case ready(directories: UInt64)
    /// What changed, each path once.
    case changes([WatchedChange])
    /// More changed below a path than could be told: whoever wants to know looks again. It is relative to the watched directory, `.` for all.
    case rescan([UInt8])
    /// A directory and all below it is not watched, since there are no more watches to be had.
    case unwatched([UInt8])

    /// Reads one line; nil where it is none of these.
    public init?(_ value: JSONValue) {
        if let elements = value.array("changes") {
            var changes: [WatchedChange] = []
            for element in elements {
                guard let change = WatchedChange(element) else { return nil }
                changes.append(change)
            }
            self = .changes(changes)
        } else if value.bool("rescan") == true, let path = value.bytes("path") {
            self = .rescan(path)
        } else if value.bool("budget") == true, let path = value.bytes("path") {
            self = .unwatched(path)
        } else if value.bool("ready") == true, let directories = value.unsigned("directories") {
            self = .ready(directories: directories)
        } else {
            return nil
        }
    }
}
