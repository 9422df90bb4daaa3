import PortalLink
import PortalWire

/// A request from its first frame to its last. Operations are subclasses.
///
/// The session keeps it until `finish` or `fail`, and calls nothing of it after that.
class OpenRequest {
    final let id: UInt64
    /// Outlives every request: the session ends with the process.
    final unowned(unsafe) let session: Session
    /// For data to the requester.
    final var credit = SendCredit()
    /// For data from the requester.
    final var window = ReceiveWindow()
    /// Whether the requester's data has come to its end.
    final fileprivate(set) var inputHasEnded: Bool
    final fileprivate(set) var isFinished = false
    /// Its number in the session: its identifier, until it is forgotten.
    final private(set) var number: UInt64
    /// What was sent and received of it, as a claim compares it: frames of the answer; the request's own and its data's frames; credit in
    /// all; and how often it was cancelled.
    final var sentFrames: UInt64 = 0
    final var receivedFrames: UInt64 = 1
    final var receivedCredit: UInt64 = 0
    final var cancels: UInt64 = 0
    /// Whether its proxy died and nobody has claimed it yet: then it sends nothing.
    final var isUnclaimed = false
    /// Whether it stands in one of the session's queues of those that may have something to send.
    final var isQueued = false
    /// The batch whose item it is: then the batch is what the requester sees.
    final unowned(unsafe) var batch: BatchOperationRequest?
    /// Which of the two it stands in next.
    final var budget = ShortBudget()

    /// - Parameter hasMore: Whether data frames follow the request's own payload.
    init(_ id: UInt64, hasMore: Bool, session: Session) {
        self.id = id
        number = id
        inputHasEnded = !hasMore
        self.session = session
    }

    /// Called once. The payload is the start of the requester's data.
    func start(_ parameters: JSONValue, payload: [UInt8]) {}
    /// More of the requester's data; it was counted against the window and must be consumed by `consumed` in time.
    func receive(_ bytes: [UInt8]) { consumed(bytes.count) }
    /// The requester gave up. There is still one last frame, now or later.
    func cancel(_ cancellation: Cancellation) {}
    /// The session ends: what would stay behind is removed. Called on every open request, after the workers were stopped.
    func abandon() {}
    /// Sends at most one piece, where there is one and credit for it. Returns whether to be called again.
    func produce() -> Bool { false }

    /// Identifiers are less than this, as all numbers of the protocol.
    private static let firstForgotten: UInt64 = 1 << 63

    /// Whether whoever asked is gone for good: then it comes to its end as one that was cancelled, and nothing of it is sent.
    final var isForgotten: Bool { number >= OpenRequest.firstForgotten }

    final func forget(_ count: UInt64) { number = OpenRequest.firstForgotten + count }

    final func receive(_ bytes: [UInt8], end: Bool) throws(WireError) {
        guard !inputHasEnded else { return }
        try window.receive(bytes.count)
        if end { inputHasEnded = true }
        receive(bytes)
    }

    /// Returns credit for data that was used.
    final func consumed(_ count: Int) {
        let grant = window.consume(count)
        if grant > 0, !inputHasEnded, !isFinished { send(.credit(id: id, bytes: grant)) }
    }

    /// The requester has more data than credit.
    final func starved() {
        let grant = window.starve()
        if grant > 0, !inputHasEnded { send(.credit(id: id, bytes: grant)) }
    }

    private func send(_ message: Message, payload: [UInt8] = []) { session.send(message.frame(payload: payload), of: self) }

    final func sendData(_ stream: StreamName, _ bytes: [UInt8]) {
        guard !isForgotten else { return }
        credit.take(bytes.count)
        if let batch { return batch.sends(stream, bytes) }
        budget.take(bytes.count)
        send(.data(id: id, stream: stream, end: false), payload: bytes)
        if credit.available == 0 { send(.starved(id: id)) }
    }

    /// The most bytes that the next piece may have.
    final var pieceLength: Int { min(credit.available, session.pieceLength) }

    final func finish(_ frame: Frame) {
        guard !isFinished else { return }
        isFinished = true
        if let batch { batch.ended(frame) } else { session.close(self, with: frame) }
    }

    /// It was given up; what it did is as `applied` says.
    @inline(never)
    final func failCancelled(_ applied: OperationError.Applied = .no) {
        fail(OperationError(.cancelled, literal: "cancelled", applied: applied))
    }

    final func fail(_ error: OperationError) { finish(failureFrame(id: id, error)) }

    /// For an item of a batch: its credit is not the requester's.
    final func refillCredit() { credit = SendCredit() }

    final func finishEmpty() { finish(emptyResultFrame(id: id)) }
}
