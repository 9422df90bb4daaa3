/// How a process ended: the answer of `process.start` and `process.wait`.
public struct ProcessEnd: Sendable, Equatable {
    /// The exit code, where it exited.
    public var code: Int32?
    /// The signal that killed it, where one did.
    public var signal: Int32?
    /// Whether the request's own deadline ended it.
    public var timedOut: Bool
    /// Milliseconds from its start to its end.
    public var wallMilliseconds: UInt64
    /// Milliseconds of processor time, its waited-for children included.
    public var processorMilliseconds: UInt64
    /// Processes of its tree that still held its output open when the grace was over; they go on, and what they print is not kept.
    public var left: UInt64
    /// Bytes of standard output between its first and its last half that `output_limit` cut out.
    public var dropped: UInt64 = 0
    /// The same of standard error.
    public var droppedErrors: UInt64 = 0
    /// Whether it ended when its executor had been killed, and by that: with SIGKILL from the supervisor, or with SIGPIPE.
    public var executorWasLost = false

    /// Makes it from its values.
    public init(
        code: Int32?, signal: Int32?, timedOut: Bool = false, wallMilliseconds: UInt64, processorMilliseconds: UInt64, left: UInt64 = 0
    ) {
        self.code = code
        self.signal = signal
        self.timedOut = timedOut
        self.wallMilliseconds = wallMilliseconds
        self.processorMilliseconds = processorMilliseconds
        self.left = left
    }

    /// Reads an answer; nil where something is missing.
    public init?(_ value: JSONValue) {
        code = value.integer("code").flatMap { Int32(exactly: $0) }
        signal = value.integer("signal").flatMap { Int32(exactly: $0) }
        guard (code == nil) != (signal == nil) else { return nil }
        timedOut = value.bool("timed_out") ?? false
        wallMilliseconds = value.unsigned("wall_ms") ?? 0
        processorMilliseconds = value.unsigned("cpu_ms") ?? 0
        left = value.unsigned("left") ?? 0
        dropped = value.unsigned("dropped") ?? 0
        droppedErrors = value.unsigned("dropped_stderr") ?? 0
        executorWasLost = value.bool("executor_lost") ?? false
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        if let code {
            writer.member("code", signed: Int64(code))
        }
        if let signal {
            writer.member("signal", signed: Int64(signal))
        }
        writer.member("timed_out", flag: timedOut)
        writer.member("wall_ms", number: wallMilliseconds)
        writer.member("cpu_ms", number: processorMilliseconds)
        if left > 0 { writer.member("left", number: left) }
        if dropped > 0 { writer.member("dropped", number: dropped) }
        if droppedErrors > 0 { writer.member("dropped_stderr", number: droppedErrors) }
        writer.member("executor_lost", flag: executorWasLost)
    }

    /// The status as a shell has it: the code, or 128 and the signal.
    public var shellStatus: Int32 { code ?? (128 + (signal ?? 0)) }
}
