import NIOCore

/// Brings a client's bytes to the proxy.
final class ProxyClientHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let proxy: Proxy
    private let client: ProxyClient

    init(proxy: Proxy, client: ProxyClient) {
        self.proxy = proxy
        self.client = client
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { proxy.receive(unwrapInboundIn(data), from: client) }

    func channelInactive(context: ChannelHandlerContext) { proxy.left(client) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
