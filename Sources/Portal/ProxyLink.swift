#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import NIOCore
import NIOPosix
import PortalLink
import PortalProxy
import PortalWire

/// A client's socket to one proxy. A connection has one after the other, where proxies die.
///
/// `@unchecked Sendable`: `endpoint` is touched on `channel.eventLoop` only, where the channel's bytes arrive; the rest is constant.
final class ProxyLink: @unchecked Sendable {
    /// How long the proxy may take to answer a hello. It answers at once, whatever the link to the host does.
    private static let helloDeadline = TimeAmount.seconds(5)

    private let channel: any Channel
    private let connection: ProxyConnection
    private var endpoint = LinkEndpoint(isCounting: false)
    private let helloPromise: EventLoopPromise<Void>

    private init(channel: any Channel, connection: ProxyConnection) {
        self.channel = channel
        self.connection = connection
        helloPromise = channel.eventLoop.makePromise()
    }

    deinit {
        // Where connecting fails, nobody ever waits for the hello.
        helloPromise.fail(PortalError(.disconnected, "the connection was given up"))
    }

    /// Where a proxy's socket is.
    enum Socket {
        case path(String)
        case descriptor(CInt)
    }

    /// Talks to a proxy over a connected socket or the socket at a path, for a connection, which has it when this returns.
    static func open(_ socket: Socket, for connection: ProxyConnection) async throws(PortalError) {
        do {
            let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        let link = ProxyLink(channel: channel, connection: connection)
                        try channel.pipeline.syncOperations.addHandler(ProxyLinkHandler(link: link))
                    }
                }
            let channel: any Channel
            switch socket {
            case .path(let path): channel = try await bootstrap.connect(unixDomainSocketPath: path).get()
            case .descriptor(let descriptor): channel = try await bootstrap.withConnectedSocket(descriptor).get()
            }
            let link = try await channel.pipeline.handler(type: ProxyLinkHandler.self).map(\.link).get()
            try await link.sayHello()
        } catch let error as PortalError {
            throw error
        } catch {
            throw PortalError(.disconnected, "the proxy cannot be reached: \(error)")
        }
    }

    private func sayHello() async throws {
        send(.hello(connection.hello))
        let deadline = channel.eventLoop.scheduleTask(in: ProxyLink.helloDeadline) { [helloPromise] in
            helloPromise.fail(PortalError(.disconnected, "the proxy does not answer: end it with `portal stop`"))
        }
        defer { deadline.cancel() }
        do { try await helloPromise.futureResult.get() } catch {
            try? await channel.close()
            throw error
        }
    }

    /// Sends a frame, from any thread. What one thread sends stays in its order; what is sent in answer to a frame of the proxy comes before
    /// what other threads send meanwhile.
    func send(_ frame: Frame) { channel.writeAndFlush(channel.allocator.buffer(bytes: frame.bytes), promise: nil) }

    func send(_ message: Message) { send(message.frame()) }

    func close() { channel.close(promise: nil) }

    // MARK: From the channel

    fileprivate func receive(_ buffer: ByteBuffer) {
        buffer.withUnsafeReadableBytes { endpoint.receive($0) }
        // A small answer is its data and its end in one buffer: whoever waits for them is woken once.
        var touched: [Exchange] = []
        defer { for exchange in touched { exchange.wake() } }
        do throws(LinkError) {
            while let event = try endpoint.nextEvent() {
                switch event {
                case .hello(let hello, _): welcome(hello)
                case .message(let message, let frame):
                    do throws(WireError) { try connection.handle(message, frame, over: self, &touched) } catch { throw .broken(error) }
                case .pong: break
                }
            }
        } catch {
            closed("the proxy ended the connection: \(String(decoding: error.text, as: UTF8.self))", isFinal: true)
            channel.close(promise: nil)
            return
        }
        for frame in endpoint.takeOutbound() { channel.write(channel.allocator.buffer(bytes: frame.bytes), promise: nil) }
        channel.flush()
    }

    private func welcome(_ hello: Hello) {
        guard let identifiers = hello.identifiers else {
            return helloPromise.fail(PortalError(.disconnected, "the proxy's hello lacks its identifiers"))
        }
        var place: HistoryPlace?
        if let epoch = hello.epoch, let history = hello.history { place = HistoryPlace(epoch: epoch, history: history) }
        connection.adopt(self, identifiers: identifiers, place: place)
        helloPromise.succeed(())
    }

    fileprivate func closed(_ reason: String, isFinal: Bool = false) {
        helloPromise.fail(PortalError(.disconnected, reason))
        connection.lost(self, reason, isFinal: isFinal)
    }
}

private final class ProxyLinkHandler: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    let link: ProxyLink

    init(link: ProxyLink) { self.link = link }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { link.receive(unwrapInboundIn(data)) }

    func channelInactive(context: ChannelHandlerContext) { link.closed("the proxy went away") }

    // What came before the error is still read: the connection is lost when it is closed.
    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
