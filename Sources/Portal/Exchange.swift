import NIOConcurrencyHelpers
import NIOCore
import PortalLink
import PortalWire

/// One request and its answer, from the requester's side: data in both directions, each under its credit, and one end.
///
/// It may go over several proxies, one after the other. What it has sent and received is counted, and what the host may not have is kept, so
/// that it goes on where it was.
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
        /// Where its frames go; nil while its proxy is dead and the next one has not said what the host has.
        var link: ProxyLink?
        /// Which executor took it, and in which history; nil as long as the proxy has certainly not given it to any.
        var place: HistoryPlace?
        /// Frames of the answer that came.
        var received: UInt64 = 0
        /// Its own frames.
        var sent: SentFrames
        /// Credit that was granted in all.
        var granted: UInt64 = 0
        /// How it was given up, each time.
        var cancellations: [Cancellation] = []
        /// Whether something of the answer's data has come, be it empty.
        var hasBegun = false
        /// Who waits for that.
        var beginners: [CheckedContinuation<Void, Never>] = []
    }

    let id: UInt64
    /// The name of what was asked for.
    let operation: Literal
    private let state: NIOLockedValueBox<State>

    init(id: UInt64, operation: Literal, request: Frame) {
        self.id = id
        self.operation = operation
        state = NIOLockedValueBox(State(sent: SentFrames(request)))
    }

    // MARK: From the connection, on its event loop

    /// Takes a frame; `wake` is called behind the last of those that came together.
    /// - Throws: `WireError.credit` where the peer sent or granted more than it may.
    func receive(_ message: Message, _ frame: Frame) throws(WireError) {
        state.withLockedValue { $0.received += 1 }
        switch message {
        case .data(_, let stream, _):
            let length = frame.payloadLength
            try mutate { state throws(WireError) in
                try state.window.receive(length)
                state.hasBegun = true
                if length > 0 { state.chunks.append(Chunk(stream: stream, bytes: Array(frame.payload))) }
            }
        case .credit(_, let bytes):
            try mutate { state throws(WireError) in
                try state.credit.grant(bytes)
                state.sent.granted(bytes)
            }
        case .starved:
            let (grant, link) = state.withLockedValue { state in
                let grant = state.window.starve()
                state.granted += grant
                return (grant, state.link)
            }
            if grant > 0 { link?.send(.credit(id: id, bytes: grant)) }
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
        let beginners = state.withLockedValue { state -> [CheckedContinuation<Void, Never>] in
            guard state.hasBegun || state.end != nil else { return [] }
            defer { state.beginners = [] }
            return state.beginners
        }
        for beginner in beginners { beginner.resume() }
    }

    /// The connection is gone: what was asked for may have happened, unless it changes nothing.
    func disconnected(_ reason: String) {
        if OperationNames.isReadOnly([UInt8](operation)) {
            finish(.failure(PortalError(.disconnected, reason)))
        } else {
            finish(.failure(PortalError(.outcomeUnknown, "\(reason); whether \(operation) took effect is unknown", applied: .unknown)))
        }
    }

    // MARK: Proxies

    /// It is sent over this link.
    func begin(over link: ProxyLink, at place: HistoryPlace?) {
        state.withLockedValue { state in
            state.link = link
            state.place = place
        }
    }

    /// The proxy says where it gives requests that it had no link for.
    func learn(_ place: HistoryPlace) {
        state.withLockedValue { state in
            if state.link != nil, state.place == nil { state.place = place }
        }
    }

    /// Its proxy is gone.
    func detach() { state.withLockedValue { $0.link = nil } }

    /// There is another proxy. What no host can have is sent again; what one may have is claimed.
    /// - Parameter isClaimable: Whether its identifier is one that this proxy takes.
    /// - Returns: False where it has ended by that.
    func resume(over link: ProxyLink, at place: HistoryPlace?, isClaimable: Bool) -> Bool {
        let (former, received) = state.withLockedValue { ($0.place, $0.received) }
        guard isClaimable else { return lost() }
        if [UInt8](operation).starts(with: [UInt8]("proxy.")) {
            return operation.description == OperationNames.proxyStop.description ? lost() : restart(over: link, at: place)
        }
        guard let former else { return restart(over: link, at: place) }
        link.send(.claim(Claim(id: id, operation: [UInt8](operation), history: former.history, received: received)))
        return true
    }

    /// What the host has of it. The rest is sent.
    /// - Returns: False where it has ended by that.
    func claimed(_ claimed: Claimed, over link: ProxyLink, at place: HistoryPlace?) -> Bool {
        let former = state.withLockedValue { $0.place }
        switch claimed {
        case .ended: state.withLockedValue { $0.link = link }
        case .open(let received, let credit, let cancels): return proceed(over: link, received, credit, cancels)
        case .missing where place != nil && place?.epoch == former?.epoch: return restart(over: link, at: place)
        case .missing, .unknown:
            // What changes nothing is asked again where nothing of its answer was seen.
            let isUntouched = state.withLockedValue { $0.received == 0 && $0.sent.count == 1 }
            guard place != nil, isUntouched, OperationNames.isReadOnly([UInt8](operation)) else { return lost() }
            return restart(over: link, at: place)
        }
        return true
    }

    private func proceed(over link: ProxyLink, _ received: UInt64, _ credit: UInt64, _ cancels: UInt64) -> Bool {
        let frames = state.withLockedValue { state -> [Frame]? in
            guard var frames = state.sent.after(received).map(Array.init), credit <= state.granted else { return nil }
            state.link = link
            // Who gave it up dropped what was on its way.
            if !state.cancellations.isEmpty { frames = [] }
            if state.granted > credit { frames.append(Message.credit(id: id, bytes: state.granted - credit).frame()) }
            for cancellation in state.cancellations.dropFirst(Int(clamping: cancels)) {
                frames.append(Message.cancel(id: id, cancellation).frame())
            }
            return frames
        }
        guard let frames else { return lost() }
        for frame in frames { link.send(frame) }
        return true
    }

    /// From its first frame on: no host has it.
    private func restart(over link: ProxyLink, at place: HistoryPlace?) -> Bool {
        let (frames, isCancelled) = state.withLockedValue { state -> (ArraySlice<Frame>?, Bool) in
            guard state.cancellations.isEmpty else { return (nil, true) }
            guard let frames = state.sent.after(0) else { return (nil, false) }
            state.link = link
            state.place = place
            return (frames, false)
        }
        if let frames {
            for frame in frames { link.send(frame) }
            return true
        }
        guard isCancelled else { return lost() }
        finish(.failure(PortalError(.cancelled, "cancelled before the host had it")))
        return false
    }

    private func lost() -> Bool {
        disconnected("the proxy went away, and the host does not know the request any more")
        return false
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
            let (chunk, grant, isOver, link) = state.withLockedValue { state -> (Chunk?, UInt64, Bool, ProxyLink?) in
                guard state.firstChunk < state.chunks.count else { return (nil, 0, state.end != nil, nil) }
                let chunk = state.chunks[state.firstChunk]
                state.firstChunk += 1
                if state.firstChunk == state.chunks.count {
                    state.chunks.removeAll(keepingCapacity: true)
                    state.firstChunk = 0
                } else if state.firstChunk >= 64 {
                    state.chunks.removeFirst(state.firstChunk)
                    state.firstChunk = 0
                }
                let grant = state.window.consume(chunk.bytes.count)
                state.granted += grant
                return (chunk, grant, false, state.end == nil ? state.link : nil)
            }
            if let chunk {
                if grant > 0 { link?.send(.credit(id: id, bytes: grant)) }
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

    /// Returns when the first of the answer's data has come.
    /// - Throws: Why there is none.
    func beginning() async throws(PortalError) {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let resumeNow = state.withLockedValue { state -> Bool in
                    guard state.end == nil, !state.hasBegun else { return true }
                    state.beginners.append(continuation)
                    return false
                }
                if resumeNow { continuation.resume() }
            }
        } onCancel: {
            cancel()
        }
        if case .failure(let error)? = state.withLockedValue({ $0.hasBegun ? nil : $0.end }) { throw error }
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
                state.withLockedValue { $0.link }?.send(.starved(id: id))
                await waitForCredit()
                continue
            }
            let piece = Array(bytes[position..<position + allowed])
            position += allowed
            let frame = Message.data(id: id, stream: stream, end: end && position == bytes.count).frame(payload: piece)
            let link = state.withLockedValue { state in
                state.sent.append(frame)
                return state.link
            }
            link?.send(frame)
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
        let link = state.withLockedValue { state -> ProxyLink? in
            guard state.end == nil, state.cancellations.last != cancellation else { return nil }
            state.cancellations.append(cancellation)
            return state.link
        }
        link?.send(.cancel(id: id, cancellation))
    }
}
