import DoorSupport
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import PortalWire
import Synchronization

/// A model on loopback that says what a script has for each turn, to any agent that speaks Anthropic's or OpenAI's protocol. The number of a turn
/// is how many turns the request holds already, so that a repeated request gets the same answer.
public final class ScriptedModel: Sendable {
    /// What is said in a turn, counted from 0, to a request.
    public typealias Script = @Sendable (_ turn: Int, _ request: ModelRequest) -> ModelTurn

    /// Where it listens on 127.0.0.1.
    public let port: Int

    private let script: Script
    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel
    private let state: Recording

    /// What was asked of it.
    final class Recording: Sendable {
        let requests = Mutex<[ModelRequest]>([])
        let others = Mutex<[String]>([])
    }

    /// Listens.
    /// - Parameters:
    ///   - namespace: The network in which it can be reached; nil for this machine's.
    ///   - turns: What it says, one turn after the other; when they are over it says so.
    public convenience init(in namespace: LoopbackNamespace? = nil, _ turns: [ModelTurn]) throws {
        try self.init(in: namespace) { number, _ in number < turns.count ? turns[number] : .say("The script is over.") }
    }

    /// As the other, with turns that depend on what came of those before.
    public init(in namespace: LoopbackNamespace? = nil, script: @escaping Script) throws {
        let (descriptor, port) = try namespace?.run(ScriptedModel.listen) ?? ScriptedModel.listen()
        self.port = port
        self.script = script
        let state = Recording()
        self.state = state
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        channel = try ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline()
                    try channel.pipeline.syncOperations.addHandler(ModelConnection(script: script, state: state))
                }
            }
            .withBoundSocket(descriptor).wait()
    }

    deinit {
        channel.close(promise: nil)
        group.shutdownGracefully { _ in }
    }

    /// Every request for a turn so far, in the order in which they came.
    public var requests: [ModelRequest] { state.requests.withLock { $0 } }

    /// The first lines of what else was asked of it.
    public var otherRequests: [String] { state.others.withLock { $0 } }

    /// What the last request has of all calls.
    public var results: [ModelToolResult] { requests.last?.results ?? [] }

    /// A socket that listens on a free port.
    private static func listen() throws -> (descriptor: Int32, port: Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && Glibc.listen(descriptor, 64) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw TestFailure("nothing can listen on 127.0.0.1: \(String(cString: strerror(errno)))") }
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }
}

/// One connection of an agent.
///
/// `@unchecked Sendable`: it is touched by its event loop only.
private final class ModelConnection: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let script: ScriptedModel.Script
    private let state: ScriptedModel.Recording
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(script: @escaping ScriptedModel.Script, state: ScriptedModel.Recording) {
        self.script = script
        self.state = state
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
        case .body(let part): body += part.readableBytesView
        case .end:
            guard let head else { return }
            answer(head, context)
        }
    }

    private func answer(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let path = String(head.uri.split(separator: "?").first ?? "")
        var bounds = JSONBounds()
        bounds.depth = 256
        bounds.values = 4_000_000
        bounds.replacesLoneSurrogates = true
        guard head.method == .POST, path.hasSuffix("/messages") || path.hasSuffix("/responses"),
            let value = try? JSONParser.parse(body, bounds)
        else {
            state.others.withLock { $0.append("\(head.method) \(head.uri)") }
            return send(.notFound, "application/json", Array(#"{"error":{"type":"not_found_error","message":"not here"}}"#.utf8), context)
        }
        let request = ModelRequest(path: path, body: value)
        state.requests.withLock { $0.append(request) }
        let number = request.turn
        let turn = script(number, request)
        let events =
            request.isAnthropic
            ? ModelEvents.anthropic(turn, number: number, model: value["model"] ?? .null) : ModelEvents.openAI(turn, number: number)
        send(.ok, "text/event-stream", events, context)
    }

    private func send(_ status: HTTPResponseStatus, _ type: String, _ bytes: [UInt8], _ context: ChannelHandlerContext) {
        let headers: HTTPHeaders = ["Content-Type": type, "Content-Length": String(bytes.count)]
        context.write(wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers))), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(bytes: bytes)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }
}
