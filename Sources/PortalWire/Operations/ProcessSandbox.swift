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

    /// A letter, a path and NUL for each entry, as the executor hands them to the kernel; `n` without a path for the network. Not an array of
    /// values: an image has code for each kind of array.
    public private(set) var entries: [UInt8] = []
    private static let network: UInt8 = 0x6E

    /// Allows nothing but, perhaps, the network and other programs' sockets.
    public init(network: Bool = false) {
        // Something is there in any case: nothing at all would be no sandbox.
        add(network ? ProcessSandbox.network : 0x2D, [])
    }

    /// Allows something of a path, which is absolute.
    public mutating func allow(_ access: Access, _ path: [UInt8]) { add(access.rawValue, path) }

    /// The paths of which something is allowed.
    public func paths(_ access: Access) -> [[UInt8]] {
        entries.split(separator: 0).filter { $0.first == access.rawValue }.map { Array($0.dropFirst()) }
    }

    /// Whether it may use the network.
    public var allowsNetwork: Bool { entries.first == ProcessSandbox.network }

    private mutating func add(_ letter: UInt8, _ path: [UInt8]) {
        entries.add(letter)
        entries.add(path)
        entries.add(0)
    }

    /// Reads the value of `sandbox`.
    /// - Throws: `OperationError` with the code `invalid`.
    init(_ value: JSONValue) throws(OperationError) {
        guard case .object = value else { throw .parameter("sandbox", "is not an object") }
        self.init(network: try value.flag("network"))
        try add("read", .read, value)
        try add("write", .write, value)
        try add("keep", .keep, value)
    }

    @inline(never)
    private mutating func add(_ name: Literal, _ access: Access, _ value: JSONValue) throws(OperationError) {
        for path in try value.byteStrings(name) ?? [] {
            guard path.first == 0x2F else { throw .parameter("sandbox", "has a path that is not absolute") }
            add(access.rawValue, path)
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
        writer.member("network", flag: allowsNetwork)
    }
}
