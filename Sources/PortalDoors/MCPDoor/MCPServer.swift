import AgentTools
import DoorSupport
import PortalWire
import Synchronization

/// An MCP server for one client: lines of messages come in, and lines go out. Calls run at the same time, each in a task of its own.
public final class MCPServer: Sendable {
    /// Lines of a client are at most so long, in bytes.
    public static let longestLine = 64 * 1024 * 1024
    /// How long `initialize` and `server/discover` wait for hosts to say what they are; clients give up after some seconds.
    static let introductionMilliseconds = 2000
    /// How long the end of the client is made known to the hosts, at most.
    static let endMilliseconds = 4000

    private struct State {
        var door: MCPProtocol
        /// With a number each: an id may be used again as soon as it is answered, before the task that answered has ended.
        var tasks: [CallIdentifier: (number: UInt64, task: Task<Void, Never>)] = [:]
        var begun: UInt64 = 0
        /// The batches that open requests came in.
        var batches: [CallIdentifier: Batch] = [:]
        var hasEnded = false
    }

    private let session: ToolSession
    private let write: @Sendable ([UInt8]) async -> Void
    private let state: Mutex<State>

    /// - Parameters:
    ///   - session: Whose tools these are; it is ended with the server.
    ///   - version: The program's.
    ///   - write: Sends a line, whose line feed is not in it. It may wait.
    public init(_ session: ToolSession, version: String, write: @escaping @Sendable ([UInt8]) async -> Void) {
        self.session = session
        self.write = write
        state = Mutex(State(door: MCPProtocol(tools: session.tools, version: version)))
    }

    // MARK: What comes

    /// Takes a line of the client. Answers are sent when they are there.
    public func receive(_ line: InputLines.Line) async {
        switch line {
        case .tooLong(let count):
            let error = RemoteProcedureError(
                RemoteProcedureError.invalidRequest, "a line of \(count) bytes is too long: at most \(MCPServer.longestLine) are taken")
            await write(MCPProtocol.failure(nil, error).encoded)
        case .bytes(let bytes):
            // Empty lines mean nothing.
            guard let first = bytes.first(where: { $0 != 0x20 && $0 != 0x09 && $0 != 0x0D }) else { return }
            if first == UInt8(ascii: "["), let messages = batch(bytes) { return await receive(messages) }
            let effects = state.withLock { $0.door.receive(IncomingMessage(bytes)) }
            for effect in effects { await carryOut(effect) }
        }
    }

    private func carryOut(_ effect: MCPProtocol.Effect) async {
        switch effect {
        case .send(let message): await write(message.encoded)
        case .call(let call): begin(call.id) { [self] in await run(call) }
        case .introduce(let id, let introduction): begin(id) { [self] in await introduce(id, introduction) }
        case .cancel(let id):
            let (task, batch) = state.withLock { ($0.tasks.removeValue(forKey: id), $0.batches.removeValue(forKey: id)) }
            task?.task.cancel()
            if let batch { await settle(batch, nil) }
        }
    }

    private func begin(_ id: CallIdentifier, _ body: @escaping @Sendable () async -> Void) {
        state.withLock { state in
            if state.hasEnded { return }
            state.begun += 1
            let number = state.begun
            let task = Task {
                await body()
                self.state.withLock { state in
                    if state.tasks[id]?.number == number { state.tasks[id] = nil }
                }
            }
            state.tasks[id] = (number, task)
        }
    }

    // MARK: Calls

    private func run(_ call: MCPProtocol.Call) async {
        var feed: ProgressFeed?
        if call.progressToken != nil {
            feed = ProgressFeed { [self] number, text in
                let message = state.withLock { $0.door.progress(call, number: number, message: text) }
                if let message { await write(message.encoded) }
            }
        }
        feed?.begin()
        var hear: ToolProgressHandler?
        if let feed { hear = { feed.hear($0) } }
        let result = await session.call(call.tool, call.arguments, progress: hear)
        // What is said of a call comes before its end.
        await feed?.end()
        let known = result ?? ToolResult("There is no tool \(call.tool).", isError: true)
        if let message = state.withLock({ $0.door.finished(call.id, known) }) { await answer(call.id, message) }
    }

    private func introduce(_ id: CallIdentifier, _ introduction: MCPProtocol.Introduction) async {
        let instructions = await session.instructions(milliseconds: MCPServer.introductionMilliseconds)
        if let message = state.withLock({ $0.door.introduced(id, introduction, instructions: instructions) }) { await answer(id, message) }
    }

    private func answer(_ id: CallIdentifier, _ message: JSONValue) async {
        let batch = state.withLock { $0.batches.removeValue(forKey: id) }
        if let batch { await settle(batch, message) } else { await write(message.encoded) }
    }

    // MARK: Batches

    /// Answers to the messages of one array, which are sent as one, too.
    private final class Batch: Sendable {
        let state = Mutex<(open: Int, answers: [JSONValue])>((1, []))
    }

    /// The messages of an array, where the revision has such; nil where it is to be answered as any line that is no message.
    private func batch(_ bytes: [UInt8]) -> [JSONValue]? {
        guard let revision = state.withLock({ $0.door.revision }), MCPRevision.withBatches.contains(revision),
            let messages = (try? JSONParser.parse(bytes, IncomingMessage.bounds))?.array, !messages.isEmpty
        else { return nil }
        return messages
    }

    private func receive(_ messages: [JSONValue]) async {
        let batch = Batch()
        for message in messages {
            for effect in state.withLock({ $0.door.receive(IncomingMessage(message)) }) {
                switch effect {
                case .send(let answer): batch.state.withLock { $0.answers.append(answer) }
                case .call(let call):
                    join(batch, call.id)
                    await carryOut(effect)
                case .introduce(let id, _):
                    join(batch, id)
                    await carryOut(effect)
                case .cancel: await carryOut(effect)
                }
            }
        }
        await settle(batch, nil)
    }

    private func join(_ batch: Batch, _ id: CallIdentifier) {
        batch.state.withLock { $0.open += 1 }
        state.withLock { $0.batches[id] = batch }
    }

    /// One more of a batch has its answer, or will have none.
    private func settle(_ batch: Batch, _ answer: JSONValue?) async {
        let answers = batch.state.withLock { state -> [JSONValue] in
            if let answer { state.answers.append(answer) }
            state.open -= 1
            return state.open == 0 ? state.answers : []
        }
        if !answers.isEmpty { await write(JSONValue.array(answers).encoded) }
    }

    // MARK: The end

    /// The client is gone: ends everything that runs on the hosts for it, and leaves them.
    public func end() async {
        let tasks = state.withLock { state -> [Task<Void, Never>] in
            state.hasEnded = true
            defer { state.tasks = [:] }
            return state.tasks.values.map(\.task)
        }
        for task in tasks { task.cancel() }
        await session.end(milliseconds: MCPServer.endMilliseconds)
    }
}
