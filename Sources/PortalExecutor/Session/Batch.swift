import PortalLink
import PortalWire

/// `batch`: its items are requests like others, but that they begin one after the other and what they send becomes lines of the batch's content.
final class BatchOperationRequest: OpenRequest {
    /// Data of an item goes into lines of at most so many bytes: a line that is base64 still fits into a frame.
    private static let lineDataLength = 32 * 1024
    /// Unsent bytes above which the current item is not asked for more.
    private static let pendingLength = Limits.preferredPayloadLength

    private var items: [JSONValue] = []
    private var stopsOnError = false
    private var index = 0
    private var failed = 0
    private var current: OpenRequest?
    /// Whether the current item may have something to send.
    private var currentIsReady = false
    private var isAdvancing = false
    private var pending: [UInt8] = []
    private var isEnding = false
    private var isCancelled = false

    override func start(_ parameters: JSONValue, payload: [UInt8]) {
        do throws(OperationError) {
            let request = try BatchRequest(parameters)
            items = request.items
            stopsOnError = request.stopsOnError
        } catch {
            return fail(error)
        }
        advance()
    }

    /// Begins items until one takes its time. An item may end while it begins: not by recursion, or a batch's length would be the stack's depth.
    private func advance() {
        guard !isAdvancing else { return }
        isAdvancing = true
        while current == nil, !isEnding {
            if index == items.count || isCancelled {
                isEnding = true
            } else {
                begin(items[index])
            }
        }
        isAdvancing = false
        session.markReady(self)
    }

    private func begin(_ item: JSONValue) {
        guard let opened = session.makeItem(item.string("op") ?? [], of: id) else {
            return ended(failureFrame(id: id, OperationError(.unsupported, literal: "no item of a batch can be this")))
        }
        opened.batch = self
        current = opened
        opened.start(item, payload: item.bytes("data") ?? [])
    }

    // MARK: From the current item

    func isReady(_ item: OpenRequest) {
        guard item === current else { return }
        currentIsReady = true
        session.markReady(self)
    }

    func sends(_ stream: StreamName, _ bytes: [UInt8]) {
        var position = 0
        while position < bytes.count {
            let end = min(bytes.count, position + BatchOperationRequest.lineDataLength)
            var writer = JSONWriter(appendingTo: pending)
            pending = []
            writer.beginObject()
            writer.member("item", signed: Int64(index))
            writer.member("stream", string: stream.text)
            writer.member("data", bytes: bytes.part(position, end))
            writer.endLine()
            pending = writer.bytes
            position = end
        }
    }

    func ended(_ frame: Frame) {
        // The frame's header, but for its first two members: whose request it ends is what the line says.
        let header = frame.headerBytes
        var start = 0
        for _ in 0..<2 {
            while header[start] != 0x2C { start += 1 }
            start += 1
        }
        pending.append("{\"item\":")
        pending.append(decimal: UInt64(index))
        pending.add(0x2C)
        pending.add(header.part(from: start))
        pending.add(0x0A)
        index += 1
        current = nil
        currentIsReady = false
        // `{"type":"error"` and not `{"type":"result"`.
        if header[9] == 0x65 {
            failed += 1
            if stopsOnError { isEnding = true }
        }
        advance()
    }

    // MARK: Sending

    override func produce() -> Bool {
        if currentIsReady, pending.count < BatchOperationRequest.pendingLength, let item = current {
            currentIsReady = false
            // An item has the credit of a whole window each time: what holds it back is what is pending.
            item.refillCredit()
            if item.produce(), current === item { currentIsReady = true }
        }
        let piece = pending.takeFirst(pieceLength)
        if !piece.isEmpty { sendData(.content, piece) }
        // Whoever gave up may never grant more.
        if isCancelled, credit.available == 0 { pending = [] }
        if pending.isEmpty, isEnding, !isFinished { conclude() }
        return !isFinished && credit.available > 0 && (currentIsReady || !pending.isEmpty)
    }

    private func conclude() {
        guard !isCancelled else {
            let error = OperationError(
                .cancelled, literal: "cancelled; the requests before `item` were run", applied: index > 0 ? .unknown : .no)
            return fail(error.detailed("item", Int64(index)))
        }
        let result = BatchResult(run: UInt64(index), failed: UInt64(failed))
        var writer = JSONWriter(resultOf: id)
        result.write(to: &writer)
        finish(writer.resultFrame())
    }

    // The current item ends as it does when it is cancelled by itself, and those behind it do not begin.
    override func cancel(_ cancellation: Cancellation) {
        isCancelled = true
        current?.cancel(cancellation)
        session.markReady(self)
    }

    override func abandon() { current?.abandon() }
}
