import NIOCore
import NIOPosix

/// A network between a client and a server on this machine: a TCP relay with a round trip and a rate, the same in both directions.
///
/// Bytes leave at the rate, one after another, and arrive half a round trip later. What does not fit in the line's buffer is not read, so that
/// the sender feels it as it would feel a slow network.
public final class NetworkRelay: Sendable {
    /// What the network is like.
    public struct Line: Sendable {
        /// The time there and back.
        public var roundTrip: TimeAmount
        /// Bytes a second in each direction; nil for as fast as the machine.
        public var bytesPerSecond: Int?

        /// Makes a line.
        public init(roundTrip: TimeAmount, bytesPerSecond: Int? = nil) {
            self.roundTrip = roundTrip
            self.bytesPerSecond = bytesPerSecond
        }
    }

    /// The port to connect to.
    public let port: Int
    private let server: any Channel
    private let group: MultiThreadedEventLoopGroup

    /// Listens on a random loopback port and relays each connection to another port of this machine.
    public init(to destination: Int, line: Line) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        self.group = group
        server = try await ServerBootstrap(group: group)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { inbound in
                // Nothing is read before the other side is connected.
                inbound.setOption(.autoRead, value: false).flatMap {
                    ClientBootstrap(group: inbound.eventLoop)
                        .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                        .channelOption(.autoRead, value: false)
                        .connect(host: "127.0.0.1", port: destination)
                }.flatMapThrowing { outbound in
                    try inbound.pipeline.syncOperations.addHandler(RelayHandler(to: outbound, line: line))
                    try outbound.pipeline.syncOperations.addHandler(RelayHandler(to: inbound, line: line))
                    outbound.setOption(.autoRead, value: true).whenComplete { _ in }
                    inbound.setOption(.autoRead, value: true).whenComplete { _ in }
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = server.localAddress!.port!
    }

    /// Ends every connection.
    public func stop() async {
        try? await server.close()
        try? await group.shutdownGracefully()
    }
}

/// One direction of one connection. It lives on its channel's event loop.
private final class RelayHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let destination: any Channel
    private let line: NetworkRelay.Line
    private let bufferLimit: Int
    private var lineIsFreeAt = NIODeadline.uptimeNanoseconds(0)
    private var onTheWay = 0

    init(to destination: any Channel, line: NetworkRelay.Line) {
        self.destination = destination
        self.line = line
        let inFlight = line.bytesPerSecond.map { $0 / 1000 * Int(line.roundTrip.nanoseconds / 1_000_000) } ?? (32 << 20)
        bufferLimit = inFlight + 256 * 1024
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = unwrapInboundIn(data)
        let size = buffer.readableBytes
        onTheWay += size
        if onTheWay >= bufferLimit { context.channel.setOption(.autoRead, value: false).whenComplete { _ in } }
        var departure = max(NIODeadline.now(), lineIsFreeAt)
        if let rate = line.bytesPerSecond { departure = departure + .nanoseconds(Int64(size) * 1_000_000_000 / Int64(rate)) }
        lineIsFreeAt = departure
        let arrival = departure + .nanoseconds(line.roundTrip.nanoseconds / 2)
        let bound = NIOLoopBound(self, eventLoop: context.eventLoop)
        let channel = context.channel
        let destination = destination
        context.eventLoop.scheduleTask(deadline: arrival) {
            destination.writeAndFlush(buffer, promise: nil)
            let relay = bound.value
            let wasFull = relay.onTheWay >= relay.bufferLimit
            relay.onTheWay -= size
            if wasFull, relay.onTheWay < relay.bufferLimit { channel.setOption(.autoRead, value: true).whenComplete { _ in } }
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        // What is on the way arrives first.
        let destination = destination
        let arrival = max(NIODeadline.now(), lineIsFreeAt) + .nanoseconds(line.roundTrip.nanoseconds / 2)
        context.eventLoop.scheduleTask(deadline: arrival) { destination.close(promise: nil) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
