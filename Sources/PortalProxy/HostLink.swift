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
    /// What the link tells its proxy.
    enum Event {
        case stateChanged
        case frame(Message, Frame)
        /// Everything that one read brought was passed on.
        case batchEnded
        case writable
        /// Another executor answers, which knows nothing of what the host was asked so far: nothing more comes of that.
        case forgotten(String)
        /// There is no link, and none is tried any more until a request asks for it.
        case lost(String)
    }

    enum State {
        case idle
        case connecting
        case ready(HostFacts)
        /// There was a link, and another is being made.
        case interrupted(String)
        case failed(String)
    }

    /// Makes a pipe to an executor that is started with these arguments, or is already there.
    typealias Connect = @Sendable (_ arguments: [String]) async throws -> HostPipe

    /// More than this waiting for the kernel, and what clients send waits here, where what is short goes first.
    /// The pipe says so when half of it has left.
    private static let pendingBytesHighMark = 512 * 1024
    private static let helloDeadline = TimeAmount.seconds(15)
    /// How often a first link that was cut while it was being made is tried again.
    private static let mostFirstAttempts = 4
    /// A new session that ends sooner than this did not live.
    private static let shortLife = TimeAmount.seconds(2)

    private let eventLoop: any EventLoop
    private let lingerSeconds: Int
    private let store: SessionStore?
    private let connectPipe: Connect
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
    private var endpoint = LinkEndpoint(isCounting: true)
    private let outgoing = OutgoingQueue()

    private var pipe: HostPipe?
    /// Changes with every pipe, and when it is given up.
    private var pipeNumber = 0
    /// Whether both hellos of the link are there.
    private var isWelcomed = false
    private var watch = LinkWatch(at: 0, wall: 0)
    private var watchTask: RepeatedTask?
    private var helloTask: Scheduled<Void>?

    private var backoff = Backoff()
    private var attempt: Task<Void, Never>?
    /// Tells the attempt that counts from those that were given up.
    private var attemptNumber = 0
    private var attemptTask: Scheduled<Void>?

    /// - Parameters:
    ///   - lingerSeconds: How long the executor shall wait for another link; 0 where it shall end with its only one.
    ///   - store: Where the session's secret is kept for the proxy after this one.
    init(
        eventLoop: any EventLoop, lingerSeconds: Int, store: SessionStore?, connect: @escaping Connect, handler: @escaping (Event) -> Void
    ) {
        self.eventLoop = eventLoop
        self.lingerSeconds = lingerSeconds
        self.store = store
        connectPipe = connect
        self.handler = handler
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
        backoff.reset()
        if hasSession {
            interruptedAt = .now()
            change(to: .interrupted("connecting again"))
        } else {
            change(to: .connecting)
        }
        tryAgain()
    }

    /// The next attempt, when its time has come.
    private func tryAgain() {
        guard attempt == nil, attemptTask == nil else { return }
        attemptTask = eventLoop.assumeIsolated().scheduleTask(in: backoff.next(chance: .random(in: 0...1))) { [self] in
            attemptTask = nil
            makePipe()
        }
    }

    private func makePipe() {
        let promise = eventLoop.makePromise(of: HostPipe.self)
        let number = attemptNumber
        let (connectPipe, arguments) = (connectPipe, arguments)
        attempt = Task { do { promise.succeed(try await connectPipe(arguments)) } catch { promise.fail(error) } }
        promise.futureResult.assumeIsolated().whenComplete { [self] result in
            guard number == attemptNumber else {
                if case .success(let pipe) = result { pipe.close() }
                return
            }
            attempt = nil
            switch result {
            case .success(let pipe): begin(pipe)
            case .failure(let error as SSHError): attemptFailed(error)
            case .failure(let error): attemptFailed(SSHError(.internal, "\(error)"))
            }
        }
    }

    /// What the executor is started with: how long it lives without a link, and the session that it shall go on with.
    private var arguments: [String] {
        guard lingerSeconds > 0 else { return [] }
        var arguments = ["--linger", "\(lingerSeconds)"]
        if let secret = session ?? store?.read() { arguments += ["--resume", SessionStore.name(ofSecret: secret)] }
        return arguments
    }

    private func attemptFailed(_ error: SSHError) {
        switch state {
        case .interrupted where error.isTransient: interrupt(error.message)
        // What was cut in the middle was cut by the network, and not by anything that a person has to see to.
        case .connecting where error.code == .disconnected && backoff.count < HostLink.mostFirstAttempts: tryAgain()
        default: fail(error.message)
        }
    }

    private func giveUpAttempt() {
        attemptNumber += 1
        attempt?.cancel()
        attempt = nil
        attemptTask?.cancel()
        attemptTask = nil
    }

    // MARK: Links

    private func begin(_ pipe: HostPipe) {
        // The executor has only one link, and now it has this one.
        dropPipe()
        self.pipe = pipe
        helloTask = eventLoop.assumeIsolated().scheduleTask(in: HostLink.helloDeadline) { [self] in
            linkEnded("the executor started there but said no hello within 15 seconds; try again, and `portal stop` first if it stays so")
        }
        watch = LinkWatch(at: NIODeadline.now().uptimeNanoseconds, wall: wallClock())
        pipeNumber += 1
        // A pipe that was given up may still say something, and must not be looked at.
        let number = pipeNumber
        pipe.start(
            onBytes: { [self] buffer in if number == pipeNumber { receive(buffer) } },
            onWritable: { [self] in if number == pipeNumber { flush() } },
            onClosed: { [self] end in
                if number == pipeNumber { linkEnded("the connection to the host ended\(HostLink.describe(end))") }
            })
    }

    private static func describe(_ end: HostPipeEnd) -> String {
        let reason = end.reason.isEmpty ? "" : ": \(end.reason)"
        guard let tail = String(validating: end.stderrTail.prefix(400), as: UTF8.self), !tail.isEmpty else { return reason }
        return reason + " (there: " + tail.split(separator: "\n").joined(separator: "; ") + ")"
    }

    private func welcome(_ hello: Hello) throws(LinkError) {
        helloTask?.cancel()
        guard let host = hello.host, let secret = hello.session else {
            return fail("the executor's hello lacks its host or its session")
        }
        let isKnown = secret == session
        let isKept = session == nil && secret == store?.read()
        let formerHost = session == nil ? nil : self.host
        self.host = host
        isResumable = hello.capabilities.contains { $0.equals("resume") }
        var answer = Hello(build: Array(Build.identity.utf8))
        answer.session = secret
        answer.received = isKnown ? endpoint.received : 0
        answer.isAnew = isKept
        endpoint.send(.hello(answer))
        if isKnown {
            do throws(WireError) { try endpoint.resume(after: hello.received) } catch { throw .broken(error) }
        } else {
            endpoint.begin()
            session = secret
            if isResumable { store?.write(secret) } else { store?.remove() }
            if let formerHost {
                let what = formerHost.boot == host.boot ? "the executor on the host was ended" : "the host was restarted"
                handler(.forgotten("\(what) while the connection was lost, and with it what it knew"))
            }
        }
        isWelcomed = true
        giveUpAttempt()
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
        let lived = NIODeadline.now() - since
        let wasReady = isReady
        dropPipe()
        guard session != nil, isResumable else {
            session = nil
            if case .connecting = state, backoff.count < HostLink.mostFirstAttempts { return tryAgain() }
            return fail(reason)
        }
        // A session that ends as soon as it has begun would otherwise be begun again and again without any pause.
        if wasReady, lived > HostLink.shortLife { backoff.reset() }
        interrupt(reason)
    }

    private func interrupt(_ reason: String) {
        if case .interrupted = state {} else { interruptedAt = .now() }
        if attempt == nil, attemptTask == nil { tryAgain() }
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
        endpoint.detach()
        let pipe = self.pipe
        self.pipe = nil
        pipeNumber += 1
        pipe?.close()
    }

    // MARK: Traffic

    private func receive(_ buffer: ByteBuffer) {
        setTime()
        watch.heard(at: endpoint.now)
        buffer.withUnsafeReadableBytes { endpoint.receive($0) }
        do throws(LinkError) {
            while let event = try endpoint.nextEvent() {
                switch event {
                case .hello(let hello, _): try welcome(hello)
                case .message(let message, let frame): handler(.frame(message, frame))
                case .pong: break
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
            giveUpAttempt()
            change(to: .ready(host))
        }
        // What it acknowledged may have made room.
        flush()
        handler(.batchEnded)
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
        endpoint.acknowledgeIfNeeded()
        let step = watch.step(
            at: endpoint.now, wall: wallClock(), isBusy: isBusy() || !outgoing.isEmpty, roundTrip: endpoint.roundTrip)
        switch step {
        case .nothing: break
        case .ask: endpoint.ping()
        case .doubt: interrupt("the host does not answer")
        case .giveUp: return linkEnded("the host has not answered for \(watch.silentSeconds(at: endpoint.now)) seconds")
        }
        flush()
    }

    private func setTime() { endpoint.now = NIODeadline.now().uptimeNanoseconds }

    // MARK: The end

    /// Ends the link. With `ending`, the session too, where the host can be told: it kills what it runs. Else the executor keeps it for as long as
    /// it lingers.
    func close(ending: Bool) {
        giveUpAttempt()
        if ending {
            if isWelcomed, let pipe {
                pipe.write(ByteBuffer(bytes: Request.frame(id: 1, operation: OperationNames.sessionEnd) { _ in }.bytes))
                store?.remove()
            }
        }
        dropPipe()
        session = nil
        change(to: .idle)
        outgoing.removeAll()
    }

    private func fail(_ reason: String) {
        giveUpAttempt()
        dropPipe()
        if session == nil { endpoint = LinkEndpoint(isCounting: true) }
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
