import DoorSupport
import Portal
import PortalWire
import Synchronization

/// A command of the agent's: what it prints and how it ends, numbered without a gap, since the agent waits for ever for a number that is
/// missing.
final class CodexProcess: Sendable {
    /// Bytes of what it printed that are kept for `process/read`.
    private static let keptBytes = 1 << 20
    /// Bytes of input that may wait for it to take them before the agent waits too.
    private static let mostWaiting = 1 << 20
    /// Bytes of the first output in which signs of a sandbox are looked for.
    private static let searchedBytes = 16 << 10

    private struct Piece {
        var number: Int64
        var stream: String
        var bytes: [UInt8]
    }

    private struct State {
        var last: Int64 = 0
        var remote: RemoteProcess?
        var isTerminated = false
        var exitCode: Int32?
        var isSandboxDenied = false
        var isClosed = false
        var kept: [Piece] = []
        var keptBytes = 0
        var beginning: [UInt8] = []
        var writes: Set<[UInt8]> = []
        /// Bytes of its input that it has not taken, as far as is known.
        var waitingBytes = 0
        var readers: [CheckedContinuation<Void, Never>] = []
    }

    let id: String
    /// What it is called there.
    let name: String
    let hasTerminal: Bool
    let takesInput: Bool
    private let isConfined: Bool
    private let send: @Sendable ([UInt8]) async -> Void
    private let state = Mutex(State())
    /// What is done with it one after the other, in the order of the requests.
    private let steps: AsyncStream<@Sendable () async -> Void>
    private let addStep: AsyncStream<@Sendable () async -> Void>.Continuation

    init(
        id: String, name: String, hasTerminal: Bool, takesInput: Bool, isConfined: Bool, send: @escaping @Sendable ([UInt8]) async -> Void
    ) {
        self.id = id
        self.name = name
        self.hasTerminal = hasTerminal
        self.takesInput = takesInput
        self.isConfined = isConfined
        self.send = send
        (steps, addStep) = AsyncStream.makeStream()
    }

    /// Whether it has ended and everything was said.
    var isClosed: Bool { state.withLock { $0.isClosed } }

    // MARK: Requests

    /// Does something behind what was asked for before; at once where the process has ended.
    func enqueue(_ step: @escaping @Sendable () async -> Void) {
        if case .terminated = addStep.yield(step) { Task { await step() } }
    }

    /// It was not started, or the agent goes: what waits is done, and nothing more.
    func finishSteps() { addStep.finish() }

    /// Runs the steps.
    func runSteps() { Task { for await step in steps { await step() } } }

    /// It runs there, or will.
    func attach(_ remote: RemoteProcess) {
        let isTerminated = state.withLock { state in
            state.remote = remote
            return state.isTerminated
        }
        if isTerminated { remote.cancel() }
    }

    /// What came of a write.
    enum Writing {
        /// It has no input, or none any more.
        case closed
        /// It gets there in its turn.
        case accepted
        /// The same, but much waits for the process to take it.
        case behind
    }

    /// Writes to its input, each of the agent's identifiers once.
    func write(_ bytes: [UInt8], id: [UInt8]) -> Writing {
        let (writing, isNew) = state.withLock { state -> (Writing, Bool) in
            guard takesInput, state.exitCode == nil, !state.isTerminated else { return (.closed, false) }
            let isNew = id.isEmpty || state.writes.insert(id).inserted
            if isNew { state.waitingBytes += bytes.count }
            return (state.waitingBytes > CodexProcess.mostWaiting ? .behind : .accepted, isNew)
        }
        guard isNew else { return writing }
        enqueue { [self] in
            await state.withLock { $0.remote }?.send(bytes)
            state.withLock { $0.waitingBytes -= bytes.count }
        }
        return writing
    }

    /// Kills it and what it started. False where it has ended.
    func terminate() -> Bool {
        let (isRunning, remote) = state.withLock { state -> (Bool, RemoteProcess?) in
            guard state.exitCode == nil else { return (false, nil) }
            state.isTerminated = true
            return (true, state.remote)
        }
        remote?.cancel()
        return isRunning
    }

    /// The answer of `process/read`: what was printed behind a number. Waits until there is something, for so many milliseconds at most.
    func read(after: Int64, most: Int, milliseconds: UInt64) async -> JSONValue {
        let deadline = ContinuousClock.now + .milliseconds(Int64(clamping: milliseconds))
        while !state.withLock({ $0.isClosed || $0.last > after }), ContinuousClock.now < deadline {
            _ = await first {
                await self.change(behind: after)
            } before: {
                try? await Task.sleep(until: deadline)
            }
        }
        return state.withLock { state in
            var chunks: [JSONValue] = []
            var bytes = 0
            var next = state.last + 1
            for piece in state.kept where piece.number > after {
                if !chunks.isEmpty, bytes + piece.bytes.count > most {
                    next = piece.number
                    break
                }
                bytes += piece.bytes.count
                chunks.append([
                    "seq": .integer(piece.number), "stream": .text(piece.stream), "chunk": .string(BlockBase64.encode(piece.bytes)),
                ])
            }
            return [
                "chunks": .array(chunks), "nextSeq": .integer(next), "exited": .bool(state.exitCode != nil),
                "exitCode": state.exitCode.map { .integer(Int64($0)) } ?? .null, "closed": .bool(state.isClosed), "failure": .null,
                "sandboxDenied": .bool(state.isSandboxDenied),
            ]
        }
    }

    private func change(behind number: Int64) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state -> Bool in
                if state.isClosed || state.last > number { return true }
                state.readers.append(continuation)
                return false
            }
            if isThere { continuation.resume() }
        }
    }

    // MARK: What comes from there

    /// Says what it prints and how it ends, to its end.
    func follow(_ remote: RemoteProcess, target: String) async {
        for await piece in remote.output { await say(hasTerminal ? "pty" : piece.isError ? "stderr" : "stdout", piece.bytes) }
        var code: Int32
        do throws(PortalError) {
            code = try await remote.end().shellStatus
        } catch {
            switch error.code {
            case .cancelled: code = Int32(clamping: error.details["code"]?.integer ?? 128 + (error.details["signal"]?.integer ?? 9))
            default:
                // The agent has no other place for why a command that ran has no end of its own.
                await say(hasTerminal ? "pty" : "stderr", Array("portal: \(target): \(error.message)\n".utf8))
                code = 255
            }
        }
        await exited(code)
        await closed()
    }

    private func say(_ stream: String, _ bytes: [UInt8]) async {
        let (number, readers) = state.withLock { state -> (Int64, [CheckedContinuation<Void, Never>]) in
            state.last += 1
            state.kept.append(Piece(number: state.last, stream: stream, bytes: bytes))
            state.keptBytes += bytes.count
            while state.keptBytes > CodexProcess.keptBytes, state.kept.count > 1 { state.keptBytes -= state.kept.removeFirst().bytes.count }
            if isConfined, state.beginning.count < CodexProcess.searchedBytes { state.beginning += bytes }
            return (state.last, CodexProcess.waiting(&state))
        }
        await tell("process/output", number, [("stream", .text(stream)), ("chunk", .string(BlockBase64.encode(bytes)))], readers)
    }

    private func exited(_ code: Int32) async {
        let (number, isDenied, readers) = state.withLock { state -> (Int64, Bool, [CheckedContinuation<Void, Never>]) in
            state.last += 1
            state.exitCode = code
            state.isSandboxDenied = isConfined && CodexProcess.looksDenied(code, state.beginning)
            return (state.last, state.isSandboxDenied, CodexProcess.waiting(&state))
        }
        await tell("process/exited", number, [("exitCode", .integer(Int64(code))), ("sandboxDenied", .bool(isDenied))], readers)
    }

    private func closed() async {
        let (number, readers) = state.withLock { state -> (Int64, [CheckedContinuation<Void, Never>]) in
            state.last += 1
            state.isClosed = true
            state.remote = nil
            return (state.last, CodexProcess.waiting(&state))
        }
        finishSteps()
        await tell("process/closed", number, [], readers)
    }

    private static func waiting(_ state: inout State) -> [CheckedContinuation<Void, Never>] {
        defer { state.readers = [] }
        return state.readers
    }

    private func tell(
        _ method: String, _ number: Int64, _ members: [(String, JSONValue)], _ readers: [CheckedContinuation<Void, Never>]
    ) async {
        for reader in readers { reader.resume() }
        let parameters: JSONValue = .object([("processId", .text(id)), ("seq", .integer(number))] + members)
        await send((["method": .text(method), "params": parameters] as JSONValue).encoded)
    }

    /// Whether a confined command seems to have failed by that: the agent then asks its user whether it may run without. Nobody knows for
    /// certain why a program failed; these are the words of programs for it.
    private static func looksDenied(_ code: Int32, _ beginning: [UInt8]) -> Bool {
        guard code != 0 else { return false }
        let text = String(decoding: beginning, as: UTF8.self).lowercased()
        return ["operation not permitted", "permission denied", "read-only file system"].contains { text.contains($0) }
    }
}
