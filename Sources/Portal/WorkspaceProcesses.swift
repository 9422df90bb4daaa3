import PortalWire

/// A command for the host.
public struct RemoteCommand: Sendable {
    /// The program with its arguments, or a shell's text.
    public var command: ProcessStartRequest.Command
    /// The directory in which it runs; nil for the workspace's.
    public var directory: RemotePath?
    /// Added to the environment there; a nil value takes the name out.
    public var environment: [(name: String, value: String?)] = []
    /// Seconds after which its process tree is ended; nil for never.
    public var timeoutSeconds: Double?
    /// Whether its input is sent with `RemoteProcess.send(_:)`; otherwise it is empty.
    public var takesInput = false
    /// Whether what it prints on both streams comes as one, in its order.
    public var mergesOutput = false
    /// A name by which other clients reach the process.
    public var name: String?
    /// The terminal that it gets; nil for pipes.
    public var terminal: ProcessTerminal?
    /// The most bytes of each stream that come, at most 8 MiB: the first and the last half. Nil for all.
    public var outputLimit: Int?
    /// Whether it gets the environment of the user's login there; otherwise the executor's own.
    public var usesLoginEnvironment = true
    /// Which shell runs a text; nil for the user's own.
    public var shell: RemotePath?

    /// A program, looked up on the host's PATH, and its arguments.
    public init(_ program: String, _ arguments: [String] = []) {
        command = .arguments([Array(program.utf8)] + arguments.map { Array($0.utf8) })
    }

    /// A text for a shell there: the user's own, where `shell` does not name one.
    public init(shell text: String) { command = .shell(Array(text.utf8)) }

    /// The user's own shell, as a login shell on a terminal.
    public init(loginShellOn terminal: ProcessTerminal) {
        command = .loginShell
        self.terminal = terminal
        takesInput = true
    }

    func request(in workspace: [UInt8]?) -> ProcessStartRequest {
        var directory = self.directory?.bytes ?? workspace
        if let own = self.directory?.bytes, own.first != UInt8(ascii: "/"), let workspace {
            directory = workspace + [UInt8(ascii: "/")] + own
        }
        var request = ProcessStartRequest(
            command: command, directory: directory,
            environment: environment.map { (Array($0.name.utf8), $0.value.map { Array($0.utf8) }) }, input: takesInput ? .stream : .none,
            process: name.map { Array($0.utf8) }, timeoutMilliseconds: timeoutSeconds.map { UInt64(max(0, $0) * 1000) },
            merge: mergesOutput)
        request.terminal = terminal
        request.outputLimit = outputLimit.map { UInt64(max(0, $0)) }
        request.login = usesLoginEnvironment
        request.shellProgram = shell?.bytes
        return request
    }
}

/// What a command printed, and how it ended.
public struct CommandResult: Sendable {
    /// Its standard output.
    public var output: [UInt8]
    /// Its standard error.
    public var errors: [UInt8]
    /// How it ended.
    public var end: ProcessEnd
}

/// A command that runs on the host.
public struct RemoteProcess: Sendable {
    /// A piece of what it prints.
    public struct Output: Sendable {
        /// Whether it was printed on standard error.
        public var isError: Bool
        /// At most 64 KiB.
        public var bytes: [UInt8]
    }

    let exchange: Exchange

    /// Whether the host has said how it ended, or that cannot be found out any more. What it printed may be unread.
    public var hasEnded: Bool { exchange.hasEnded }

    /// Returns when it runs there, for one that was started with `ProcessStartRequest.announce`; for others when it has printed something or has
    /// ended. What it prints is not taken.
    /// - Throws: `PortalError` where it was not started.
    public func started() async throws(PortalError) { try await exchange.beginning() }

    /// What it prints, as it comes; it ends when the process has ended. When nobody takes it, the process waits, as with a pipe.
    /// Only one iterator may be in use.
    public var output: OutputStream { OutputStream(exchange: exchange) }

    /// Sends input, waiting while the process does not take it.
    public func send(_ bytes: [UInt8]) async { if !bytes.isEmpty { await exchange.send(bytes, stream: .stdin, end: false) } }

    /// Ends the input.
    public func closeInput() async { await exchange.send([], stream: .stdin, end: true) }

    /// How it ended. Output that was not taken is dropped.
    /// - Throws: `PortalError`: the command is not there, it was cancelled, the host is out of reach.
    public func end() async throws(PortalError) -> ProcessEnd {
        let value = try await exchange.end()
        guard let end = ProcessEnd(value) else { throw PortalError(.internal, "the answer of process.start has no end in it") }
        return end
    }

    /// Ends its whole process tree: at once, or with a signal first and KILL after the grace.
    public func cancel(signal: Int32? = nil, graceMilliseconds: UInt64 = 0) {
        exchange.cancel(Cancellation(signal: signal, graceMilliseconds: graceMilliseconds))
    }

    /// A process's output as it comes.
    public struct OutputStream: AsyncSequence, Sendable {
        let exchange: Exchange

        /// Takes the pieces one after another.
        public struct Iterator: AsyncIteratorProtocol {
            let exchange: Exchange
            /// Where the request is given up with its last iterator.
            var lease: ExchangeLease?

            /// The next piece, or nil at the process's end.
            public mutating func next() async -> Output? {
                guard let chunk = await exchange.next() else { return nil }
                return Output(isError: chunk.stream == .stderr, bytes: chunk.bytes)
            }
        }

        /// An iterator.
        public func makeAsyncIterator() -> Iterator { Iterator(exchange: exchange) }
    }
}

extension Workspace {
    /// Starts a command. It runs until it ends, is cancelled, or this workspace's connection closes.
    public func start(_ command: RemoteCommand) async throws(PortalError) -> RemoteProcess {
        let request = command.request(in: directory)
        let exchange = try await connection.start(ProcessStartRequest.operation, hasMore: command.takesInput) { request.write(to: &$0) }
        return RemoteProcess(exchange: exchange)
    }

    /// Runs a command to its end, holding what it prints in memory.
    /// - Throws: `PortalError`; a command that runs and fails is no error, its status is in the result.
    public func run(_ command: RemoteCommand, input: [UInt8]? = nil) async throws(PortalError) -> CommandResult {
        var command = command
        command.takesInput = input != nil
        let process = try await start(command)
        async let sending: Void = { if let input { await process.exchange.send(input, stream: .stdin, end: true) } }()
        var output: [UInt8] = []
        var errors: [UInt8] = []
        for await piece in process.output {
            if piece.isError { errors += piece.bytes } else { output += piece.bytes }
        }
        await sending
        return CommandResult(output: output, errors: errors, end: try await process.end())
    }
}
