/// `process.write`: bytes for the standard input of a process started with `stdin` `requests`; they are the request's own data.
/// Answered when the pipe has taken them all.
public struct ProcessWriteRequest: Sendable {
    /// The name on the wire.
    public static var operation: Literal { "process.write" }
    /// Its name.
    public var process: [UInt8]
    /// Whether the input ends after these bytes.
    public var end: Bool

    /// Makes it from its values.
    public init(process: [UInt8], end: Bool = false) {
        self.process = process
        self.end = end
    }

    /// Reads the parameters of a request.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        end = try parameters.flag("eof")
        process = try parameters.requiredBytes("process")
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("process", bytes: process)
        writer.member("eof", flag: end)
    }
}

/// `process.signal`: a signal for a process's group, or for its whole tree.
public struct ProcessSignalRequest: Sendable {
    /// The name on the wire.
    public static var operation: Literal { "process.signal" }
    /// Its name.
    public var process: [UInt8]
    /// The signal's number on Linux, 1 to 64.
    public var signal: Int32
    /// Whether every descendant gets it, also those that left the group.
    public var tree: Bool

    /// Makes it from its values.
    public init(process: [UInt8], signal: Int32, tree: Bool = false) {
        self.process = process
        self.signal = signal
        self.tree = tree
    }

    /// Reads the parameters of a request.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        guard let number = try parameters.optionalUnsigned("signal", maximum: 64), number > 0 else {
            throw .parameter("signal", "is not a number from 1 to 64")
        }
        signal = Int32(number)
        tree = try parameters.flag("tree")
        process = try parameters.requiredBytes("process")
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("process", bytes: process)
        writer.member("signal", number: UInt64(signal))
        writer.member("tree", flag: tree)
    }
}

/// `process.wait`: answered with the process's end. The ends of the last 256 named processes are kept.
public struct ProcessWaitRequest: Sendable {
    /// The name on the wire.
    public static var operation: Literal { "process.wait" }
    /// Its name.
    public var process: [UInt8]
    /// Milliseconds after which the answer is `timed_out`; nil for never.
    public var timeoutMilliseconds: UInt64?

    /// Makes it from its values.
    public init(process: [UInt8], timeoutMilliseconds: UInt64? = nil) {
        self.process = process
        self.timeoutMilliseconds = timeoutMilliseconds
    }

    /// Reads the parameters of a request.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        timeoutMilliseconds = try parameters.optionalUnsigned("timeout_ms", maximum: 1 << 40)
        process = try parameters.requiredBytes("process")
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("process", bytes: process)
        writer.member("timeout_ms", number: timeoutMilliseconds)
    }
}
