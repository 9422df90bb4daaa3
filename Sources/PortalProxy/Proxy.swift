import Logging
import NIOCore
import PortalLink
import PortalSSH
import PortalWire

/// One target's proxy: it owns the link to the host and passes frames between it and any number of clients.
///
/// `@unchecked Sendable`: every member is touched on `eventLoop` only; what is called from elsewhere (`adopt`, `ask`, `report`, `whenIdle`)
/// hops there first, and the rest is reached only from there.
public final class Proxy: @unchecked Sendable {
    /// What a proxy needs to know.
    public struct Configuration: Sendable {
        /// The host.
        public var target: Target
        /// Another ssh_config.
        public var sshConfig: String?
        /// How long the proxy stays without a client.
        public var persist: TimeAmount
        /// How long the executor on the host stays without a link, with everything that runs there, in seconds. 0: it ends with its link.
        public var lingerSeconds: Int
        /// The file in which the session's secret is kept for the next proxy; nil to keep it nowhere.
        public var sessionPath: String?
        var waits = ProxyWaits()
        var clientPendingBytes = ProxyClient.pendingBytesLimit

        /// Half an hour.
        public static let defaultLingerSeconds = 1800

        /// Makes a configuration.
        public init(
            target: Target, sshConfig: String? = nil, persist: TimeAmount = .minutes(10), lingerSeconds: Int = defaultLingerSeconds,
            sessionPath: String? = nil
        ) {
            self.target = target
            self.sshConfig = sshConfig
            self.persist = persist
            self.lingerSeconds = lingerSeconds
            self.sessionPath = sessionPath
        }
    }

    let eventLoop: any EventLoop
    let configuration: Configuration
    let logger: Logger
    private let endPromise: EventLoopPromise<Void>
    private(set) var link: HostLink!
    let questions: QuestionDesk
    private(set) var clients: [UInt64: ProxyClient] = [:]
    /// What clients are called before their hello: no number of a range.
    private var nextClient: UInt64 = 1 << 40
    private var idleTask: Scheduled<Void>?
    private var isStopping = false
    /// The proxy's own requests, whose identifiers are below those of all clients, and who waits for their last frames.
    private var ownRequests: [UInt64: (Message) -> Void] = [:]
    /// Not where every proxy begins: the host may still have those of the one before.
    private var nextOwnRequest = UInt64.random(in: 16...0xFFFF_FFFF)
    /// Whether there ever was a link to the host. Looked at from elsewhere only after `end`, when nothing changes any more.
    private(set) var hasConnected = false
    /// How far connecting is.
    var progress: LinkState?
    /// The executor that was asked what its login's end does to it, and what that is.
    var examinedEpoch: [UInt8]?
    var loginEnd: ProxyStatus.LoginEnd?
    var connectWaiters: [(id: UInt64, client: UInt64)] = []
    /// Looks at who has waited long enough, while there is no link.
    var patienceTask: RepeatedTask?

    /// Makes a proxy that connects when the first request asks for it.
    public init(configuration: Configuration, eventLoop: any EventLoop, logger: Logger) {
        self.configuration = configuration
        self.eventLoop = eventLoop
        self.logger = logger
        endPromise = eventLoop.makePromise()
        questions = QuestionDesk(eventLoop: eventLoop)
        link = HostLink(
            eventLoop: eventLoop, lingerSeconds: configuration.lingerSeconds, waits: configuration.waits,
            store: configuration.sessionPath.map { SessionStore(path: $0) },
            logger: logger, connect: makeConnect(), handler: { [unowned self] event in handle(event) })
        link.isBusy = { [unowned self] in clients.values.contains { !$0.openRequests.isEmpty } }
    }

    /// Succeeds when the proxy has nothing more to do: nobody came for the time it persists, or it was told to stop.
    public var end: EventLoopFuture<Void> { endPromise.futureResult }

    // MARK: Clients

    /// Takes a connected client. Called on the event loop, from its channel's initializer.
    func adopt(_ channel: any Channel) throws {
        eventLoop.preconditionInEventLoop()
        // Whoever comes now finds the next proxy when this one has ended.
        guard !isStopping else { throw ProxyError(.socket, "the proxy ends") }
        let client = ProxyClient(number: nextClient, channel: channel, pendingBytesLimit: configuration.clientPendingBytes)
        nextClient += 1
        clients[client.number] = client
        idleTask?.cancel()
        try channel.pipeline.syncOperations.addHandler(ProxyClientHandler(proxy: self, client: client))
    }

    func receive(_ buffer: ByteBuffer, from client: ProxyClient) {
        buffer.withUnsafeReadableBytes { client.endpoint.receive($0) }
        do throws(LinkError) {
            while let event = try client.endpoint.nextEvent() {
                switch event {
                case .hello(let hello, _): welcome(client, hello)
                case .message(let message, let frame): try handle(message, frame, from: client)
                case .pong: break
                }
            }
            for frame in client.endpoint.takeOutbound() { client.send(frame) }
        } catch {
            if case .broken(let error) = error { client.send(LinkEndpoint.goodbye(for: error)) }
            client.close()
        }
        link.flush()
        client.flush()
        updateReading(client)
    }

    private func welcome(_ client: ProxyClient, _ hello: Hello) {
        client.acceptHello(hello)
        clients[client.number] = nil
        var number = hello.client ?? 0
        while number == 0 || number >= 1 << 31 || clients[number] != nil { number = .random(in: 1..<1 << 31) }
        client.number = number
        clients[number] = client
        var answer = Hello(build: Array(Build.identity.utf8))
        answer.identifiers = client.identifiers
        answer.process = processIdentifier()
        if case .ready(let host) = link.state { answer.host = host }
        answer.epoch = link.place?.epoch
        answer.history = link.place?.history
        client.welcome(to: link.place)
        client.send(.hello(answer))
    }

    private func handle(_ message: Message, _ frame: Frame, from client: ProxyClient) throws(LinkError) {
        switch message {
        case .request(let request):
            guard client.owns(request.id), client.openRequests[request.id] == nil else { throw .broken(.identifier) }
            guard client.openRequests.count < Limits.openRequests else { throw .broken(.requests) }
            if request.operation.starts(with: [UInt8]("proxy.")) { return answer(request, to: client) }
            client.openRequests[request.id] = ProxyClient.OpenRequest(request, frame, isSent: mayPass(client))
            pass(frame, of: request.id, from: client)
            showProgress(to: client)
        case .claim(let claim):
            guard client.owns(claim.id), client.openRequests[claim.id] == nil else { throw .broken(.identifier) }
            guard client.openRequests.count < Limits.openRequests else { throw .broken(.requests) }
            client.openRequests[claim.id] = ProxyClient.OpenRequest(claim, isSent: mayPass(client))
            if !Build.images.isEmpty { link.goOn() }
            pass(frame, of: claim.id, from: client)
        // What crossed the request's last frame is dropped.
        case .data(let id, _, _), .starved(let id):
            if client.openRequests[id] != nil { pass(frame, of: id, from: client) }
        case .credit(let id, _):
            guard client.openRequests[id] != nil else { break }
            // Before all that waits, since it is about data that comes, but not before its request: it would be forgotten there.
            if mayPass(client), !link.isWaiting(id) { link.sendNow(frame) } else { pass(frame, of: id, from: client) }
        case .cancel(let id, _): if client.openRequests[id] != nil { cancel(id, frame, from: client) }
        case .answer(let id, let text): questions.answer(id, text, from: client)
        default: throw .broken(.message)
        }
    }

    private func mayPass(_ client: ProxyClient) -> Bool { link.takesRequests && client.knowsPlace }

    private func pass(_ frame: Frame, of id: UInt64, from client: ProxyClient) {
        if mayPass(client) { return link.send(frame, of: id) }
        client.wait(frame, of: id)
        if link.isReady { tell(client) } else { connectIfNeeded() }
    }

    private func tell(_ client: ProxyClient) {
        client.tell(link.place, text: "connected") { [weak self] in
            self?.release(client)
            self?.link.flush()
        }
        client.flush()
    }

    /// What waited of a client goes to the link.
    private func release(_ client: ProxyClient) {
        guard mayPass(client) else { return }
        for (id, frame) in client.takeWaitingFrames() { link.send(frame, of: id) }
        for id in client.openRequests.keys { client.openRequests[id]?.isSent = true }
    }

    /// A request that the host has not seen is over at once: it has had no effect.
    private func cancel(_ id: UInt64, _ frame: Frame, from client: ProxyClient) {
        guard let request = client.openRequests[id] else { return }
        if request.isSent, link.cancel(frame, of: id) { return }
        // The host may have one that is only claimed.
        if request.isClaim { return request.isSent ? link.send(frame, of: id) : client.wait(frame, of: id) }
        client.forgetWaiting(id)
        client.openRequests[id] = nil
        connectWaiters.removeAll { $0.id == id }
        client.send(.failure(id: id, OperationError(.cancelled, literal: "cancelled before the host had it")))
    }

    func left(_ client: ProxyClient) {
        guard clients.removeValue(forKey: client.number) != nil else { return }
        connectWaiters.removeAll { $0.client == client.number }
        questions.left(client.number, clients: waitingClients)
        for (id, request) in client.openRequests where request.isSent { giveUp(id) }
        link.flush()
        client.openRequests = [:]
        if clients.isEmpty { becomeIdle() }
    }

    var waitingClients: [ProxyClient] { clients.values.sorted { $0.number < $1.number } }

    // MARK: The link

    func connectIfNeeded() {
        guard link.isIdle else { return }
        guard !Build.images.isEmpty else {
            failWaiting("this portal was built without executors: run `make executors`, then build it again")
            return
        }
        progress = nil
        link.connect()
    }

    /// Who comes while a link is being made hears at once how far that is: what it waits for may be another client's passphrase.
    func showProgress(to client: ProxyClient) {
        guard client.openRequests.count == 1, case .connecting = link.state, let progress else { return }
        client.send(.state(progress))
    }

    private func makeConnect() -> LinkAttempts.Connect {
        var options = ConnectOptions()
        options.sshConfigFile = configuration.sshConfig
        let address = configuration.target.address
        let (loop, logger, connectOptions) = (eventLoop, logger, options)
        return { [weak self] arguments, reached in
            guard let self else { throw SSHError(.cancelled, "The proxy has ended.") }
            let token = (0..<16).map { _ in UInt8.random(in: .min ... .max) }
            return try await Connector.connect(
                to: address, options: connectOptions, images: Build.images, token: String(decoding: hexadecimal(token), as: UTF8.self),
                arguments: arguments, interaction: ProxyInteraction(proxy: self, reached: reached), on: loop, logger: logger)
        }
    }

    private func handle(_ event: HostLink.Event) {
        switch event {
        case .frame(let message, let frame, let receipt): route(message, frame, receipt)
        case .batchEnded: for client in clients.values { client.flush() }
        case .writable: for client in clients.values { updateReading(client) }
        case .stateChanged: stateChanged()
        case .forgotten(let reason): forgotten(reason)
        case .lost(let reason):
            questions.withdraw()
            lost(reason)
        }
    }

    private func route(_ message: Message, _ frame: Frame, _ receipt: HostLink.Receipt) {
        let id: UInt64
        var isLast = false
        switch message {
        case .data(let request, _, _), .credit(let request, _), .starved(let request): id = request
        case .result(let request, _), .failure(let request, _):
            id = request
            isLast = true
            link.ended(id)
        case .claimed(let request, let claimed):
            id = request
            if claimed == .missing || claimed == .unknown {
                isLast = true
                link.ended(id)
            }
        default: return link.settle(receipt)
        }
        if id >> 32 == 0 {
            link.settle(receipt)
            if isLast { ownRequests.removeValue(forKey: id)?(message) }
            return
        }
        guard let client = clients[id >> 32], client.openRequests[id] != nil else { return link.settle(receipt) }
        if isLast { client.openRequests[id] = nil } else { client.openRequests[id]?.hasAnswers = true }
        // Called when the proxy may be gone.
        client.send(frame) { [link] _ in link?.settle(receipt) }
    }

    private func stateChanged() {
        switch link.state {
        case .ready(let host):
            hasConnected = true
            questions.withdraw()
            for client in waitingClients {
                release(client)
                if client.place != link.place || !client.openRequests.isEmpty { tell(client) }
            }
            link.flush()
            let waiters = connectWaiters
            connectWaiters = []
            for waiter in waiters { finish(waiter.id, of: waiter.client) { host.writeMembers(to: &$0) } }
            examineLogin()
            logger.info("ready")
        case .interrupted(let reason):
            logger.notice("interrupted: \(reason)")
            beginPatience()
        case .failed(let reason): logger.notice("\(reason)")
        default: break
        }
        if clients.isEmpty { becomeIdle() }
    }

    /// What the host never saw has certainly not been applied.
    func failWaiting(_ reason: String) {
        let error = OperationError(.disconnected, Array(reason.utf8))
        for client in clients.values {
            _ = client.takeWaitingFrames()
            for (id, request) in client.openRequests where !request.isSent {
                client.openRequests[id] = nil
                client.send(.failure(id: id, request.isClaim ? Proxy.unknownOutcome(of: request.operation, reason) : error))
            }
            client.flush()
        }
        let waiters = connectWaiters
        connectWaiters = []
        for waiter in waiters {
            guard let client = clients[waiter.client] else { continue }
            client.openRequests[waiter.id] = nil
            client.send(.failure(id: waiter.id, error))
            client.flush()
        }
    }

    /// A client that has sent far more than the link takes is not read until some of it is gone; others are.
    func updateReading(_ client: ProxyClient) {
        client.setReading(client.waitingBytes + link.waitingBytes(ofClient: client.number) < ProxyClient.waitingBytesLimit)
    }

    // MARK: The end

    private func becomeIdle(after least: TimeAmount = .zero) {
        idleTask?.cancel()
        // What clients gave up has yet to be said to a host that cannot be reached now.
        let delay = max(link.isReady || link.hasSession ? configuration.persist : configuration.waits.clientWithoutLink, least)
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        idleTask = eventLoop.scheduleTask(in: delay) { bound.value.idleTimeIsOver() }
    }

    /// Processes in the background live as long as the session: the host is asked whether there are any before it is ended.
    private func idleTimeIsOver() {
        guard clients.isEmpty else { return }
        guard link.isReady, configuration.persist > .zero else { return stop() }
        // A link that dies meanwhile answers nothing.
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        idleTask = eventLoop.scheduleTask(in: configuration.waits.idleAnswer) {
            if bound.value.clients.isEmpty { bound.value.stop() }
        }
        request(OperationNames.sessionStats) { [unowned self] answer in
            idleTask?.cancel()
            guard clients.isEmpty else { return }
            if case .result(_, let statistics) = answer, statistics.unsigned("processes") ?? 0 > 0 {
                becomeIdle(after: .seconds(1))
            } else {
                stop()
            }
        }
    }

    /// Asks the host something of the proxy's own. The answer is one last frame, also where there is no host any more.
    func request(_ operation: Literal, parameters: (inout JSONWriter) -> Void = { _ in }, answer: @escaping (Message) -> Void) {
        nextOwnRequest = nextOwnRequest % 0xFFFF_FFFF + 1
        ownRequests[nextOwnRequest] = answer
        link.send(Request.frame(id: nextOwnRequest, operation: operation, parameters: parameters), of: nextOwnRequest)
        link.flush()
    }

    /// Nothing more comes of what the host was asked.
    func failOwnRequests(_ reason: String) {
        let requests = ownRequests
        ownRequests = [:]
        for (id, answer) in requests {
            link.ended(id)
            answer(.failure(id: id, OperationError(.disconnected, Array(reason.utf8))))
        }
    }

    /// Begins the time after which a proxy that nobody came to ends.
    func whenIdle() { eventLoop.execute { [self] in if clients.isEmpty { becomeIdle() } } }

    /// Ends a proxy that nobody can reach.
    func giveUp() async { try? await eventLoop.submit { [self] in stop() }.get() }

    func stop() {
        guard !isStopping else { return }
        isStopping = true
        patienceTask?.cancel()
        link.close(ending: true) { [endPromise] in endPromise.succeed(()) }
        lost("the proxy was stopped")
        for client in clients.values {
            // Who is told so does not look for another proxy.
            client.send(.goodbye(code: .disconnected, text: Array("it was stopped".utf8)))
            client.close()
        }
    }
}
