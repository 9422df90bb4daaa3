import CExecutorPlatform
import PortalLink
import PortalWire

/// One peer on standard input and output, its requests, and everything they use.
final class Session {
    /// Unsent bytes above which nothing is produced: a small answer is never behind more than this and one piece.
    private static let producingBytes = Limits.preferredPayloadLength
    /// Unsent bytes above which requests are no longer read: answers nobody takes must not fill the memory.
    private static let readingBytes = 4 * 1024 * 1024
    private static let acknowledgementMilliseconds: UInt64 = 50

    let loop: EventLoop
    let workers: WorkerPool
    /// One thread, so that killing never waits for disks.
    let signalling: WorkerPool
    let processes: ProcessTable
    let login: LoginEnvironment
    let facts: HostFacts
    let epoch: [UInt8]
    private(set) var requestCount: UInt64 = 0
    private(set) var bytesIn: UInt64 = 0
    var bytesOut: UInt64 { pipe.bytesOut }
    var openCount: Int { open.count }

    private var endpoint = LinkEndpoint(isCounting: true)
    private let pipe: LinkPipe
    private var open = NumberTable<OpenRequest>()
    /// Requests that may have something to send: those that send little go first.
    private var short = ReadyQueue()
    private var streams = ReadyQueue()
    private var acknowledgementTimer: Timer?
    private var status: Int32?
    /// The frame to part with.
    private var farewell: Frame?

    init?(token: [UInt8]) {
        guard let loop = EventLoop(), let secret = randomHexadecimal(16), let epoch = randomHexadecimal(8) else { return nil }
        self.loop = loop
        self.epoch = epoch
        workers = WorkerPool(event: loop.event, most: 16)
        signalling = WorkerPool(event: loop.event, most: 1)
        guard let marker = randomHexadecimal(8) else { return nil }
        facts = discoverHost()
        processes = ProcessTable(marker: marker, loop: loop, signals: signalling, recordings: RecordingBudget(home: facts.home))
        login = LoginEnvironment(workers: workers)
        pipe = LinkPipe(loop: loop)
        var hello = Hello(build: executorBuild)
        hello.capabilities = Session.capabilities
        hello.session = secret
        hello.epoch = epoch
        hello.host = facts
        hello.process = UInt64(platform_process_id())
        pipe.queue(Sentinel.line(token: token))
        endpoint.send(.hello(hello))
    }

    static var capabilities: [[UInt8]] { [[UInt8]("files"), [UInt8]("process")] }

    /// Serves until the peer, a signal or a broken rule ends it, and leaves nothing behind.
    /// - Returns: The exit status.
    func run() -> Int32 {
        loop.onEvent = { [self] in
            let signals = platform_take_signals()
            if signals & 1 != 0 { processes.reap() }
            if signals & 2 != 0 { end(status: 0) }
            workers.finishCompleted()
            signalling.finishCompleted()
        }
        _ = platform_watch_signals(loop.event)
        pipe.onBytes = { [self] bytes in receive(bytes) }
        pipe.onEnd = { [self] in end(status: 0) }
        flush()
        pipe.start()
        while status == nil {
            loop.turn(isBusy: next != nil)
            endpoint.now = platform_clock()
            produce()
            flush()
            pipe.setReading(endpoint.outboundBytes + pipe.unsentBytes < Session.readingBytes)
        }
        shutDown()
        return status ?? 0
    }

    /// Ends the session after this turn.
    func end(status: Int32, farewell: Frame? = nil) {
        guard self.status == nil else { return }
        self.status = status
        self.farewell = farewell
    }

    // MARK: In

    private func receive(_ bytes: UnsafeRawBufferPointer) {
        bytesIn += UInt64(bytes.count)
        endpoint.now = platform_clock()
        endpoint.receive(bytes)
        do throws(LinkError) {
            while status == nil, let event = try endpoint.nextEvent() { try act(on: event) }
        } catch {
            switch error {
            case .broken(let error): end(status: 1, farewell: LinkEndpoint.goodbye(for: error))
            case .goodbye: end(status: 0)
            }
        }
        scheduleAcknowledgement()
    }

    private func act(on event: LinkEndpoint.Event) throws(LinkError) {
        if case .hello = event { endpoint.begin() }
        guard case .message(let message, let frame) = event else { return }
        do throws(WireError) {
            switch message {
            case .request(let request): try begin(request, payload: Array(frame.payload))
            case .data(let id, _, let end): try open[id]?.receive(Array(frame.payload), end: end)
            case .credit(let id, let bytes):
                guard let request = open[id] else { return }
                try request.credit.grant(bytes)
                markReady(request)
            case .starved(let id): open[id]?.starved()
            case .cancel(let id, let cancellation): open[id]?.cancel(cancellation)
            default: return
            }
        } catch {
            throw .broken(error)
        }
    }

    private func begin(_ request: Request, payload: [UInt8]) throws(WireError) {
        guard open[request.id] == nil else { throw .identifier }
        guard open.count < Limits.openRequests else { throw .requests }
        requestCount += 1
        if let handler = Handler.named(request.operation) {
            let opened = handler.make(request, self)
            try opened.window.receive(payload.count)
            open.insert(opened, for: request.id)
            opened.start(request.parameters, payload: payload)
            return
        }
        var message = [UInt8]("this executor has no operation ")
        message += request.operation
        send(.failure(id: request.id, OperationError(.unsupported, message)))
    }

    /// The request of a batch's item, which the batch keeps; nil where an item cannot have its operation: what never ends by itself, ends the
    /// session or is a batch.
    func makeItem(_ request: Request) -> OpenRequest? {
        for name in [BatchRequest.operation, WatchStartRequest.operation, OperationNames.sessionEnd] where request.operation.equals(name) {
            return nil
        }
        guard let handler = Handler.named(request.operation) else { return nil }
        requestCount += 1
        return handler.make(request, self)
    }

    private func scheduleAcknowledgement() {
        guard acknowledgementTimer == nil else { return }
        acknowledgementTimer = loop.after(Session.acknowledgementMilliseconds) { [self] in
            acknowledgementTimer = nil
            endpoint.acknowledgeIfNeeded()
        }
    }

    // MARK: Out

    func send(_ message: Message, payload: [UInt8] = []) { endpoint.send(message, payload: payload) }

    /// Sends a request's last frame and forgets it.
    func close(_ request: OpenRequest, with frame: Frame) {
        endpoint.send(sequenced: frame)
        _ = open.remove(request.id)
    }

    /// The most bytes that a piece of a stream should have.
    var pieceLength: Int { endpoint.pieceLength }

    /// The request may have something to send.
    func markReady(_ request: OpenRequest) {
        guard !request.isQueued, !request.isFinished else { return }
        if let batch = request.batch { return batch.isReady(request) }
        request.isQueued = true
        if request.budget.isShort(at: endpoint.now) { short.append(request) } else { streams.append(request) }
    }

    /// The queue that is served next, where anything may be sent.
    private var next: ReadyQueue? {
        guard endpoint.outboundBytes + pipe.unsentBytes < Session.producingBytes else { return nil }
        if !short.isEmpty { return endpoint.hasRoomForShort ? short : nil }
        return !streams.isEmpty && endpoint.hasRoom ? streams : nil
    }

    private func produce() {
        while let queue = next {
            let request = queue.takeFirst()
            request.isQueued = false
            if !request.isFinished, request.produce() { markReady(request) }
            if endpoint.outboundBytes >= Limits.preferredPayloadLength { flush() }
        }
    }

    private func flush() {
        for frame in endpoint.takeOutbound() { pipe.queue(frame.bytes) }
        pipe.flush()
    }

    // MARK: The end

    private func shutDown() {
        if let farewell { pipe.queue(farewell.bytes) } else { flush() }
        // A peer that does not read gets no more patience than this.
        pipe.flushWaiting(milliseconds: 1000)
        workers.stop()
        signalling.stop()
        login.giveUp()
        processes.killAll()
        // A child that was being started when the others were killed is there when its worker is done.
        let deadline = platform_clock() + 2_000_000_000
        while workers.isRunning, platform_clock() < deadline {
            _ = platform_wait_ready(loop.event, EventLoop.readable, 10)
        }
        processes.killAll()
        for request in open.objects { request.abandon() }
    }
}

/// Random bytes in hexadecimal; nil where the host gives none.
func randomHexadecimal(_ count: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    guard platform_random(&bytes, count) == 0 else { return nil }
    return hexadecimal(bytes)
}

/// Requests in the order in which they became ready.
private final class ReadyQueue {
    private var requests: [OpenRequest] = []
    private var index = 0

    var isEmpty: Bool { index == requests.count }

    func append(_ request: OpenRequest) { requests.append(request) }

    func takeFirst() -> OpenRequest {
        let request = requests[index]
        index += 1
        // What was served is dropped in batches, so that taking one is cheap.
        if index == requests.count || index >= 256 {
            requests.removeFirst(index)
            index = 0
        }
        return request
    }
}
