import NIOCore
import NIOPosix

/// The ssh-agent protocol as far as logging in needs it: list the keys, sign. One request at a time.
struct AgentClient: Sendable {
    struct Identity: Sendable, Hashable {
        var key: [UInt8]
        var comment: String
        var type: String { keyType(ofBlob: key) }
    }

    private enum Message {
        static let requestIdentities: UInt8 = 11
        static let identitiesAnswer: UInt8 = 12
        static let signRequest: UInt8 = 13
        static let signResponse: UInt8 = 14
    }

    private let channel: any Channel
    private let handler: AgentHandler

    /// Connects to the agent's socket; nil when nothing answers there.
    static func connect(path: String, on eventLoop: any EventLoop) async -> AgentClient? {
        let handler = AgentHandler()
        let channel = try? await ClientBootstrap(group: eventLoop)
            .connectTimeout(.seconds(5))
            .channelInitializer { channel in channel.pipeline.addHandler(handler) }
            .connect(unixDomainSocketPath: path).get()
        return channel.map { AgentClient(channel: $0, handler: handler) }
    }

    func close() { channel.close(promise: nil) }

    /// The keys that the agent holds; nil when it does not answer in time or in the protocol.
    func identities(within limit: TimeAmount) async -> [Identity]? {
        guard let answer = await request([Message.requestIdentities], within: limit) else { return nil }
        var reader = SSHReader(answer)
        guard reader.byte() == Message.identitiesAnswer, let count = reader.number(), count <= 2048 else { return nil }
        var identities: [Identity] = []
        for _ in 0..<count {
            guard let key = reader.string(), let comment = reader.string() else { return nil }
            identities.append(Identity(key: key, comment: printable(comment)))
        }
        return identities
    }

    /// The raw signature, without its algorithm's name. nil: declined, or no answer in time.
    func sign(_ bytes: [UInt8], with key: [UInt8], within limit: TimeAmount) async -> [UInt8]? {
        var writer = SSHWriter()
        writer.string(key)
        writer.string(bytes)
        writer.number(AgentClient.flags(for: bytes))
        guard let answer = await request([Message.signRequest] + writer.bytes, within: limit) else { return nil }
        var reader = SSHReader(answer)
        guard reader.byte() == Message.signResponse, let signature = reader.string() else { return nil }
        var parts = SSHReader(signature)
        guard parts.string() != nil else { return nil }
        return parts.string()
    }

    /// RSA keys sign with the hash that the request names: 2 is SHA-256, 4 SHA-512.
    static func flags(for request: [UInt8]) -> Int {
        // session id, message type, user, service, "publickey", true, algorithm (RFC 4252, section 7).
        var reader = SSHReader(request)
        guard reader.string() != nil, reader.byte() != nil, reader.string() != nil, reader.string() != nil, reader.string() != nil,
            reader.byte() != nil, let algorithm = reader.string()
        else { return 0 }
        if algorithm.elementsEqual("rsa-sha2-512".utf8) { return 4 }
        return algorithm.elementsEqual("rsa-sha2-256".utf8) ? 2 : 0
    }

    private func request(_ body: [UInt8], within limit: TimeAmount) async -> [UInt8]? {
        var framed = ByteBuffer()
        framed.writeInteger(UInt32(body.count))
        framed.writeBytes(body)
        let message = framed
        return await withCheckedContinuation { continuation in
            channel.eventLoop.execute {
                handler.begin(message, within: limit) { continuation.resume(returning: $0) }
            }
        }
    }
}

/// `@unchecked Sendable`: touched only on the loop of its channel, which `AgentClient` hops to.
private final class AgentHandler: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private var context: ChannelHandlerContext?
    private var buffer = ByteBuffer()
    private var done: (([UInt8]?) -> Void)?
    private var deadline: Scheduled<Void>?

    func begin(_ message: ByteBuffer, within limit: TimeAmount, _ done: @escaping ([UInt8]?) -> Void) {
        guard let context, self.done == nil else { return done(nil) }
        self.done = done
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: limit) { [weak self] in
            // A late answer would be taken for the next request's: the connection is of no more use.
            self?.finish(nil)
            self?.context?.close(promise: nil)
        }
        context.writeAndFlush(wrapOutboundOut(message), promise: nil)
    }

    private func finish(_ answer: [UInt8]?) {
        deadline?.cancel()
        let done = self.done
        self.done = nil
        done?(answer)
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        finish(nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        buffer.writeBuffer(&bytes)
        guard let count = buffer.getInteger(at: buffer.readerIndex, as: UInt32.self) else { return }
        // OpenSSH's own bound for an agent's message.
        guard count <= 256 << 10 else { return context.close(promise: nil) }
        guard buffer.readableBytes >= Int(count) + 4 else { return }
        buffer.moveReaderIndex(forwardBy: 4)
        finish(buffer.readBytes(length: Int(count)))
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
