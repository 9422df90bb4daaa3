/// `process.start`: runs a command and streams what it prints until it ends.
public struct ProcessStartRequest: Sendable {
    /// The name on the wire.
    public static let operation: StaticString = "process.start"
    /// The command and its arguments, or the one text of a shell.
    public enum Command: Sendable, Equatable {
        /// The program, looked up in the PATH of its environment where it has no slash, and its arguments.
        case arguments([[UInt8]])
        /// A text for `/bin/sh -c`.
        case shell([UInt8])
    }
    /// Where the process's standard input comes from.
    public enum Input: UInt8, Sendable {
        /// `/dev/null`
        case none
        /// The request's own data, and its end.
        case stream
        /// `process.write` requests.
        case requests
    }
    /// What runs.
    public var command: Command
    /// Where relative paths start; nil for the home directory.
    public var directory: [UInt8]?
    /// Added to the environment; a nil value takes the name out.
    public var environment: [(name: [UInt8], value: [UInt8]?)]
    /// Where its standard input comes from.
    public var input: Input
    /// A name by which other requests reach the process, chosen by the caller; nil for none.
    public var process: [UInt8]?
    /// Milliseconds after which the tree is ended, with TERM and then KILL; nil for never.
    public var timeoutMilliseconds: UInt64?
    /// Whether what it prints on both streams comes as one, in its order.
    public var merge: Bool

    /// Makes it from its values.
    public init(
        command: Command, directory: [UInt8]? = nil, environment: [(name: [UInt8], value: [UInt8]?)] = [], input: Input = .none,
        process: [UInt8]? = nil, timeoutMilliseconds: UInt64? = nil, merge: Bool = false
    ) {
        self.command = command
        self.directory = directory
        self.environment = environment
        self.input = input
        self.process = process
        self.timeoutMilliseconds = timeoutMilliseconds
        self.merge = merge
    }

    /// Reads the parameters of a request.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: JSONValue) throws(OperationError) {
        if let arguments = try parameters.byteStrings("argv") {
            guard let program = arguments.first, !program.isEmpty else { throw .parameter("argv", "is empty") }
            guard parameters["shell"] == nil else { throw .parameter("shell", "and argv exclude each other") }
            command = .arguments(arguments)
        } else {
            command = .shell(try parameters.requiredBytes("shell"))
        }
        directory = try parameters.directory()
        environment = []
        if let variables = parameters["env"] {
            guard case .object(let members) = variables else { throw .parameter("env", "is not an object") }
            for member in members {
                guard !member.name.isEmpty, !member.name.contains(0x3D), !member.name.contains(0) else {
                    throw .parameter("env", "has a name that cannot be one")
                }
                if case .null = member.value {
                    environment.append((member.name, nil))
                } else if let value = member.value.bytes, !value.contains(0) {
                    environment.append((member.name, value))
                } else {
                    throw .parameter("env", "has a value that is no byte string")
                }
            }
        }
        input = .none
        if let name = try parameters.optionalBytes("stdin") {
            if name.equals("stream") {
                input = .stream
            } else if name.equals("requests") {
                input = .requests
            } else if !name.equals("none") {
                throw .parameter("stdin", "is not none, stream or requests")
            }
        }
        process = try parameters.optionalBytes("process")
        if let process, process.isEmpty || process.count > 128 { throw .parameter("process", "is empty or longer than 128 bytes") }
        if input == .requests, process == nil { throw .parameter("process", "is needed where stdin comes by requests") }
        timeoutMilliseconds = try parameters.optionalUnsigned("timeout_ms", maximum: 1 << 40)
        merge = try parameters.flag("merge")
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        switch command {
        case .arguments(let arguments):
            writer.name("argv")
            writer.beginArray()
            for argument in arguments { writer.byteString(argument) }
            writer.endArray()
        case .shell(let text): writer.member("shell", bytes: text)
        }
        writer.member("cwd", bytes: directory)
        if !environment.isEmpty {
            writer.beginObject("env")
            for variable in environment {
                writer.name(variable.name)
                if let value = variable.value { writer.byteString(value) } else { writer.null() }
            }
            writer.endObject()
        }
        switch input {
        case .none: break
        case .stream:
            writer.member("stdin", string: "stream")
        case .requests:
            writer.member("stdin", string: "requests")
        }
        writer.member("process", bytes: process)
        writer.member("timeout_ms", number: timeoutMilliseconds)
        writer.member("merge", flag: merge)
    }
}

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
    }

    /// The status as a shell has it: the code, or 128 and the signal.
    public var shellStatus: Int32 { code ?? (128 + (signal ?? 0)) }
}

/// `process.write`: bytes for the standard input of a process started with `stdin` `requests`; they are the request's own data.
/// Answered when the pipe has taken them all.
public struct ProcessWriteRequest: Sendable {
    /// The name on the wire.
    public static let operation: StaticString = "process.write"
    /// The name that its starter gave it.
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
    public init(_ parameters: JSONValue) throws(OperationError) {
        process = try parameters.requiredBytes("process")
        end = try parameters.flag("eof")
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
    public static let operation: StaticString = "process.signal"
    /// The name that its starter gave it.
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
    public init(_ parameters: JSONValue) throws(OperationError) {
        process = try parameters.requiredBytes("process")
        guard let number = try parameters.optionalUnsigned("signal", maximum: 64), number > 0 else {
            throw .parameter("signal", "is not a number from 1 to 64")
        }
        signal = Int32(number)
        tree = try parameters.flag("tree")
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
    public static let operation: StaticString = "process.wait"
    /// The name that its starter gave it.
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
    public init(_ parameters: JSONValue) throws(OperationError) {
        process = try parameters.requiredBytes("process")
        timeoutMilliseconds = try parameters.optionalUnsigned("timeout_ms", maximum: 1 << 40)
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("process", bytes: process)
        writer.member("timeout_ms", number: timeoutMilliseconds)
    }
}
