import DoorSupport
import Portal
import PortalWire
import Synchronization

/// Codex's protocol for an external execution environment, as Codex CLI 0.163.0 speaks it to a program on standard input and output: commands,
/// files and streams of a host for an unchanged Codex. Docs/codex.md has what is translated to what.
public final class CodexDoor: Sendable {
    /// How the door works.
    public struct Options: Sendable {
        /// Where directories here stand for others there.
        public var map = PathMap()
        /// How long calls take at most.
        public var deadlines = CallDeadlines()
        /// Added to the environment of every command there.
        public var environment: [(name: String, value: String)] = []
        /// The directory, here, that the agent probably works in; what it looks for first is fetched ahead.
        public var directory: String?
        /// Hears, a line each, what a person looking for a mistake wants to know. Called on any thread.
        public var log: @Sendable (String) -> Void = { _ in }

        /// The defaults.
        public init() {}
    }

    private enum Phase {
        case new, ready
    }

    private let options: Options
    private let host: HostAccess
    private let files: FileCalls
    private let probes: StartProbes
    private let processes: ProcessCalls
    private let output: @Sendable ([UInt8]) async -> Void
    private let description: Task<Result<HostDescription, PortalError>, Never>
    private let connected = ConnectedTime()
    private let phase = Mutex(Phase.new)

    /// Begins to reach the host.
    /// - Parameters:
    ///   - target: As it was named.
    ///   - connection: How it is reached. Its progress tells the door whether the host is connected.
    ///   - output: Takes the lines of answers, each whole and without its line feed, and returns when there may be more.
    public init(
        target: String, connection: ConnectionOptions, options: Options = Options(), output: @escaping @Sendable ([UInt8]) async -> Void
    ) {
        self.options = options
        self.output = output
        let connected = connected
        var connection = connection
        let (log, progress) = (options.log, connection.progress)
        connection.progress = { step in
            connected.set(connected: step.isReady)
            log(step.text)
            progress?(step)
        }
        let opened = connection
        let opening = Task { () async -> Result<Workspace, PortalError> in
            do throws(PortalError) { return .success(try await Workspace.open(target, options: opened)) } catch { return .failure(error) }
        }
        host = HostAccess(target: target, map: options.map, deadlines: options.deadlines, connected: connected, opening: opening)
        probes = StartProbes(host: host)
        files = FileCalls(host: host, probes: probes, handles: FileHandles(host: host))
        processes = ProcessCalls(host: host, additions: options.environment, send: output)
        let host = host
        description = Task {
            do throws(PortalError) { return .success(try await HostDescription.ask(try await host.workspace())) } catch { return .failure(error) }
        }
    }

    /// Answers what comes, until the input ends. `end()` is for what then runs there.
    public func serve(_ lines: InputLines) async {
        while let line = await lines.next() {
            switch line {
            case .bytes(let bytes): receive(bytes)
            case .tooLong(let count): options.log("a line of \(count) bytes was left out")
            }
        }
    }

    /// The agent is gone: what runs there for it ends.
    public func end() async {
        let (host, processes) = (host, processes)
        let seconds = options.deadlines.ending
        _ = await first { await processes.end() } before: { try? await Task.sleep(nanoseconds: UInt64(seconds * 1_000_000_000)) }
        // What is still open is cancelled with the connection.
        _ = await first {
            if let workspace = try? await host.workspace() { workspace.close() }
        } before: {
            try? await Task.sleep(nanoseconds: 100_000_000)
        }
    }

    /// Takes a line of the agent's. Answers go to the output when they are there.
    public func receive(_ line: [UInt8]) {
        if line.allSatisfy({ $0 <= 0x20 }) { return }
        switch IncomingMessage(line) {
        case .request(let id, let method, let parameters): take(id, method, parameters)
        case .notification(let method, _): if method != "initialized" { options.log("the notification \(method) is not known") }
        case .response: options.log("an answer came to a question that nobody asked")
        case .malformed(let code, let reason, let id):
            options.log("a line is no message: \(reason)")
            // The agent's own server ends at such a line. Who can be answered is.
            if let id { Task { await reply(id, .failure(RemoteProcedureError(code, reason))) } }
        }
    }

    // MARK: Calls

    private func take(_ id: CallIdentifier, _ method: String, _ parameters: JSONValue) {
        if method == "initialize" {
            Task { await reply(id, await initialize(parameters)) }
            return
        }
        guard phase.withLock({ $0 }) == .ready else {
            Task { await reply(id, .failure(.refused("\(method) came before initialize was answered"))) }
            return
        }
        // At once: what comes behind it must not be told what was before it.
        if method == "process/start" || method == "process/write" || (method.hasPrefix("fs/") && !FileCalls.isReading(method)) {
            probes.forget()
        }
        if processes.take(method, parameters, reply: { await self.reply(id, $0) }) { return }
        Task {
            do throws(RemoteProcedureError) {
                await reply(id, .success(try await answer(method, parameters)))
            } catch {
                await reply(id, .failure(error))
            }
        }
    }

    private func answer(_ method: String, _ parameters: JSONValue) async throws(RemoteProcedureError) -> JSONValue {
        switch method {
        case "environment/info": return try await described().information(map: options.map)
        case "environment/status": return ["status": "ready"]
        case "environmentConfig/read": return try await described().configuration()
        default:
            if let value = try await files.answer(method, parameters) { return value }
            options.log("\(method) is not known")
            throw RemoteProcedureError(RemoteProcedureError.methodNotFound, "portal has no method \(method)")
        }
    }

    private func described() async throws(RemoteProcedureError) -> HostDescription {
        do throws(PortalError) { return try await description.value.get() } catch { throw RemoteProcedureError(error, target: host.target) }
    }

    /// The agent gives up after ten seconds, and then works without tools and without saying so. A host that cannot be reached is said now, as
    /// the answer; one that takes longer is waited for by the calls that come next.
    private func initialize(_ parameters: JSONValue) async -> Result<JSONValue, RemoteProcedureError> {
        if let session = parameters.text("resumeSessionId") { return .failure(.refused("unknown session id \(session)")) }
        expectStart()
        let description = description
        let seconds = options.deadlines.initialize
        let known = await first { await description.value } before: { try? await Task.sleep(nanoseconds: UInt64(seconds * 1_000_000_000)) }
        var members: [(String, JSONValue)] = [("sessionId", .text("portal-\(UInt64.random(in: .min ... .max))"))]
        switch known {
        case .failure(let error)?:
            options.log("\(host.target) cannot be reached: \(error.message)")
            return .failure(RemoteProcedureError(error, target: host.target))
        case .success(let description)?: members.append(("environmentInfo", description.information(map: options.map)))
        case nil: options.log("\(host.target) is not reached after \(seconds) s; calls wait for it")
        }
        phase.withLock { $0 = .ready }
        return .success(.object(members))
    }

    /// The agent works in the target's directory, or where it was started itself: which of the two is not known yet.
    private func expectStart() {
        if let directory = options.directory { probes.expect(options.map.there(PathBytes.normalized(Array(directory.utf8)))) }
        let (host, probes) = (host, probes)
        Task {
            guard let directory = try? await host.workspace().target.directory, directory.hasPrefix("/") else { return }
            probes.expect(PathBytes.normalized(Array(directory.utf8)))
        }
    }

    private func reply(_ id: CallIdentifier, _ result: Result<JSONValue, RemoteProcedureError>) async {
        switch result {
        case .success(let value): await output((["id": id.value, "result": value] as JSONValue).encoded)
        case .failure(let error):
            await output(
                (["id": id.value, "error": ["code": .integer(error.code), "message": .text(error.message)]] as JSONValue).encoded)
        }
    }
}
