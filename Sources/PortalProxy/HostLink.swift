import Logging
import NIOCore
import PortalLink
import PortalSSH
import PortalWire

/// The session with the executor on the host, over one link after the other. Confined to the proxy's event loop.
///
/// The first link is made when a request needs it. When it is lost, or says nothing for too long, the next one is made at once, and the session
/// goes on where it was: above, nothing is noticed but the time. A link that is only silent stays until another is there, since it may yet
/// speak before that.
final class HostLink {
    /// More than this waiting for the kernel, and what clients send waits here, where what is short goes first.
    /// The pipe says so when half of it has left.
    private static let pendingBytesHighMark = 512 * 1024
    /// How often a first link that was cut while it was being made is tried again.
    private static let mostFirstAttempts = 4
    /// For so long an interruption is new.
    private static let firstTime = TimeAmount.seconds(60)
    /// A new session that ends sooner than this did not live.
    private static let shortLife = TimeAmount.seconds(2)

    private let eventLoop: any EventLoop
    private let lingerSeconds: Int
    private let waits: ProxyWaits
    private let store: SessionStore?
    private let handler: (Event) -> Void
    /// Whether anything waits for the host.
    var isBusy: () -> Bool = { false }

    private(set) var state = State.idle
    private(set) var since = NIODeadline.now()
    /// When the link was lost that is being replaced.
    private(set) var interruptedAt = NIODeadline.now()
    private var host: HostFacts?
    /// The secret of the session, which only its executor knows; nil before the first link and where the session ended with its link.
    private var session: [UInt8]?
    /// Whether the executor keeps the session without a link.
    private var isResumable = false
    /// Whether there is a session on the host that a proxy before this one had, and that somebody waits for.
    private var isReturning = false
    /// Where requests go; nil before the first link.
    private(set) var place: HistoryPlace?
    /// The hello of an executor that was told to begin anew, and has not yet said that it did.
    private var beginning: Hello?
    private var endpoint = LinkEndpoint.settling()
    private var undelivered = UndeliveredFrames()
    private var historyNumber = 0
    private var isReceiving = false
    private let outgoing = OutgoingQueue()

    private var pipe: HostPipe?
    /// Changes with every pipe, and when it is given up.
    private var pipeNumber = 0
    /// The number of the last pipe, which is being closed, and who waits for that.
    private var closing: (number: Int, done: () -> Void)?
    /// Whether both hellos of the link are there.
    private var isWelcomed = false
    private var watch = LinkWatch(at: 0, wall: 0)
    private var watchTask: RepeatedTask?
    private var helloTask: Scheduled<Void>?

    private var attempts: LinkAttempts!
    /// Whether the last attempt was cut after the host had answered.
    private var wasCut = false
    private var monitor: NetworkMonitor!

    /// - Parameters:
    ///   - lingerSeconds: How long the executor shall wait for another link; 0 where it shall end with its only one.
    ///   - store: Where the session's secret is kept for the proxy after this one.
    init(
        eventLoop: any EventLoop, lingerSeconds: Int, waits: ProxyWaits = ProxyWaits(), store: SessionStore?, logger: Logger,
        connect: @escaping LinkAttempts.Connect,
        handler: @escaping (Event) -> Void
    ) {
        self.eventLoop = eventLoop
        self.waits = waits
        self.lingerSeconds = lingerSeconds
        self.store = store
        self.handler = handler
        attempts = LinkAttempts(
            eventLoop: eventLoop, connect: connect, arguments: { [weak self] in self?.arguments ?? [] },
            ended: { [weak self] result in
                switch result {
                case .success(let pipe): self?.begin(pipe)
                case .failure(let error): self?.attemptFailed(error)
                }
            })
        monitor = NetworkMonitor(eventLoop: eventLoop, logger: logger) { [weak self] in self?.networkChanged() }
    }

    var isReady: Bool {
        if case .ready = state { return true }
        return false
    }

    /// Whether nothing is being done about a link.
    var isIdle: Bool {
        switch state {
        case .idle, .failed: true
        default: false
        }
    }

    /// Whether a request can be given to the session, though it may have to wait for the next link.
    var takesRequests: Bool {
        switch state {
        case .ready, .interrupted: true
        default: false
        }
    }

    /// Whether the host may still be told of requests that it has: the session goes on, now or with the next link.
    var hasSession: Bool { session != nil && (isReady || isResumable) }

    /// The last round trip that was measured.
    var roundTrip: TimeAmount? { isReady ? endpoint.roundTrip.map { .nanoseconds(Int64($0)) } : nil }

    /// The bytes of a client that wait for room on the link.
    func waitingBytes(ofClient number: UInt64) -> Int { outgoing.bytes(ofClient: number) }

    // MARK: Connecting

    /// Begins to make a link, where none is being made; its outcome is a change of state.
    func connect() {
        guard isIdle else { return }
        monitor.start()
        attempts.reset()
        if hasSession || isReturning {
            interruptedAt = .now()
            change(to: .interrupted("connecting again"))
        } else {
            change(to: .connecting)
        }
        tryAgain()
    }

    /// As `connect`, where requests wait for the session that the proxy before this one had: that one is not given up for a network that is
    /// away for a while.
    func goOn() {
        guard session == nil, store?.read() != nil else { return connect() }
        isReturning = true
        if case .connecting = state {
            interruptedAt = .now()
            change(to: .interrupted("connecting again"))
        } else {
            connect()
        }
    }

    /// The next attempt, when its time has come.
    private func tryAgain() {
        let isUrgent = isBusy() || NIODeadline.now() - interruptedAt < HostLink.firstTime
        attempts.next(longest: wasCut ? Backoff.longestWhenCut : isUrgent ? Backoff.longestWhenUrgent : Backoff.longest)
    }

    /// What the executor is started with: how long it lives without a link, and the session that it shall go on with.
    private var arguments: [String] {
        guard lingerSeconds > 0 else { return [] }
        var arguments = ["--linger", "\(lingerSeconds)"]
        if let secret = session ?? store?.read() { arguments += ["--resume", SessionStore.name(ofSecret: secret)] }
        return arguments
    }

    private func attemptFailed(_ error: SSHError) {
        wasCut = error.code == .disconnected
        switch state {
        case .interrupted where error.isTransient: interrupt(error.message)
        // What was cut in the middle was cut by the network, and not by anything that a person has to see to.
        case .connecting where error.code == .disconnected && attempts.count < HostLink.mostFirstAttempts: tryAgain()
        default: fail(error.message)
        }
    }

    // MARK: Links

    private func begin(_ pipe: HostPipe) {
        // The executor has only one link, and now it has this one.
        dropPipe()
        self.pipe = pipe
        helloTask = eventLoop.assumeIsolated().scheduleTask(in: waits.hello) { [self] in
            let seconds = waits.hello.nanoseconds / 1_000_000_000
            linkEnded(
                "the executor started there but said no hello within \(seconds) seconds; try again, and `portal stop` first if it stays so")
        }
        watch = LinkWatch(at: NIODeadline.now().uptimeNanoseconds, wall: wallClock())
        pipeNumber += 1
        // A pipe that was given up may still say something, and must not be looked at.
        let number = pipeNumber
        pipe.start(
            onBytes: { [self] buffer in if number == pipeNumber { receive(buffer) } },
            onWritable: { [self] in if number == pipeNumber { flush() } },
            onClosed: { [self] end in
                if number == pipeNumber { return linkEnded("the connection to the host ended\(HostLink.describe(end))") }
                guard let (last, done) = closing, last == number else { return }
                closing = nil
                done()
            })
    }

    private static func describe(_ end: HostPipeEnd) -> String {
        let reason = end.reason.isEmpty ? "" : ": \(end.reason)"
        guard let tail = String(validating: end.stderrTail.prefix(400), as: UTF8.self), !tail.isEmpty else { return reason }
        return reason + " (there: " + tail.split(separator: "\n").joined(separator: "; ") + ")"
    }

    private func welcome(_ hello: Hello) throws(LinkError) {
        guard let host = hello.host, let secret = hello.session else {
            return fail("the executor's hello lacks its host or its session")
        }
        let isKnown = secret == session
        let isKept = session == nil && secret == store?.read()
        isResumable = hello.capabilities.contains { $0.equals("resume") }
        var answer = Hello(build: Array(Build.identity.utf8))
        answer.session = secret
        answer.received = isKnown ? endpoint.received : 0
        answer.isAnew = isKept
        endpoint.send(.hello(answer))
        if isKnown {
            do throws(WireError) { try endpoint.resume(after: hello.received) } catch { throw .broken(error) }
            return enter(hello, host)
        }
        endpoint.begin()
        historyNumber += 1
        undelivered = UndeliveredFrames()
        guard isKept else { return enter(hello, host) }
        // It must not begin anew a second time when something was sent already: nothing is, until it answers.
        beginning = hello
        endpoint.ping()
        flush()
    }

    /// The executor has both hellos, and the session goes on or begins.
    private func enter(_ hello: Hello, _ host: HostFacts) {
        helloTask?.cancel()
        beginning = nil
        isReturning = false
        let formerHost = session == nil ? nil : self.host
        self.host = host
        if let secret = hello.session, secret != session {
            session = secret
            place = HistoryPlace(epoch: hello.epoch ?? [], history: (hello.history ?? 0) + 1)
            if isResumable { store?.write(secret) } else { store?.remove() }
            if let formerHost {
                let what = formerHost.boot == host.boot ? "the executor on the host was ended" : "the host was restarted"
                handler(.forgotten("\(what) while the connection was lost, and with it what it knew"))
            }
        }
        isWelcomed = true
        attempts.giveUp()
        change(to: .ready(host))
        endpoint.ping()
        flush()
        watchTask?.cancel()
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        let step = TimeAmount.nanoseconds(Int64(LinkWatch.stepNanoseconds))
        watchTask = eventLoop.scheduleRepeatedTask(initialDelay: step, delay: step) { _ in bound.value.look() }
    }

    /// The pipe is gone, or is to go.
    private func linkEnded(_ reason: String) {
        wasCut = false
        let lived = NIODeadline.now() - since
        let wasReady = isReady
        dropPipe()
        guard isReturning || (session != nil && isResumable) else {
            session = nil
            if case .connecting = state, attempts.count < HostLink.mostFirstAttempts { return tryAgain() }
            return fail(reason)
        }
        // A session that ends as soon as it has begun would otherwise be begun again and again without any pause.
        if wasReady, lived > HostLink.shortLife { attempts.reset() }
        interrupt(reason)
    }

    private func interrupt(_ reason: String) {
        if case .interrupted = state {} else { interruptedAt = .now() }
        tryAgain()
        let before = since
        change(to: .interrupted(reason))
        if interruptedAt <= before { since = before }
    }

    private func dropPipe() {
        helloTask?.cancel()
        helloTask = nil
        watchTask?.cancel()
        watchTask = nil
        isWelcomed = false
        beginning = nil
        endpoint.detach()
        let pipe = self.pipe
        self.pipe = nil
        pipeNumber += 1
        pipe?.close()
    }

    // MARK: Traffic

    private func receive(_ buffer: ByteBuffer) {
        setTime()
        isReceiving = true
        defer { isReceiving = false }
        watch.heard(at: endpoint.now)
        buffer.withUnsafeReadableBytes { endpoint.receive($0) }
        do throws(LinkError) {
            while let event = try endpoint.nextEvent() {
                switch event {
                case .hello(let hello, _): try welcome(hello)
                case .message(let message, let frame):
                    undelivered.insert(endpoint.processed)
                    handler(.frame(message, frame, Receipt(history: historyNumber, number: endpoint.processed)))
                case .pong: if let hello = beginning, let host = hello.host { enter(hello, host) }
                }
                // What the event led to may have ended the link.
                guard pipe != nil else { return }
            }
        } catch {
            switch error {
            case .broken(let error):
                pipe?.write(ByteBuffer(bytes: LinkEndpoint.goodbye(for: error).bytes))
                // After a broken rule neither side's counting can be trusted.
                session = nil
                fail("the link to the host broke: \(error.rule)")
            case .goodbye(_, let text): linkEnded("the executor ended the link: \(String(decoding: text, as: UTF8.self))")
            }
            return
        }
        if isWelcomed, case .interrupted = state, let host {
            attempts.giveUp()
            change(to: .ready(host))
        }
        // What it acknowledged may have made room.
        flush()
        handler(.batchEnded)
        // What clients took is acknowledged.
        flush()
    }

    /// A frame is where it belongs, or belongs nowhere.
    func settle(_ receipt: Receipt) {
        guard receipt.history == historyNumber else { return }
        endpoint.settle(receipt.number)
        if undelivered.remove(receipt.number) { endpoint.send(.lapse(false)) }
        if !isReceiving, isWelcomed, endpoint.outboundBytes > 0 { flush() }
    }

    /// A client that takes nothing must not hold the others up: what it has not taken for a second is acknowledged all the same. The host is told
    /// before, since it then cannot know any more what never came to it.
    private func settleOld() {
        let (numbers, isFirst) = undelivered.takeOld(before: endpoint.processed)
        if isFirst { endpoint.send(.lapse(true)) }
        for number in numbers { endpoint.settle(number) }
    }

    /// Passes a frame on in its turn among others: a request or its data. The caller flushes.
    func send(_ frame: Frame, of id: UInt64) { outgoing.append(frame, of: id, at: NIODeadline.now().uptimeNanoseconds) }

    /// Passes a frame on before everything that waits: what says something about data that comes from the host. The caller flushes.
    func sendNow(_ frame: Frame) { endpoint.send(sequenced: frame) }

    /// Gives a request up; its data that waits here is dropped. The caller flushes.
    /// - Returns: False where the request itself was waiting here: the host has not seen it and never will.
    func cancel(_ frame: Frame, of id: UInt64) -> Bool {
        guard outgoing.giveUp(id) else { return false }
        sendNow(frame)
        return true
    }

    /// Whether a request waits here: the host has not seen it.
    func isWaiting(_ id: UInt64) -> Bool { outgoing.isWaiting(id) }

    /// The host has ended a request, or has forgotten it: nothing more of it is sent.
    func ended(_ id: UInt64) { outgoing.remove(id) }

    func flush() {
        guard let pipe else { return }
        setTime()
        var taken = false
        while isWelcomed, pipe.pendingBytes + endpoint.outboundBytes < HostLink.pendingBytesHighMark,
            let frame = outgoing.next(hasRoom: endpoint.hasRoom, hasRoomForShort: endpoint.hasRoomForShort, at: endpoint.now)
        {
            endpoint.send(sequenced: frame)
            taken = true
        }
        if taken { handler(.writable) }
        let frames = endpoint.takeOutbound()
        guard !frames.isEmpty else { return }
        var buffer = ByteBuffer()
        buffer.reserveCapacity(frames.reduce(0) { $0 + $1.bytes.count })
        for frame in frames { buffer.writeBytes(frame.bytes) }
        pipe.write(buffer)
    }

    // MARK: Liveness

    private func look() {
        setTime()
        settleOld()
        endpoint.acknowledgeIfNeeded()
        act(
            on: watch.step(
                at: endpoint.now, wall: wallClock(), isBusy: isBusy() || !outgoing.isEmpty, roundTrip: endpoint.roundTrip))
    }

    private func act(on step: LinkWatch.Step) {
        switch step {
        case .nothing: break
        case .ask:
            endpoint.ping()
            if let end = watch.patienceEnd(roundTrip: endpoint.roundTrip) { lookAgain(at: end) }
        case .doubt: interrupt("the host does not answer")
        case .giveUp: return linkEnded("the host has not answered for \(watch.silentSeconds(at: endpoint.now)) seconds")
        }
        flush()
    }

    /// Half a second is not waited for in steps of a second.
    private func lookAgain(at time: UInt64) {
        let number = pipeNumber
        eventLoop.assumeIsolated().scheduleTask(deadline: .uptimeNanoseconds(time)) { [self] in
            if number == pipeNumber, isWelcomed { look() }
        }
    }

    /// The network of this machine is another one. What it means for the link is found out at once, and what waits to be tried is tried.
    private func networkChanged() {
        setTime()
        attempts.networkChanged()
        let isGone = pipe?.localAddress?.isThere == false
        switch state {
        case .ready where isGone:
            // It may come back, and the link with it: until another one is there, this one stays.
            interrupt("this machine's network address is gone")
        case .ready: act(on: watch.networkChanged(at: endpoint.now, roundTrip: endpoint.roundTrip))
        // A link whose hello has yet to come is waited for, unless that is in vain.
        case .connecting, .interrupted:
            if pipe == nil || isWelcomed { tryAgain() } else if isGone { linkEnded("this machine's network address is gone") }
        case .idle, .failed: break
        }
    }

    private func setTime() { endpoint.now = NIODeadline.now().uptimeNanoseconds }

    // MARK: The end

    /// Ends the link. With `ending`, the session too, where the host can be told: it kills what it runs. Else the executor keeps it for as long as
    /// it lingers.
    /// - Parameter done: Called when everything was sent and the pipe is closed, four seconds later at most.
    func close(ending: Bool, done: @escaping () -> Void) {
        monitor.stop()
        attempts.giveUp()
        if pipe != nil { closing = (pipeNumber, done) } else { done() }
        if ending, isWelcomed, let pipe {
            pipe.write(ByteBuffer(bytes: Request.frame(id: 1, operation: OperationNames.sessionEnd) { _ in }.bytes))
            store?.remove()
            // sshd forgets what it has not passed on yet when the connection is closed behind it. So the executor closes, in whose end it ends too.
            self.pipe = nil
            eventLoop.assumeIsolated().scheduleTask(in: waits.sessionEnd) { pipe.close() }
        }
        dropPipe()
        session = nil
        isReturning = false
        place = nil
        historyNumber += 1
        change(to: .idle)
        outgoing.removeAll()
    }

    private func fail(_ reason: String) {
        attempts.giveUp()
        dropPipe()
        isReturning = false
        if session == nil {
            endpoint = .settling()
            historyNumber += 1
            undelivered = UndeliveredFrames()
            place = nil
        }
        change(to: .failed(reason))
        handler(.lost(reason))
        outgoing.removeAll()
    }

    private func change(to state: State) {
        self.state = state
        since = .now()
        handler(.stateChanged)
    }
}
