import CExecutorPlatform
import PortalLink
import PortalWire

/// A peer, its requests, and everything they use. It lives as long as its only link, or, where there is a socket for later ones, through them.
final class Session {
    /// Unsent bytes above which nothing is produced: a small answer is never behind more than this and one piece.
    private static let producingBytes = Limits.preferredPayloadLength
    /// Unsent bytes above which requests are no longer read: answers nobody takes must not fill the memory.
    private static let readingBytes = 4 * 1024 * 1024
    private static let readAheadBytes = 1024 * 1024
    private static let acknowledgementMilliseconds: UInt64 = 50
    /// A session that nobody has said hello in is perhaps known to nobody: its hello may have been lost with its first link.
    private static let unknownSeconds: UInt64 = 60

    let loop: EventLoop
    let workers: WorkerPool
    /// One thread, so that killing never waits for disks.
    let signalling: WorkerPool
    let processes: ProcessTable
    let login: LoginEnvironment
    let facts: HostFacts
    let epoch: [UInt8]
    /// How long it lives without hearing anything, in seconds, where it outlives its links.
    let lingerSeconds: UInt64
    private let lingerProblem: Int32
    private(set) var linkCount = 0
    private(set) var requestCount: UInt64 = 0
    private(set) var bytesIn: UInt64 = 0
    var bytesOut: UInt64 { pipe.bytesOut }
    var openCount: Int { open.count }

    private var endpoint = LinkEndpoint(isCounting: true)
    private let pipe: LinkPipe
    /// Where later links come in, and whether there can be any.
    private let listener: Int32
    var outlivesLinks: Bool { listener >= 0 }
    private let secret: [UInt8]
    private var hello: Hello
    /// Whether a peer has said hello so far: before, there is nothing to be resumed.
    private var hasBegun = false
    /// When a byte came the last time, or a link ended.
    private var lastHeard = platform_clock()
    private var open = NumberTable<OpenRequest>()
    /// How many requests were forgotten so far. They are among the open ones until they have come to their end.
    private var forgottenCount: UInt64 = 0
    /// Requests that may have something to send: those that send little go first.
    private var short = ReadyQueue()
    private var streams = ReadyQueue()
    /// Bytes of the first pieces that many requests read ahead and have not sent. All of them have credit: they leave as the link takes them.
    var readAhead = 0
    /// Requests that begin when those are fewer: a thousand small files need not be in memory at once.
    private var waiting = ReadyQueue()
    private var acknowledgementTimer: Timer?
    let claims = Claims()
    private var status: Int32?
    /// The frame to part with.
    private var farewell: Frame?

    /// - Parameter problem: The errno that stands for why it ends with its link although it should not; 0 where all is well.
    init?(_ wanted: platform_serve, problem: Int32) {
        guard let loop = EventLoop(), let epoch = randomHexadecimal(8) else { return nil }
        self.loop = loop
        self.epoch = epoch
        secret = bytes(of: wanted.secret)
        listener = wanted.listener
        lingerSeconds = wanted.linger_seconds
        lingerProblem = problem
        workers = WorkerPool(event: loop.event, most: 16)
        signalling = WorkerPool(event: loop.event, most: 1)
        facts = discoverHost()
        processes = ProcessTable(
            prefix: bytes(of: wanted.prefix), loop: loop, signals: signalling, recordings: RecordingBudget(home: facts.home))
        login = LoginEnvironment(workers: workers)
        pipe = LinkPipe(loop: loop)
        hello = Hello(build: executorBuild)
        hello.capabilities = [[UInt8]("files"), [UInt8]("process")]
        if listener >= 0 { hello.capabilities.add([UInt8]("resume")) }
        hello.session = secret
        hello.epoch = epoch
        hello.host = facts
        hello.process = UInt64(platform_process_id())
        processes.adoptFormer(self)
    }

    var capabilities: [[UInt8]] { hello.capabilities }

    /// Serves until the peer, a signal, a broken rule or silence ends it, and leaves nothing behind.
    /// - Returns: The exit status.
    func run(_ link: platform_link, token: UnsafePointer<UInt8>) -> Int32 {
        loop.onEvent = { [self] in
            let signals = platform_take_signals()
            if signals & 1 != 0 { processes.reap() }
            if signals & 2 != 0 { end(status: 0) }
            workers.finishCompleted()
            signalling.finishCompleted()
        }
        _ = platform_watch_signals(loop.event)
        pipe.onBytes = { [self] bytes in receive(bytes) }
        pipe.onEnd = { [self] in linkEnded() }
        adopt(link, token: token)
        if outlivesLinks {
            _ = loop.watch(listener, EventLoop.readable) { [self] _ in letIn() }
            linger()
        }
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

    // MARK: Links

    /// Begins a link; the one before it, if there is one, is over.
    private func adopt(_ link: platform_link, token: UnsafePointer<UInt8>) {
        dropLink()
        linkCount += 1
        pipe.open(link)
        pipe.queue(Sentinel.line(token: bytes(of: token)))
        hello.received = endpoint.received
        endpoint.send(.hello(hello))
        flush()
    }

    private func letIn() {
        var link = platform_link()
        if let token = platform_session_receive(&link) { adopt(link, token: token) }
    }

    private func linkEnded() {
        if outlivesLinks { dropLink() } else { end(status: 0) }
    }

    private func dropLink() {
        pipe.close()
        endpoint.detach()
        lastHeard = platform_clock()
    }

    /// Ends the session when nothing was heard for as long as it lingers, and else looks again when that can be.
    private func linger() {
        let silence = (platform_clock() - lastHeard) / 1_000_000
        let longest = (hasBegun ? lingerSeconds : min(lingerSeconds, Session.unknownSeconds)) * 1000
        guard silence < longest else { return end(status: 0) }
        _ = loop.after(longest - silence) { [self] in linger() }
    }

    private func begin(with theirs: Hello) throws(WireError) {
        // Whoever does not know the secret can only have the first link, before there is anything.
        if let session = theirs.session {
            guard session == secret else { throw .session }
        } else if hasBegun {
            throw .session
        }
        if theirs.isAnew || !hasBegun {
            beginHistory()
        } else {
            try endpoint.resume(after: theirs.received)
        }
        hasBegun = true
    }

    // MARK: Claims

    /// A proxy knows nothing of what was asked before it: the clients that did may claim it through this one.
    private func beginHistory() {
        claims.begin(with: endpoint.kept)
        hello.history = claims.history
        for request in open.objects where !request.isForgotten { request.isUnclaimed = true }
        endpoint.begin()
        claims.timer = loop.after(UInt64(Limits.claimSeconds) * 1000) { [self] in
            claims.end()
            for request in open.objects where request.isUnclaimed { forget(request) }
        }
    }

    /// Ends a request without a word.
    private func forget(_ request: OpenRequest) {
        request.isUnclaimed = false
        forgottenCount += 1
        let former = request.number
        request.forget(forgottenCount)
        open.renumber(former, as: request.number)
        request.cancel(Cancellation())
    }

    private func begin(_ claim: Claim) {
        let request = open[claim.id]
        // Nobody's proxy died: it was given up.
        if let request, !request.isUnclaimed { return endpoint.send(.claimed(id: claim.id, .unknown)) }
        let (frames, last) = claims.take(claim)
        let sent = request?.sentFrames ?? last
        var claimed = Claimed.ended
        if request == nil, last == 0 {
            claimed = claims.knowsAll(of: claim.history) ? .missing : .unknown
        } else if claim.received &+ UInt64(frames.count) != sent {
            // What it lacks went to a proxy that lost it.
            claimed = .unknown
            if let request { forget(request) }
        } else if let request {
            claimed = .open(received: request.receivedFrames, credit: request.receivedCredit, cancels: request.cancels)
            request.isUnclaimed = false
        }
        endpoint.send(.claimed(id: claim.id, claimed))
        if case .unknown = claimed { return }
        for frame in frames { endpoint.send(frame) }
        if let request { markReady(request) }
    }

    /// Why it ends with its link although it should not.
    var lingerText: [UInt8]? {
        guard lingerProblem < 0 else { return nil }
        let directory = bytes(of: platform_session_directory())
        let verb: Literal = "keep a session in"
        let text: Literal = "it is not a directory of this user with mode 0700"
        guard lingerProblem == Int32(PLATFORM_NOT_PRIVATE) else { return systemError(verb, directory, lingerProblem).message }
        return OperationError(.permissionDenied, verb, directory, text).message
    }

    // MARK: In

    private func receive(_ bytes: UnsafeRawBufferPointer) {
        bytesIn += UInt64(bytes.count)
        endpoint.now = platform_clock()
        lastHeard = endpoint.now
        endpoint.receive(bytes)
        do throws(LinkError) {
            while status == nil, let event = try endpoint.nextEvent() { try act(on: event) }
        } catch {
            switch error {
            case .broken(let error): end(for: error)
            case .goodbye: linkEnded()
            }
        }
        scheduleAcknowledgement()
    }

    private func end(for error: WireError) {
        let goodbye = LinkEndpoint.goodbye(for: error)
        // Who is of another session has done nothing to this one.
        guard case .session = error, outlivesLinks else { return end(status: 1, farewell: goodbye) }
        pipe.queue(goodbye.bytes)
        pipe.flush()
        dropLink()
    }

    private func act(on event: LinkEndpoint.Event) throws(LinkError) {
        do throws(WireError) {
            if case .hello(let hello, _) = event { return try begin(with: hello) }
            guard case .message(let message, let frame) = event else { return }
            switch message {
            case .request(let request): try begin(request, payload: frame.payloadBytes)
            case .data(let id, _, let end):
                guard let request = open[id] else { return }
                request.receivedFrames += 1
                try request.receive(frame.payloadBytes, end: end)
            case .credit(let id, let bytes):
                guard let request = open[id] else { return }
                try request.credit.grant(bytes)
                request.receivedCredit += bytes
                markReady(request)
            case .starved(let id): open[id]?.starved()
            case .cancel(let id, let cancellation):
                guard let request = open[id] else { return }
                request.cancels += 1
                request.cancel(cancellation)
            case .claim(let claim): begin(claim)
            case .lapse(let some): claims.isLapsed = some
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
            let opened = handler.make(request.id, hasMore: request.hasMore, session: self)
            try opened.window.receive(payload.count)
            open.insert(opened, for: request.id)
            opened.start(request.parameters, payload: payload)
            return
        }
        var message = [UInt8]("this executor has no operation ")
        message.add(request.operation)
        endpoint.send(
            KeptFrame(failureFrame(id: request.id, OperationError(.unsupported, message)), request: request.id, ordinal: 1))
    }

    /// The request of a batch's item, which the batch keeps; nil where an item cannot have its operation: what never ends by itself, ends the
    /// session or is a batch.
    func makeItem(_ operation: [UInt8], of batch: UInt64) -> OpenRequest? {
        guard let handler = Handler.named(operation), handler != .batch, handler != .watch, handler != .end else { return nil }
        requestCount += 1
        return handler.make(batch, hasMore: false, session: self)
    }

    private func scheduleAcknowledgement() {
        guard acknowledgementTimer == nil else { return }
        acknowledgementTimer = loop.after(Session.acknowledgementMilliseconds) { [self] in
            acknowledgementTimer = nil
            endpoint.acknowledgeIfNeeded()
        }
    }

    // MARK: Out

    func send(_ frame: Frame, of request: OpenRequest) {
        guard !request.isForgotten else { return }
        request.sentFrames += 1
        let kept = KeptFrame(frame, request: request.id, ordinal: request.sentFrames)
        if request.isUnclaimed { claims.frames.add(kept) } else { endpoint.send(kept) }
    }

    /// Sends a request's last frame and forgets it.
    func close(_ request: OpenRequest, with frame: Frame) {
        send(frame, of: request)
        _ = open.remove(request.number)
    }

    /// The most bytes that a piece of a stream should have.
    var pieceLength: Int { endpoint.pieceLength }

    /// The request may have something to send.
    func markReady(_ request: OpenRequest) {
        guard !request.isQueued, !request.isFinished, !request.isUnclaimed else { return }
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

    var hasRoomToRead: Bool { readAhead < Session.readAheadBytes }

    /// The request is called for something to send when less is read ahead.
    func waitToRead(_ request: OpenRequest) { waiting.append(request) }

    private func produce() {
        while true {
            if hasRoomToRead, !waiting.isEmpty { markReady(waiting.takeFirst()) }
            guard let queue = next else { return }
            let request = queue.takeFirst()
            request.isQueued = false
            if !request.isFinished, !request.isUnclaimed, request.produce() { markReady(request) }
            if endpoint.outboundBytes >= Limits.preferredPayloadLength { flush() }
        }
    }

    private func flush() {
        guard pipe.isOpen else { return }
        for frame in endpoint.takeOutbound() { pipe.queue(frame.bytes) }
        pipe.flush()
    }

    // MARK: The end

    private func shutDown() {
        if outlivesLinks { platform_session_remove() }
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
        if let status, status != 0 { pipe.say(status: UInt8(truncatingIfNeeded: status)) }
    }
}

/// Random bytes in hexadecimal; nil where the host gives none.
func randomHexadecimal(_ count: Int) -> [UInt8]? {
    let buffer = Buffer(count)
    guard platform_random(buffer.start, count) == 0 else { return nil }
    return hexadecimal(buffer.bytes(count))
}
