import PortalLink
import PortalWire

/// Where content comes from. One worker at a time uses it; between two of its jobs nobody does.
class ContentSource {
    /// Whether there is no more.
    final var isAtEnd = false

    /// The next bytes, about as many as asked for; fewer or none only at the end.
    func fill(_ count: Int) throws(OperationError) -> [UInt8] { [] }
    /// The last frame, once `isAtEnd`.
    func result(_ id: UInt64) -> Frame { resultFrame(id: id) { _ in } }
}

/// A request that answers with content, read ahead by one piece.
class ContentRequest: OpenRequest {
    private static let pieceLength = 128 * 1024
    /// With many requests open, each reads less ahead.
    private static let crowd = 64

    final private var source: ContentSource?
    final private var job: ContentJob?
    final private var chunks: [[UInt8]] = []
    final private var offset = 0
    final private var pendingBytes = 0
    final private var last: Frame?
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
        fetch(session.openCount > ContentRequest.crowd ? 16 * 1024 : 64 * 1024)
    }

    // Reading leaves nothing behind, so the answer does not wait for the disk.
    final override func cancel(_ cancellation: Cancellation) {
        job?.giveUp()
        fail(OperationError(.cancelled, literal: "cancelled"))
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
        if !bytes.isEmpty {
            chunks.append(bytes)
            pendingBytes += bytes.count
        }
        self.last = last
        session.markReady(self)
    }

    final override func produce() -> Bool {
        if pendingBytes > 0, credit.available > 0 { sendPiece() }
        if pendingBytes == 0, let last {
            finish(last)
            return false
        }
        let wanted = min(credit.available - pendingBytes, ContentRequest.pieceLength)
        if last == nil, pendingBytes < Limits.preferredPayloadLength, wanted > 0 { fetch(wanted) }
        return pendingBytes > 0 && credit.available > 0
    }

    final private func sendPiece() {
        let count = min(chunks[0].count - offset, pieceLength)
        if offset == 0, count == chunks[0].count {
            sendData(.content, chunks.removeFirst())
        } else {
            sendData(.content, Array(chunks[0][offset..<offset + count]))
            offset += count
            if offset == chunks[0].count {
                chunks.removeFirst()
                offset = 0
            }
        }
        pendingBytes -= count
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
            last = Message.failure(id: id, error).frame()
        }
    }

    override func finish() { request.fetched(bytes, last: last) }
}
