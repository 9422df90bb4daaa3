/// What a process and all that it starts may do with files, and whether it may use the network: `sandbox` of `process.start`. The host's kernel
/// enforces it, and nothing takes it off again.
public struct ProcessSandbox: Sendable, Equatable {
    /// Absolute paths that may be read and executed, with all that is below them. What is not there is not allowed.
    public var read: [[UInt8]]
    /// Absolute paths with which everything may be done, with all that is below them. What is not there is not allowed.
    public var write: [[UInt8]]
    /// Absolute paths below those of `write` that may only be read. They must be there.
    public var keep: [[UInt8]]
    /// Whether it may use the network, and sockets of other programs.
    public var network: Bool

    /// Makes it from its values.
    public init(read: [[UInt8]] = [], write: [[UInt8]] = [], keep: [[UInt8]] = [], network: Bool = false) {
        self.read = read
        self.write = write
        self.keep = keep
        self.network = network
    }

    /// Reads the value of `sandbox`.
    /// - Throws: `OperationError` with the code `invalid`.
    init(_ value: JSONValue) throws(OperationError) {
        guard case .object = value else { throw .parameter("sandbox", "is not an object") }
        read = try value.absolutePaths("read")
        write = try value.absolutePaths("write")
        keep = try value.absolutePaths("keep")
        network = try value.flag("network")
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        for (name, paths) in [("read", read), ("write", write), ("keep", keep)] as [(Literal, [[UInt8]])] where !paths.isEmpty {
            writer.name(name)
            writer.beginArray()
            for path in paths { writer.byteString(path) }
            writer.endArray()
        }
        writer.member("network", flag: network)
    }
}

extension JSONValue {
    @inline(never)
    fileprivate func absolutePaths(_ name: Literal) throws(OperationError) -> [[UInt8]] {
        let paths = try byteStrings(name) ?? []
        for path in paths where path.first != 0x2F { throw .parameter("sandbox", "has a path that is not absolute") }
        return paths
    }
}
