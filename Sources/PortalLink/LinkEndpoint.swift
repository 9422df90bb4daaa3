import PortalWire

/// One end of a link, without any I/O: bytes go in and come out, messages come out and go in.
///
/// It cuts frames, checks that a hello comes first and once, counts, acknowledges, keeps for replay, answers pings, and measures with pings of
/// its own how much may be on its way. Whoever drives it moves bytes between it and a pipe, asks for events after each receive, and produces
/// while there is room.
///
/// Where it counts, it outlives its links: what the peer has not acknowledged is kept, and sent again on the next one. Between `detach()` and
/// the peer's next hello, sequenced frames are only kept; the driver answers that hello with `resume(after:)` or with `begin()`.
public struct LinkEndpoint {
    /// Something that the driver acts on.
    public enum Event {
        /// The peer's hello, with a version that both speak. Where the endpoint counts, the driver says its own hello if it has not yet, and
        /// then calls `begin()` or `resume(after:)` before it asks for the next event.
        indirect case hello(Hello, version: UInt64)
        /// A sequenced message with its frame, whose payload belongs to it.
        case message(Message, Frame)
        /// The answer to a ping.
        case pong(UInt64)
    }

    private var decoder = FrameDecoder()
    private var counter = ReceiveCounter()
    private var replay = ReplayBuffer()
    private var hasPeerHello = false
    /// Whether sequenced frames are sent, and not only kept.
    private var isOpen: Bool
    private let isCounting: Bool
    private var window = CongestionWindow()
    private var outbound: [Frame] = []
    #if !hasFeature(Embedded)
        /// Where processing a frame is not the end of it: what was processed and is not settled.
        private var settlement: SettlementQueue?
        /// Frames that the peer sends again and that were processed before.
        private var repeated: UInt64 = 0
    #endif
    /// The time, in nanoseconds of a clock that never goes back. The driver sets it before it receives and before it sends.
    public var now: UInt64 = 0
    /// The last round trip that a ping took, in nanoseconds; nil before the first.
    public private(set) var roundTrip: UInt64?
    /// Bytes that wait to be taken by the driver.
    public private(set) var outboundBytes = 0

    /// An endpoint of a new session.
    /// - Parameter isCounting: True between proxy and executor, whose session outlives links. A client's own socket is no less reliable than
    ///   the client itself: there, nothing is numbered, acknowledged or kept.
    public init(isCounting: Bool) {
        self.isCounting = isCounting
        isOpen = !isCounting
    }

    #if !hasFeature(Embedded)
        /// An endpoint that counts, and acknowledges a frame only when the driver has settled it: then it is where it belongs.
        public static func settling() -> LinkEndpoint {
            var endpoint = LinkEndpoint(isCounting: true)
            endpoint.settlement = SettlementQueue()
            return endpoint
        }

        /// How many sequenced frames were processed in this session, the number of the last one.
        public var processed: UInt64 { settlement?.processed ?? counter.received }

        /// A frame is where it belongs: it is acknowledged as soon as all before it are.
        public mutating func settle(_ number: UInt64) {
            settlement?.settle(number)
            while let bytes = settlement?.next() { if counter.count(bytes: bytes) { acknowledge() } }
        }
    #endif

    // MARK: Links

    /// The pipe is gone: what was being received or sent on it is forgotten, and what the peer has not acknowledged is kept.
    public mutating func detach() {
        decoder = FrameDecoder()
        window = CongestionWindow()
        outbound = []
        outboundBytes = 0
        roundTrip = nil
        hasPeerHello = false
        isOpen = !isCounting
    }

    /// Both hellos of a new link name the same session: what the peer has is acknowledged, and what is left goes out again, in its order and
    /// before anything new.
    /// - Parameter received: How many sequenced frames the peer has processed in this session, as its hello says.
    /// - Throws: `WireError.acknowledgement` where that is less than it said before, or more than was sent.
    public mutating func resume(after received: UInt64) throws(WireError) {
        let frames = try replay.replay(after: received)
        isOpen = true
        #if !hasFeature(Embedded)
            repeated = processed - counter.received
        #endif
        for kept in frames { queue(kept.frame) }
    }

    /// A session begins on this link, the first or another: both directions count from zero, and what was kept of an earlier one is dropped.
    public mutating func begin() {
        counter = ReceiveCounter()
        replay = ReplayBuffer()
        isOpen = true
        #if !hasFeature(Embedded)
            if settlement != nil { settlement = SettlementQueue() }
            repeated = 0
        #endif
    }

    // MARK: In

    /// Takes bytes that the pipe delivered.
    public mutating func receive(_ bytes: UnsafeRawBufferPointer) { decoder.receive(bytes) }

    /// The next event of what was received, or nil until more comes.
    /// - Throws: `LinkError` where the peer broke a rule or said goodbye: the link is over, and `goodbye(for:)` has the frame to send.
    public mutating func nextEvent() throws(LinkError) -> Event? {
        var end: LinkError?
        do throws(WireError) {
            while end == nil, let frame = try decoder.next() {
                if let event = try process(frame, &end) { return event }
            }
        } catch {
            end = .broken(error)
        }
        if let end { throw end }
        return nil
    }

    /// - Parameter end: Set where the peer said goodbye.
    /// - Returns: Nil where the driver has nothing to do about it.
    private mutating func process(_ frame: Frame, _ end: inout LinkError?) throws(WireError) -> Event? {
        let message = try Message(frame)
        guard hasPeerHello || isAllowedBeforeHello(message) else { throw .hello }
        if isCounting, message.isSequenced, !count(frame) { return nil }
        switch message {
        case .hello(let hello):
            guard !hasPeerHello else { throw .hello }
            guard let version = ProtocolVersion.common(minimum: hello.minimumVersion, maximum: hello.maximumVersion) else { throw .version }
            hasPeerHello = true
            return .hello(hello, version: version)
        case .acknowledge(let count):
            guard isCounting else { throw .acknowledgement }
            try replay.acknowledge(count)
            return nil
        case .ping(let number):
            send(.pong(number))
            return nil
        case .pong(let number):
            if let time = window.answered(number, at: now) { roundTrip = time }
            return .pong(number)
        case .goodbye(let code, let text):
            end = .goodbye(code: code, text: text)
            return nil
        case .unknown:
            #if !hasFeature(Embedded)
                settle(processed)
            #endif
            return nil
        default: return .message(message, frame)
        }
    }

    /// Counts a sequenced frame. False where it was processed before.
    private mutating func count(_ frame: Frame) -> Bool {
        #if !hasFeature(Embedded)
            guard repeated == 0 else {
                repeated -= 1
                return false
            }
            if settlement != nil {
                settlement?.append(bytes: frame.bytes.count)
                return true
            }
        #endif
        if counter.count(bytes: frame.bytes.count) { acknowledge() }
        return true
    }

    private func isAllowedBeforeHello(_ message: Message) -> Bool {
        switch message {
        case .hello, .goodbye, .ping, .pong: true
        default: false
        }
    }

    // MARK: Out

    /// Whether so much is unacknowledged that nothing more may be produced. Control frames are still accepted.
    public var isFull: Bool { replay.isFull }

    /// The bytes that the peer has not acknowledged; zero on a link that does not count.
    public var unacknowledgedBytes: Int { replay.bytes }

    /// The number of sequenced frames that were processed, and settled where the driver does that, as a hello says it.
    public var received: UInt64 { counter.received }

    /// The number of sequenced frames that were sent.
    public var sent: UInt64 { replay.sent }

    /// Whether streams may send more now. What they send beyond it would wait in the pipe, and everything after it behind them. Without a
    /// link they may fill what is kept for the next one.
    public var hasRoom: Bool { !isFull && (!isOpen || window.inFlight < window.size) }

    /// Whether short data may be sent, which goes before streams. A thousand short answers at once are a stream too.
    public var hasRoomForShort: Bool { !isFull && (!isOpen || window.inFlight < 2 * window.size) }

    /// The pieces that streams are best cut into: where little fits on the line, a large one would itself be the queue.
    public var pieceLength: Int { min(window.size / 4, Limits.preferredPayloadLength) }

    /// Queues a ping, to see whether the peer lives and how far it is. Its number is not the driver's business: any pong is an answer.
    public mutating func ping() { enqueue(Message.ping(window.probe(at: now)).frame(), isSequenced: false) }

    /// Queues a message.
    public mutating func send(_ message: Message, payload: [UInt8] = []) {
        enqueue(message.frame(payload: payload), isSequenced: message.isSequenced)
    }

    /// Queues a frame that is already written: a request, a result, or one that is passed on. Its message must be a sequenced one.
    public mutating func send(sequenced frame: Frame) { enqueue(frame, isSequenced: true) }

    /// Queues a frame that may be asked for again by its request and its number.
    public mutating func send(_ kept: KeptFrame) {
        replay.append(kept)
        if isOpen { queue(kept.frame) }
    }

    /// The frames that the peer has not acknowledged, in their order.
    @inline(__always) public var kept: [KeptFrame] { replay.kept }

    /// Says that everything received was processed, if that was not yet said. Called when the link falls idle.
    public mutating func acknowledgeIfNeeded() {
        if isCounting, isOpen, counter.hasUnacknowledged { acknowledge() }
    }

    /// The last frame for a peer that broke a rule.
    public static func goodbye(for error: WireError) -> Frame {
        Message.goodbye(code: .invalid, text: [UInt8](error.rule)).frame()
    }

    /// Takes everything that waits to be sent, in order.
    public mutating func takeOutbound() -> [Frame] {
        guard !outbound.isEmpty else { return [] }
        let frames = outbound
        outbound = []
        outboundBytes = 0
        return frames
    }

    private mutating func acknowledge() { send(.acknowledge(counter.takeAcknowledgement())) }

    private mutating func enqueue(_ frame: Frame, isSequenced: Bool) {
        if isCounting, isSequenced { return send(KeptFrame(frame)) }
        queue(frame)
    }

    private mutating func queue(_ frame: Frame) {
        outbound.append(frame)
        outboundBytes += frame.bytes.count
        guard isCounting, let number = window.sent(frame.bytes.count, at: now) else { return }
        let ping = Message.ping(number).frame()
        outbound.append(ping)
        outboundBytes += ping.bytes.count
    }
}
