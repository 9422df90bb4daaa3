#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import PortalLink
import PortalProxy
import PortalWire

/// A client's connection to a proxy.
///
/// `@unchecked Sendable`: `endpoint` is touched on `channel.eventLoop` only, where the channel's bytes arrive; everything else that changes is
/// in `requests`, behind its lock, so that a request begins on its caller's thread: a hop to the loop and back would cost two wakings.
final class ProxyConnection: @unchecked Sendable {
    /// How long the proxy may take to answer a hello. It answers at once, whatever the link to the host does.
    private static let helloDeadline = TimeAmount.seconds(5)

    private let channel: any Channel
    private let options: ConnectionOptions
    private var endpoint = LinkEndpoint(isCounting: false)
    private let requests = NIOLockedValueBox(Requests())
    private let helloPromise: EventLoopPromise<Hello>

    private struct Requests {
        var exchanges: [UInt64: Exchange] = [:]
        var nextIdentifier: UInt64 = 0
        var lastIdentifier: UInt64 = 0
        var isClosed = false
    }

    private init(channel: any Channel, options: ConnectionOptions) {
        self.channel = channel
        self.options = options
        helloPromise = channel.eventLoop.makePromise()
    }

    deinit {
        // Where connecting fails, nobody ever waits for the hello.
        helloPromise.fail(PortalError(.disconnected, "the connection was given up"))
    }

    // MARK: Connecting

    /// Talks to a proxy over a connected socket or the socket at a path.
    static func open(_ socket: Socket, options: ConnectionOptions) async throws(PortalError) -> ProxyConnection {
        do {
            let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let connection = ProxyConnection(channel: channel, options: options)
                        try channel.pipeline.syncOperations.addHandler(ProxyConnectionHandler(connection: connection))
                    }
                }
            let channel: any Channel
            switch socket {
            case .path(let path): channel = try await bootstrap.connect(unixDomainSocketPath: path).get()
            case .descriptor(let descriptor): channel = try await bootstrap.withConnectedSocket(descriptor).get()
            }
            let connection = try await channel.pipeline.handler(type: ProxyConnectionHandler.self).map(\.connection).get()
            try await connection.sayHello()
            return connection
        } catch let error as PortalError {
            throw error
        } catch {
            throw PortalError(.disconnected, "the proxy cannot be reached: \(error)")
        }
    }

    /// Where a proxy's socket is.
    enum Socket {
        case path(String)
        case descriptor(CInt)
    }

    private func sayHello() async throws {
        var hello = Hello(build: Array(Build.identity.utf8))
        hello.isInteractive = options.ask != nil
        hello.patienceSeconds = UInt64(max(0, options.patienceSeconds))
        hello.process = UInt64(getpid())
        send(.hello(hello))
        let deadline = channel.eventLoop.scheduleTask(in: ProxyConnection.helloDeadline) { [helloPromise] in
            helloPromise.fail(PortalError(.disconnected, "the proxy does not answer: end it with `portal stop`"))
        }
        defer { deadline.cancel() }
        let answer: Hello
        do { answer = try await helloPromise.futureResult.get() } catch {
            try? await channel.close()
            throw error
        }
        guard answer.identifiers != nil else { throw PortalError(.disconnected, "the proxy's hello lacks its identifiers") }
    }

    /// Ends the connection; what is open is cancelled by the proxy.
    func close() { channel.close(promise: nil) }

    // MARK: Requests

    /// Sends a request.
    func start(
        _ operation: StaticString, payload: [UInt8] = [], hasMore: Bool = false, parameters: (inout JSONWriter) -> Void
    ) async throws(PortalError) -> Exchange {
        let id = try requests.withLockedValue { state -> Result<UInt64, PortalError> in
            guard !state.isClosed else { return .failure(PortalError(.disconnected, "the connection to the proxy is closed")) }
            guard state.nextIdentifier < state.lastIdentifier else {
                return .failure(PortalError(.tooLarge, "this connection has used all its identifiers"))
            }
            defer { state.nextIdentifier += 1 }
            return .success(state.nextIdentifier)
        }.get()
        let frame = Request.frame(id: id, operation: operation, payload: payload, hasMore: hasMore, parameters: parameters)
        guard frame.headerLength <= Limits.headerLength else {
            throw PortalError(.tooLarge, "the arguments and environment of the request are longer than \(Limits.headerLength / 1024) KiB")
        }
        let exchange = Exchange(id: id, operation: operation, connection: self)
        // It may have been closed meanwhile: whoever closes it ends what is in the table, and nothing comes into it after that.
        let isClosed = requests.withLockedValue { state -> Bool in
            if !state.isClosed { state.exchanges[id] = exchange }
            return state.isClosed
        }
        guard !isClosed else { throw PortalError(.disconnected, "the connection to the proxy is closed") }
        channel.writeAndFlush(channel.allocator.buffer(bytes: frame.bytes), promise: nil)
        return exchange
    }

    /// Sends a frame that belongs to an open request.
    func send(_ message: Message, payload: [UInt8] = []) {
        let frame = message.frame(payload: payload)
        channel.writeAndFlush(channel.allocator.buffer(bytes: frame.bytes), promise: nil)
    }

    // MARK: From the channel

    fileprivate func receive(_ buffer: ByteBuffer) {
        buffer.withUnsafeReadableBytes { endpoint.receive($0) }
        // A small answer is its data and its end in one buffer: whoever waits for them is woken once.
        var touched: [Exchange] = []
        defer { for exchange in touched { exchange.wake() } }
        do throws(LinkError) {
            while let event = try endpoint.nextEvent() {
                switch event {
                case .hello(let hello, _):
                    requests.withLockedValue {
                        $0.nextIdentifier = hello.identifiers?.first ?? 0
                        $0.lastIdentifier = hello.identifiers?.last ?? 0
                    }
                    helloPromise.succeed(hello)
                case .message(let message, let frame):
                    do throws(WireError) { try handle(message, frame, &touched) } catch { throw .broken(error) }
                case .pong: break
                }
            }
        } catch {
            closed("the proxy ended the connection: \(String(decoding: error.text, as: UTF8.self))")
            channel.close(promise: nil)
            return
        }
        for frame in endpoint.takeOutbound() { channel.write(channel.allocator.buffer(bytes: frame.bytes), promise: nil) }
        channel.flush()
    }

    private func handle(_ message: Message, _ frame: Frame, _ touched: inout [Exchange]) throws(WireError) {
        switch message {
        case .data(let id, _, _), .credit(let id, _), .starved(let id):
            guard let exchange = requests.withLockedValue({ $0.exchanges[id] }) else { return }
            try exchange.receive(message, frame)
            touched.append(exchange)
        case .result(let id, _), .failure(let id, _):
            guard let exchange = requests.withLockedValue({ $0.exchanges.removeValue(forKey: id) }) else { return }
            try exchange.receive(message, frame)
            touched.append(exchange)
        case .question(let question): ask(question)
        case .state(let state):
            let bytes = state.progress
            options.progress?(
                ConnectionProgress(text: String(decoding: state.text, as: UTF8.self), isReady: state.isReady, bytes: bytes))
        default: throw .message
        }
    }

    private func ask(_ question: Question) {
        Task { [self] in
            let answer = await options.ask?(String(decoding: question.text, as: UTF8.self), question.isSecret)
            send(.answer(id: question.id, text: answer.map { Array($0.utf8) }))
        }
    }

    fileprivate func closed(_ reason: String) {
        let open = requests.withLockedValue { state -> [UInt64: Exchange] in
            state.isClosed = true
            defer { state.exchanges = [:] }
            return state.exchanges
        }
        helloPromise.fail(PortalError(.disconnected, reason))
        for exchange in open.values { exchange.disconnected(reason) }
    }
}

private final class ProxyConnectionHandler: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    let connection: ProxyConnection

    init(connection: ProxyConnection) { self.connection = connection }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { connection.receive(unwrapInboundIn(data)) }

    func channelInactive(context: ChannelHandlerContext) { connection.closed("the proxy went away") }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        connection.closed("the connection to the proxy failed: \(error)")
        context.close(promise: nil)
    }
}
