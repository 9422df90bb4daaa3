import PortalLink
import PortalWire

/// Where content comes from. One worker at a time uses it; between two of its jobs nobody does.
class ContentSource {
    /// Whether there is no more.
    final var isAtEnd = false

    /// The next bytes, about as many as asked for; fewer or none only at the end.
    func fill(_ count: Int) throws(OperationError) -> [UInt8] { [] }
    /// The last frame, once `isAtEnd`.
    func result(_ id: UInt64) -> Frame { emptyResultFrame(id: id) }
}

/// A request that answers with content, read ahead by one piece.
class ContentRequest: OpenRequest {
    private static let pieceLength = 128 * 1024
    /// With many requests open, each reads less ahead.
    private static let crowd = 64
    private static let crowdedLength = 16 * 1024

    final private var source: ContentSource?
    final private var job: ContentJob?
    final private var pending = ChunkQueue()
    final private var last: Frame?
    /// What of the first piece counts as read ahead, and whether that piece is still to come.
    final private var held = 0
    final private var isFirst = false
    /// Whether the first piece is known to wait for no disk, set by `prepare`: then it is fetched where the request came in.
    final var isAtHand = false

    /// Reads the parameters.
    func prepare(_ parameters: JSONValue) throws(OperationError) -> ContentSource { ContentSource() }

    final override func start(_ parameters: JSONValue, payload: [UInt8]) {
        do throws(OperationError) {
            source = try prepare(parameters)
        } catch {
            return fail(error)
        }
        guard session.openCount > ContentRequest.crowd else { return fetch(64 * 1024) }
        // An item of a batch has credit of its own making, and could keep what it read for long.
        guard batch == nil else { return fetch(ContentRequest.crowdedLength) }
        isFirst = true
        if session.hasRoomToRead { return fetchFirst() }
        // What is at hand now may not be when its turn comes.
        isAtHand = false
        session.waitToRead(self)
    }

    private func fetchFirst() {
        hold(ContentRequest.crowdedLength)
        fetch(ContentRequest.crowdedLength)
    }

    private func hold(_ count: Int) {
        session.readAhead += count - held
        held = count
    }

    // Reading leaves nothing behind, so the answer does not wait for the disk.
    final override func cancel(_ cancellation: Cancellation) {
        job?.giveUp()
        hold(0)
        failCancelled()
    }

    final private func fetch(_ count: Int) {
        guard let source, job == nil else { return }
        let job = ContentJob(request: self, source: source, count: count)
        self.job = job
        session.workers.submit(job, isAtHand: isAtHand)
        isAtHand = false
    }

    final fileprivate func fetched(_ bytes: [UInt8], last: Frame?) {
        job = nil
        guard !isFinished else { return }
        if isFirst { hold(bytes.count) }
        isFirst = false
        pending.add(bytes)
        self.last = last
        session.markReady(self)
    }

    final override func produce() -> Bool {
        if isFirst {
            guard job == nil else { return false }
            // Others may have been quicker, or only credit came.
            if session.hasRoomToRead { fetchFirst() } else { session.waitToRead(self) }
            return false
        }
        if pending.count > 0, credit.available > 0 { sendPiece() }
        if pending.count == 0, let last {
            finish(last)
            return false
        }
        let wanted = min(credit.available - pending.count, ContentRequest.pieceLength)
        if last == nil, pending.count < Limits.preferredPayloadLength, wanted > 0 { fetch(wanted) }
        return pending.count > 0 && credit.available > 0
    }

    final private func sendPiece() {
        let piece = pending.take(pieceLength)
        sendData(.content, piece)
        hold(max(0, held - piece.count))
    }
}

private final class ContentJob: Job {
    private let request: ContentRequest
    private let source: ContentSource
    private let count: Int
    private let id: UInt64
    private var bytes: [UInt8] = []
    private var last: Frame?

    init(request: ContentRequest, source: ContentSource, count: Int) {
        self.request = request
        self.source = source
        self.count = count
        id = request.id
    }

    override func run() {
        guard !isGivenUp else { return }
        do throws(OperationError) {
            bytes = try source.fill(count)
            if source.isAtEnd { last = source.result(id) }
        } catch {
            last = failureFrame(id: id, error)
        }
    }

    override func finish() { request.fetched(bytes, last: last) }
}
