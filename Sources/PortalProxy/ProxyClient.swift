import NIOCore
import PortalLink
import PortalWire

/// One client of the proxy: its socket and its half of the conversation. Confined to the proxy's event loop.
final class ProxyClient {
    /// Above this the client is too slow to be kept: credit bounds what one stream sends, this bounds all of them together.
    static let pendingBytesLimit = 64 * 1024 * 1024
    /// The bytes that wait for a link, or for room on it; beyond, the client's socket is not read.
    static let waitingBytesLimit = 16 * 1024 * 1024

    /// The upper half of its identifiers: the one that it asks for in its hello, unless another client has it.
    var number: UInt64
    private let channel: any Channel
    private let pendingBytesLimit: Int
    var endpoint = LinkEndpoint(isCounting: false)
    private(set) var hasSaidHello = false
    private(set) var isInteractive = false
    /// Which place the client was last told of, and whether it certainly has that: from then on its requests may go to the host.
    private(set) var place: HistoryPlace?
    private(set) var knowsPlace = false
    /// The client's requests that are open, and what each asked for.
    var openRequests: [UInt64: OpenRequest] = [:]
    /// Frames that wait until there is a link.
    private var waitingFrames: [(id: UInt64, frame: Frame)] = []
    private(set) var waitingBytes = 0
    private var isReading = true
    private var pendingBytes = 0
    private var needsFlush = false

    /// A request that was passed on, or waits to be.
    struct OpenRequest {
        let operation: [UInt8]
        /// Its parameters, where they say what to look at when its outcome is unknown.
        let parameters: JSONValue?
        /// The request itself, where it changes nothing and may be asked again.
        let repeatable: Frame?
        let begun = NIODeadline.now()
        /// Whether it was given to the link.
        var isSent: Bool
        /// Whether something of its answer was passed on.
        var hasAnswers = false
        /// Whether it was begun through a proxy that died: the host may have had it.
        let isClaim: Bool

        init(_ request: Request, _ frame: Frame?, isSent: Bool) {
            operation = request.operation
            self.isSent = isSent
            isClaim = false
            repeatable = OperationNames.isReadOnly(operation) && !request.hasMore ? frame : nil
            let isWrite = operation.equals(FileWriteRequest.operation) || operation.equals(FileEditRequest.operation)
            parameters = isWrite ? request.parameters : nil
        }

        init(_ claim: Claim, isSent: Bool) {
            operation = claim.operation
            self.isSent = isSent
            isClaim = true
            hasAnswers = claim.received > 0
            repeatable = nil
            parameters = nil
        }
    }

    /// How long its requests wait for a link that was lost.
    private(set) var patience = ProxyClient.defaultPatience
    /// A quarter of an hour.
    static let defaultPatience = TimeAmount.minutes(15)

    init(number: UInt64, channel: any Channel, pendingBytesLimit: Int = ProxyClient.pendingBytesLimit) {
        self.number = number
        self.channel = channel
        self.pendingBytesLimit = pendingBytesLimit
    }

    /// The identifiers that are this client's: the upper bits are its number, so that an answer finds its client without a table.
    var identifiers: (first: UInt64, last: UInt64) { (number << 32 | 1, number << 32 | 0xFFFF_FFFF) }

    func owns(_ id: UInt64) -> Bool { id >> 32 == number && id & 0xFFFF_FFFF != 0 }

    func acceptHello(_ hello: Hello) {
        hasSaidHello = true
        isInteractive = hello.isInteractive
        if let seconds = hello.patienceSeconds { patience = .seconds(Int64(min(seconds, 1 << 32))) }
    }

    /// Sends a frame at the end of this turn of the loop.
    /// - Parameter completion: Called when the client has it, as far as its socket goes, or never will.
    func send(_ frame: Frame, completion: @escaping (_ isWritten: Bool) -> Void = { _ in }) {
        pendingBytes += frame.bytes.count
        guard pendingBytes <= pendingBytesLimit else {
            completion(false)
            close()
            return
        }
        let length = frame.bytes.count
        let promise = channel.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { [self] result in
            pendingBytes -= length
            if case .success = result { completion(true) } else { completion(false) }
        }
        channel.write(channel.allocator.buffer(bytes: frame.bytes), promise: promise)
        needsFlush = true
    }

    func send(_ message: Message) { send(message.frame()) }

    /// Says which executor takes its requests. It must have that before one of them goes there: when this proxy dies, it must know whom to ask.
    func tell(_ place: HistoryPlace?, text: String, completion: @escaping () -> Void) {
        let isNew = place != self.place
        self.place = place
        send(Message.state(LinkState(text: Array(text.utf8), isReady: true, place: place)).frame()) { [self] isWritten in
            guard isWritten, isNew, place == self.place, !knowsPlace else { return }
            knowsPlace = true
            completion()
        }
    }

    /// The client's hello is answered with a place: it sends nothing before it has that.
    func welcome(to place: HistoryPlace?) {
        self.place = place
        knowsPlace = place != nil
    }

    func flush() {
        guard needsFlush else { return }
        needsFlush = false
        channel.flush()
    }

    func wait(_ frame: Frame, of id: UInt64) {
        waitingFrames.append((id, frame))
        waitingBytes += frame.bytes.count
    }

    func takeWaitingFrames() -> [(id: UInt64, frame: Frame)] {
        let frames = waitingFrames
        waitingFrames = []
        waitingBytes = 0
        return frames
    }

    /// A request is given up before the host has seen it.
    func forgetWaiting(_ id: UInt64) {
        waitingFrames.removeAll { $0.id == id }
        waitingBytes = waitingFrames.reduce(0) { $0 + $1.frame.bytes.count }
    }

    /// Whether its socket is read.
    func setReading(_ isReading: Bool) {
        guard self.isReading != isReading else { return }
        self.isReading = isReading
        channel.setOption(.autoRead, value: isReading).whenFailure { _ in }
    }

    func close() {
        flush()
        channel.close(promise: nil)
    }
}
