/// What a process and all that it starts may do with files, and whether it may use the network: `sandbox` of `process.start`. The host's kernel
/// enforces it, and nothing takes it off again. At first nothing is allowed.
public struct ProcessSandbox: Sendable, Equatable {
    /// What may be done with a path and all that is below it.
    public enum Access: UInt8, Sendable, CaseIterable {
        /// Reading and executing. What is not there is not allowed.
        case read = 0x72
        /// Everything. What is not there is not allowed.
        case write = 0x77
        /// Reading and executing only, though it is below a path of `write`. It must be there.
        case keep = 0x6B

        /// The name on the wire.
        public var name: Literal {
            switch self {
            case .read: "read"
            case .write: "write"
            case .keep: "keep"
            }
        }
    }

    /// A letter, a path and NUL for each entry, as the executor hands them to the kernel. Not an array of values: an image has code for each
    /// kind of array.
    public private(set) var entries: [UInt8] = []
    /// Whether it may use the network, and other programs' sockets.
    public var network = false

    /// Allows nothing.
    public init() {}

    /// Allows something of a path, which is absolute.
    public mutating func allow(_ access: Access, _ path: [UInt8]) {
        entries.add(access.rawValue)
        entries.add(path)
        entries.add(0)
    }

    /// The paths of which something is allowed.
    public func paths(_ access: Access) -> [[UInt8]] {
        entries.split(separator: 0).filter { $0.first == access.rawValue }.map { Array($0.dropFirst()) }
    }

    /// Reads the value of `sandbox`.
    /// - Throws: `OperationError` with the code `invalid`.
    init(_ value: JSONValue) throws(OperationError) {
        guard case .object = value else { throw .parameter("sandbox", "is not an object") }
        network = try value.flag("network")
        try allow(.read, in: value)
        try allow(.write, in: value)
        try allow(.keep, in: value)
    }

    @inline(never)
    private mutating func allow(_ access: Access, in value: JSONValue) throws(OperationError) {
        for path in try value.byteStrings(access.name) ?? [] {
            guard path.first == 0x2F else { throw .parameter("sandbox", "has a path that is not absolute") }
            allow(access, path)
        }
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        for access in Access.allCases {
            writer.name(access.name)
            writer.beginArray()
            for path in paths(access) { writer.byteString(path) }
            writer.endArray()
        }
        writer.member("network", flag: network)
    }
}
