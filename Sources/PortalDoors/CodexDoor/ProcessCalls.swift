import DoorSupport
import Portal
import PortalWire
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The agent's calls about processes (`process/*`). Calls for one process are done in their order; those for several at the same time.
final class ProcessCalls: Sendable {
    /// Ended processes of which something is still told.
    private static let remembered = 64

    private struct State {
        var processes: [String: CodexProcess] = [:]
        var ended: [String] = []
        var count = 0
    }

    private let host: HostAccess
    private let placeholders: Placeholders
    private let additions: [(name: String, value: String)]
    private let send: @Sendable ([UInt8]) async -> Void
    private let state = Mutex(State())
    /// What the processes are called there, so that signals reach them; nobody else's are called so.
    private let prefix: String

    init(
        host: HostAccess, additions: [(name: String, value: String)], send: @escaping @Sendable ([UInt8]) async -> Void
    ) {
        self.host = host
        self.additions = additions
        self.send = send
        placeholders = Placeholders(host: host)
        prefix = "codex-\(getpid())-\(UInt32.random(in: .min ... .max))-"
    }

    typealias Reply = @Sendable (Result<JSONValue, RemoteProcedureError>) async -> Void

    /// Takes a call, and answers it when that can be done; false where there is none of this name.
    func take(_ method: String, _ parameters: JSONValue, reply: @escaping Reply) -> Bool {
        do throws(RemoteProcedureError) {
            switch method {
            case "process/start": try start(parameters, reply)
            case "process/write": try write(parameters, reply)
            case "process/signal": try signal(parameters, reply)
            case "process/terminate":
                let isRunning = try process(parameters)?.terminate() ?? false
                answer(reply, ["running": .bool(isRunning)])
            case "process/read": try read(parameters, reply)
            default: return false
            }
        } catch {
            Task { await reply(.failure(error)) }
        }
        return true
    }

    /// The agent goes: what runs there for it ends.
    func end() async {
        for process in state.withLock({ Array($0.processes.values) }) { _ = process.terminate() }
        await placeholders.removeAll()
    }

    private func answer(_ reply: @escaping Reply, _ value: JSONValue) { Task { await reply(.success(value)) } }

    private func identifier(_ parameters: JSONValue) throws(RemoteProcedureError) -> String {
        guard let id = parameters.text("processId") else { throw .parameter("processId", "is missing") }
        return id
    }

    private func process(_ parameters: JSONValue) throws(RemoteProcedureError) -> CodexProcess? {
        let id = try identifier(parameters)
        return state.withLock { $0.processes[id] }
    }

    // MARK: Start

    private func start(_ parameters: JSONValue, _ reply: @escaping Reply) throws(RemoteProcedureError) {
        let id = try identifier(parameters)
        let start = try ProcessStart(parameters, host: host, additions: additions)
        let process = state.withLock { state -> CodexProcess? in
            guard state.processes[id] == nil else { return nil }
            state.count += 1
            let process = CodexProcess(
                id: id, name: "\(prefix)\(state.count)", hasTerminal: start.hasTerminal, takesInput: start.takesInput,
                isConfined: start.policy != nil, send: send)
            state.processes[id] = process
            return process
        }
        guard let process else { throw .refused("process \(id) already exists") }
        Task {
            do throws(RemoteProcedureError) {
                let (remote, held) = try await run(start, process)
                // Its answer goes first; what it prints may overtake it, and need not.
                let kind = start.policy == nil ? "none" : "linuxSeccomp"
                await reply(.success(["processId": .text(id), "sandboxType": .text(kind)]))
                process.runSteps()
                await process.follow(remote, target: host.target)
                await placeholders.release(held)
                forgetSome(id)
            } catch {
                state.withLock { $0.processes[id] = nil }
                await reply(.failure(error))
                // Who wrote to it meanwhile is answered too.
                process.finishSteps()
                process.runSteps()
            }
        }
    }

    private func run(
        _ start: ProcessStart, _ process: CodexProcess
    ) async throws(RemoteProcedureError) -> (RemoteProcess, held: [[UInt8]]) {
        var request = start.request
        request.process = Array(process.name.utf8)
        let names = start.environment.needsNames ? try await host.environmentNames() : []
        request.environment = start.environment.changes(names: names)
        let held = try await placeholders.hold(request.sandbox?.paths(.keep) ?? [])
        let ready = request
        do throws(RemoteProcedureError) {
            let remote = try await host.within(host.deadlines.start, "starting the command") { workspace in
                let remote = try await workspace.start(ready)
                process.attach(remote)
                try await remote.started()
                return remote
            }
            return (remote, held)
        } catch {
            // Where the host was only slow, it does not run on unseen.
            _ = process.terminate()
            await placeholders.release(held)
            // "Not found" is for files that the agent looks for.
            throw error.code == RemoteProcedureError.notFound
                ? RemoteProcedureError(RemoteProcedureError.internalError, error.message) : error
        }
    }

    private func forgetSome(_ id: String) {
        state.withLock { state in
            state.ended.append(id)
            while state.ended.count > ProcessCalls.remembered { state.processes[state.ended.removeFirst()] = nil }
        }
    }

    // MARK: The others

    private func write(_ parameters: JSONValue, _ reply: @escaping Reply) throws(RemoteProcedureError) {
        guard let text = parameters.string("chunk"), let bytes = BlockBase64.decode(text) else {
            throw .parameter("chunk", "is missing or no base64")
        }
        guard let process = try process(parameters) else { return answer(reply, ["status": "unknownProcess"]) }
        switch process.write(bytes, id: parameters.string("writeId") ?? []) {
        case .closed: answer(reply, ["status": "stdinClosed"])
        case .accepted: answer(reply, ["status": "accepted"])
        case .behind: answerWhenTaken(process, reply)
        }
    }

    /// The process is slow to take its input: the agent waits with it, for a time.
    private func answerWhenTaken(_ process: CodexProcess, _ reply: @escaping Reply) {
        let host = host
        Task {
            let isTaken: Void? = await first(cancels: false) {
                await withCheckedContinuation { continuation in process.enqueue { continuation.resume() } }
            } before: {
                await host.connected.pass(seconds: host.deadlines.short)
            }
            if isTaken != nil { return await reply(.success(["status": "accepted"])) }
            await reply(
                .failure(
                    .portal(
                        host.target, "the command takes no input since \(Int(host.deadlines.short)) s; what it was sent still waits for it")
                ))
        }
    }

    private func signal(_ parameters: JSONValue, _ reply: @escaping Reply) throws(RemoteProcedureError) {
        guard parameters.text("signal") == "interrupt" else { throw .parameter("signal", "is not interrupt") }
        guard let process = try process(parameters), !process.isClosed else { return answer(reply, .object([JSONMember]())) }
        let host = host
        process.enqueue {
            do throws(RemoteProcedureError) {
                try await host.within(host.deadlines.short, "the signal") { workspace in
                    do throws(PortalError) {
                        try await workspace.process(named: process.name).signal(SIGINT)
                    } catch {
                        // It has just ended.
                        guard error.code == .notFound else { throw error }
                    }
                }
                await reply(.success(.object([JSONMember]())))
            } catch {
                await reply(.failure(error))
            }
        }
    }

    private func read(_ parameters: JSONValue, _ reply: @escaping Reply) throws(RemoteProcedureError) {
        let id = try identifier(parameters)
        guard let process = try process(parameters) else { throw .refused("unknown process id \(id)") }
        let after = parameters.integer("afterSeq") ?? 0
        let most = Int(clamping: parameters.unsigned("maxBytes") ?? UInt64(Int.max))
        let milliseconds = min(parameters.unsigned("waitMs") ?? 0, 600_000)
        Task { await reply(.success(await process.read(after: after, most: most, milliseconds: milliseconds))) }
    }
}

/// The parameters of `process/start`.
struct ProcessStart: Sendable {
    /// The size of a terminal until somebody says another; the agent says none.
    private static let terminal = (rows: UInt16(24), columns: UInt16(80))

    var request: ProcessStartRequest
    var environment: EnvironmentPolicy
    var policy: SandboxPolicy?
    var hasTerminal: Bool
    var takesInput: Bool

    init(_ parameters: JSONValue, host: HostAccess, additions: [(name: String, value: String)]) throws(RemoteProcedureError) {
        let arguments = (parameters.array("argv") ?? []).compactMap(\.string)
        guard !arguments.isEmpty, arguments.count == parameters.array("argv")?.count, !arguments[0].isEmpty else {
            throw .parameter("argv", "is no command and its arguments")
        }
        guard parameters["arg0"] == nil || parameters.string("arg0") == arguments[0] else {
            throw .refused("portal gives a command no other name than its own (arg0)")
        }
        guard parameters.bool("enforceManagedNetwork") != true, parameters["managedNetwork"] == nil, parameters["networkProxy"] == nil
        else {
            throw .refused("portal does not enforce rules for hosts of the network; allow the network as a whole, or forbid it")
        }
        environment = try EnvironmentPolicy(parameters)
        for addition in additions { environment.additions.append((addition.name, addition.value)) }
        policy = try SandboxPolicy(parameters, map: host.map)
        hasTerminal = parameters.bool("tty") ?? false
        takesInput = hasTerminal || parameters.bool("pipeStdin") ?? false
        request = ProcessStartRequest(
            command: .arguments(arguments), directory: try host.path(parameters, "cwd"), input: takesInput ? .stream : .none)
        request.announce = true
        request.sandbox = try policy?.confinement()
        if hasTerminal {
            let term = environment.additions.last { $0.0 == "TERM" }?.1
            request.terminal = ProcessTerminal(
                rows: ProcessStart.terminal.rows, columns: ProcessStart.terminal.columns, term: term.map { Array($0.utf8) })
        }
    }
}
