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
/// `@unchecked Sendable`: `endpoint` and `watch` are touched on `channel.eventLoop` only, where the channel's bytes arrive; the rest is constant.
final class ProxyLink: @unchecked Sendable {
    private let channel: any Channel
    private let connection: ProxyConnection
    private var endpoint = LinkEndpoint(isCounting: false)
    private let helloPromise: EventLoopPromise<Void>
    private var watch: ProxyWatch

    private init(channel: any Channel, connection: ProxyConnection) {
        self.channel = channel
        self.connection = connection
        let patience = TimeAmount.seconds(Int64(min(max(0, connection.options.patienceSeconds), 1 << 32)))
        watch = ProxyWatch(patienceSteps: Int(patience.nanoseconds / connection.options.waits.proxyStep.nanoseconds))
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
        let deadline = channel.eventLoop.scheduleTask(in: connection.options.waits.proxyHello) { [helloPromise] in
            helloPromise.fail(PortalError(.timedOut, "the proxy does not answer: end it with `portal stop`"))
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

    // MARK: A proxy that says nothing

    /// A request waits for as long as its patience says, and its user hears what for.
    private func beginWatching() {
        let step = connection.options.waits.proxyStep
        let task = channel.eventLoop.scheduleRepeatedTask(initialDelay: step, delay: step) { [weak self] task in
            guard let self else { return task.cancel() }
            look()
        }
        channel.closeFuture.whenComplete { _ in task.cancel() }
    }

    private func look() {
        switch watch.step(isBusy: connection.hasOpenRequests) {
        case .nothing: break
        case .ask: send(.ping(0))
        case .complain: tell("the proxy does not answer for \(unansweredSeconds) s", isReady: false)
        case .relief: tell("connected", isReady: true)
        case .giveUp:
            closed("the proxy has not answered for \(unansweredSeconds) s: end it with `portal stop`", isFinal: true)
            channel.close(promise: nil)
        }
    }

    private var unansweredSeconds: Int64 {
        Int64(watch.unansweredSteps) * connection.options.waits.proxyStep.nanoseconds / 1_000_000_000
    }

    private func tell(_ text: String, isReady: Bool) {
        connection.options.progress?(ConnectionProgress(text: text, isReady: isReady, bytes: nil))
    }

    // MARK: From the channel

    fileprivate func receive(_ buffer: ByteBuffer) {
        watch.heard()
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
        beginWatching()
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
