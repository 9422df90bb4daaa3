import NIOConcurrencyHelpers
import NIOCore
import PortalLink
import PortalWire

/// One request and its answer, from the requester's side: data in both directions, each under its credit, and one end.
final class Exchange: Sendable {
    /// A piece of the answer's data.
    struct Chunk: Sendable {
        var stream: StreamName
        var bytes: [UInt8]
    }

    private struct State {
        var chunks: [Chunk] = []
        var firstChunk = 0
        var window = ReceiveWindow()
        var credit = SendCredit()
        var end: Result<JSONValue, PortalError>?
        var reader: CheckedContinuation<Void, Never>?
        var writer: CheckedContinuation<Void, Never>?
        /// How it was given up last.
        var cancellation: Cancellation?
    }

    let id: UInt64
    /// The name of what was asked for.
    let operation: StaticString
    private let connection: ProxyConnection
    private let state = NIOLockedValueBox(State())

    init(id: UInt64, operation: StaticString, connection: ProxyConnection) {
        self.id = id
        self.operation = operation
        self.connection = connection
    }

    // MARK: From the connection, on its event loop

    /// Takes a frame; `wake` is called behind the last of those that came together.
    /// - Throws: `WireError.credit` where the peer sent or granted more than it may.
    func receive(_ message: Message, _ frame: Frame) throws(WireError) {
        switch message {
        case .data(_, let stream, _):
            let length = frame.payloadLength
            try mutate { state throws(WireError) in
                try state.window.receive(length)
                if length > 0 { state.chunks.append(Chunk(stream: stream, bytes: Array(frame.payload))) }
            }
        case .credit(_, let bytes): try mutate { state throws(WireError) in try state.credit.grant(bytes) }
        case .starved:
            let grant = state.withLockedValue { $0.window.starve() }
            if grant > 0 { connection.send(.credit(id: id, bytes: grant)) }
        case .result(_, let value): end(with: .success(value))
        case .failure(_, let error): end(with: .failure(PortalError(error)))
        default: break
        }
    }

    /// Lets those go on who wait for what has come.
    func wake() {
        let waiting = state.withLockedValue { state -> (CheckedContinuation<Void, Never>?, CheckedContinuation<Void, Never>?) in
            let isReadable = state.end != nil || state.firstChunk < state.chunks.count
            let isWritable = state.end != nil || state.credit.available > 0
            return (isReadable ? state.reader.take() : nil, isWritable ? state.writer.take() : nil)
        }
        waiting.0?.resume()
        waiting.1?.resume()
    }

    /// The connection is gone: what was asked for may have happened, unless it changes nothing.
    func disconnected(_ reason: String) {
        if OperationNames.isReadOnly([UInt8](operation)) {
            finish(.failure(PortalError(.disconnected, reason)))
        } else {
            finish(.failure(PortalError(.outcomeUnknown, "\(reason); whether \(operation) took effect is unknown", applied: .unknown)))
        }
    }

    private func end(with end: Result<JSONValue, PortalError>) {
        state.withLockedValue { state in
            if state.end == nil { state.end = end }
        }
    }

    private func finish(_ end: Result<JSONValue, PortalError>) {
        self.end(with: end)
        wake()
    }

    private func mutate(_ body: (inout State) throws(WireError) -> Void) throws(WireError) {
        let result = state.withLockedValue { state -> Result<Void, WireError> in
            do throws(WireError) { return .success(try body(&state)) } catch { return .failure(error) }
        }
        try result.get()
    }

    // MARK: From the caller

    /// The next piece of the answer's data, or nil at its end. When the task is cancelled, so is the request.
    func next() async -> Chunk? {
        // A consumer that never has to wait would otherwise never be where a cancelled task is noticed.
        if Task.isCancelled { cancel() }
        while true {
            let (chunk, grant, isOver) = state.withLockedValue { state -> (Chunk?, UInt64, Bool) in
                guard state.firstChunk < state.chunks.count else { return (nil, 0, state.end != nil) }
                let chunk = state.chunks[state.firstChunk]
                state.firstChunk += 1
                if state.firstChunk == state.chunks.count {
                    state.chunks.removeAll(keepingCapacity: true)
                    state.firstChunk = 0
                } else if state.firstChunk >= 64 {
                    state.chunks.removeFirst(state.firstChunk)
                    state.firstChunk = 0
                }
                return (chunk, state.window.consume(chunk.bytes.count), false)
            }
            if let chunk {
                if grant > 0 { connection.send(.credit(id: id, bytes: grant)) }
                return chunk
            }
            if isOver { return nil }
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let resumeNow = state.withLockedValue { state -> Bool in
                        guard state.end == nil, state.firstChunk == state.chunks.count else { return true }
                        state.reader = continuation
                        return false
                    }
                    if resumeNow { continuation.resume() }
                }
            } onCancel: {
                cancel()
            }
        }
    }

    /// The end of the answer; data that was not read is dropped.
    func end() async throws(PortalError) -> JSONValue {
        while await next() != nil {}
        return try state.withLockedValue { $0.end! }.get()
    }

    /// The data of one stream, collected, and the end.
    func collect() async throws(PortalError) -> (content: [UInt8], value: JSONValue) {
        var content: [UInt8] = []
        while let chunk = await next() { content += chunk.bytes }
        return (content, try await end())
    }

    /// Sends data, waiting for credit as it is needed. Data after the request's end is dropped, as it is there.
    func send(_ bytes: [UInt8], stream: StreamName, end: Bool) async {
        var position = 0
        repeat {
            if Task.isCancelled { cancel() }
            let allowed = state.withLockedValue { state -> Int in
                if state.end != nil { return -1 }
                let count = min(bytes.count - position, state.credit.available, Limits.preferredPayloadLength)
                state.credit.take(count)
                return count
            }
            if allowed < 0 { return }
            if allowed == 0, position < bytes.count {
                connection.send(.starved(id: id))
                await waitForCredit()
                continue
            }
            let piece = Array(bytes[position..<position + allowed])
            position += allowed
            connection.send(.data(id: id, stream: stream, end: end && position == bytes.count), payload: piece)
        } while position < bytes.count
    }

    private func waitForCredit() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let resumeNow = state.withLockedValue { state -> Bool in
                    guard state.end == nil, state.credit.available == 0 else { return true }
                    state.writer = continuation
                    return false
                }
                if resumeNow { continuation.resume() }
            }
        } onCancel: {
            cancel()
        }
    }

    /// Whether the last frame has come: nothing that is sent now has an effect.
    var hasEnded: Bool { state.withLockedValue { $0.end != nil } }

    /// Gives the request up; it still ends, with what the host says.
    func cancel(_ cancellation: Cancellation = Cancellation()) {
        let isNew = state.withLockedValue { state -> Bool in
            guard state.end == nil, state.cancellation != cancellation else { return false }
            state.cancellation = cancellation
            return true
        }
        if isNew { connection.send(.cancel(id: id, cancellation)) }
    }
}
