import Foundation
import NIOCore

/// One relayed connection: a channel to each end. It lives on the relay's loop.
final class RelayConnection {
    let number: Int
    private unowned let relay: RelayCore
    private let client: any Channel
    private let server: any Channel
    private var toServer: RelayLane!
    private var toClient: RelayLane!
    private var openEnds = 2
    /// A fault has it: nothing is relayed any more, and what comes is thrown away.
    private(set) var isTaken = false

    init(number: Int, relay: RelayCore, client: any Channel, server: any Channel) {
        self.number = number
        self.relay = relay
        self.client = client
        self.server = server
        toServer = RelayLane(.toServer, from: client, to: server, of: self, relay)
        toClient = RelayLane(.toClient, from: server, to: client, of: self, relay)
    }

    func begin() throws {
        for direction in NetworkRelay.Direction.allCases { lane(direction).begin() }
        try client.pipeline.syncOperations.addHandler(RelayEnd(self, .client))
        try server.pipeline.syncOperations.addHandler(RelayEnd(self, .server))
        for channel in [client, server] { channel.setOption(.autoRead, value: true).whenComplete { _ in } }
    }

    // MARK: From the channels

    func received(_ buffer: ByteBuffer, from side: NetworkRelay.Side) {
        let direction: NetworkRelay.Direction = side == .client ? .toServer : .toClient
        relay.see(.bytes(direction, count: buffer.readableBytes, first: Array(buffer.readableBytesView.prefix(64))), of: number)
        if !isTaken { lane(direction).append(buffer) }
    }

    func closed(_ side: NetworkRelay.Side) {
        openEnds -= 1
        if openEnds == 0 { relay.ended(self) }
        // What is on the way arrives first.
        if !isTaken { lane(side == .client ? .toServer : .toClient).end() }
    }

    private func lane(_ direction: NetworkRelay.Direction) -> RelayLane { direction == .toServer ? toServer : toClient }

    func pump() { for direction in NetworkRelay.Direction.allCases where !isTaken { lane(direction).pump() } }

    // MARK: Ending

    /// Ends it without ceremony.
    func close() {
        take()
        for channel in [client, server] { channel.close(promise: nil) }
    }

    func apply(_ fault: NetworkRelay.Fault) {
        switch fault {
        case .cut: cut()
        case .cutAfter(let bytes, let direction): lane(direction).cut(after: bytes)
        case .flip(let bytes, let direction): lane(direction).flip(after: bytes)
        case .reset:
            take()
            for channel in [client, server] { RelayConnection.reset(channel) }
        case .halfOpen(let side):
            take()
            RelayConnection.finish(side == .client ? server : client)
        case .stall, .refuse, .line: preconditionFailure("\(fault) is not about one connection")
        }
    }

    /// Both ends are told; what waits to be passed on is lost.
    func cut() {
        take()
        for channel in [client, server] { RelayConnection.finish(channel) }
    }

    private func take() {
        isTaken = true
        for direction in NetworkRelay.Direction.allCases { lane(direction).discard() }
        // What still comes is read and thrown away, so that the ends are seen to close.
        for channel in [client, server] { channel.setOption(.autoRead, value: true).whenComplete { _ in } }
    }

    /// Says FIN. Closing at once would say RST where bytes came that nobody read.
    private static func finish(_ channel: any Channel) { channel.close(mode: .output, promise: nil) }

    private static func reset(_ channel: any Channel) {
        // The only way to say RST: closing with a linger time of zero.
        (channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in
            channel.close(promise: nil)
        }
    }
}

/// Brings a channel's bytes to its connection.
private final class RelayEnd: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let connection: RelayConnection
    private let side: NetworkRelay.Side

    init(_ connection: RelayConnection, _ side: NetworkRelay.Side) {
        self.connection = connection
        self.side = side
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { connection.received(unwrapInboundIn(data), from: side) }

    func channelInactive(context: ChannelHandlerContext) { connection.closed(side) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
