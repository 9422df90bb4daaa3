/// `process.start`: runs a command and streams what it prints until it ends.
public struct ProcessStartRequest: Sendable {
    /// The name on the wire.
    public static var operation: Literal { "process.start" }
    /// The command and its arguments, or the one text of a shell.
    public enum Command: Sendable, Equatable {
        /// The program, looked up in the PATH of its environment where it has no slash, and its arguments.
        case arguments([[UInt8]])
        /// A text for the user's own shell, or for the one that `shellProgram` names: what follows its `-c`.
        case shell([UInt8])
        /// The shell itself, as a login shell. Only with a terminal.
        case loginShell
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
    /// The terminal that it gets; nil for pipes.
    public var terminal: ProcessTerminal?
    /// Whether the request is answered as soon as the process runs, and the process lives on, its output kept for `process.output`.
    public var background = false
    /// The most bytes of each stream that are sent, 0 to `outputLimitMaximum`: its first and its last half. Nil for all.
    public var outputLimit: UInt64?
    /// Whether it gets the environment of the user's login; otherwise the executor's own.
    public var login = true
    /// The shell that runs a shell's text, a path or a name in PATH; nil for the user's own.
    public var shellProgram: [UInt8]?
    /// What it may do; nil for everything that the user may.
    public var sandbox: ProcessSandbox?
    /// Whether an empty piece of data of `stdout` says that it runs, before all that it prints.
    public var announce = false

    /// The greatest `outputLimit`, in bytes: half of it is held in the executor's memory.
    public static let outputLimitMaximum: UInt64 = 8 << 20

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
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        // Whole from the start: each of the many ways out then has one value to drop, where an image would have code for each member.
        self.init(command: .loginShell)
        try readCommand(parameters)
        try readEnvironment(parameters)
        try readStreams(parameters)
        directory = try parameters.directory()
        timeoutMilliseconds = try parameters.optionalUnsigned("timeout_ms", maximum: 1 << 40)
        login = try parameters.flag("login", default: true)
        announce = try parameters.flag("announce")
        if let value = parameters["sandbox"] { sandbox = try ProcessSandbox(value) }
    }

    private mutating func readCommand(_ parameters: JSONValue) throws(OperationError) {
        if let value = parameters["pty"] { terminal = try ProcessTerminal(value) }
        if let arguments = try parameters.byteStrings("argv") {
            guard let program = arguments.first, !program.isEmpty else { throw .parameter("argv", "is empty") }
            guard parameters["shell"] == nil else { throw .parameter("shell", "and argv exclude each other") }
            command = .arguments(arguments)
        } else if let text = try parameters.optionalBytes("shell") {
            command = .shell(text)
        } else if terminal == nil {
            throw .parameter("argv", "or shell is needed, where there is no pty")
        }
        shellProgram = try parameters.optionalBytes("shell_program")
        if let shellProgram, shellProgram.isEmpty { throw .parameter("shell_program", "is empty") }
    }

    private mutating func readEnvironment(_ parameters: JSONValue) throws(OperationError) {
        guard let variables = parameters["env"] else { return }
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

    private mutating func readStreams(_ parameters: JSONValue) throws(OperationError) {
        background = try parameters.flag("background")
        merge = try parameters.flag("merge")
        process = try parameters.optionalBytes("process")
        if let process, process.isEmpty || process.count > 128 { throw .parameter("process", "is empty or longer than 128 bytes") }
        if let name = try parameters.optionalBytes("stdin") {
            if name.equals("stream") {
                input = .stream
            } else if name.equals("requests") {
                input = .requests
            } else if !name.equals("none") {
                throw .parameter("stdin", "is not none, stream or requests")
            }
        }
        if background, input == .stream { throw .parameter("stdin", "cannot be stream with background: it takes process.write") }
        if input == .requests, process == nil, !background { throw .parameter("process", "is needed where stdin comes by requests") }
        outputLimit = try parameters.optionalUnsigned("output_limit", maximum: ProcessStartRequest.outputLimitMaximum)
        if background, outputLimit != nil { throw .parameter("output_limit", "and background exclude each other") }
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
        case .loginShell: break
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
        if let terminal {
            writer.beginObject("pty")
            terminal.write(to: &writer)
            writer.endObject()
        }
        writer.member("background", flag: background)
        writer.member("output_limit", number: outputLimit)
        if !login {
            writer.name("login")
            writer.bool(false)
        }
        writer.member("shell_program", bytes: shellProgram)
        if let sandbox {
            writer.beginObject("sandbox")
            sandbox.write(to: &writer)
            writer.endObject()
        }
        writer.member("announce", flag: announce)
    }
}
