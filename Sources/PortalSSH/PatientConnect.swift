import NIOCore
import NIOPosix

/// Connects to one address, and keeps asking: every two seconds with one more socket beside those that have got no answer yet, the first of
/// which to be connected is the connection. Confined to its event loop.
///
/// A kernel that asked in vain asks again later and later, up to half a minute. A network that is back would be noticed that much later.
final class PatientConnect {
    private static let step = TimeAmount.seconds(2)

    private let eventLoop: any EventLoop
    private let address: SocketAddress
    private let deadline: NIODeadline
    private let handler: any ChannelHandler & Sendable
    private let promise: EventLoopPromise<any Channel>
    private var pending: [ObjectIdentifier: any Channel] = [:]
    private var task: RepeatedTask?
    private var limitTask: Scheduled<Void>?
    private var isOver = false

    private init(
        _ address: SocketAddress, _ limit: TimeAmount, _ handler: any ChannelHandler & Sendable, _ eventLoop: any EventLoop
    ) {
        self.address = address
        self.handler = handler
        self.eventLoop = eventLoop
        deadline = .now() + limit
        promise = eventLoop.makePromise()
    }

    /// A connected channel with `handler` in its pipeline.
    /// - Throws: What the first socket that was refused, or otherwise failed, said; `ChannelError.connectTimeout` after the limit.
    static func connect(
        to address: SocketAddress, within limit: TimeAmount, handler: any ChannelHandler & Sendable, on eventLoop: any EventLoop
    ) async throws -> any Channel {
        try await eventLoop.flatSubmit {
            let connecting = PatientConnect(address, limit, handler, eventLoop)
            connecting.begin()
            return connecting.promise.futureResult
        }.get()
    }

    private func begin() {
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        limitTask = eventLoop.scheduleTask(deadline: deadline) {
            bound.value.finish(.failure(ChannelError.connectTimeout(.zero)))
        }
        task = eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: PatientConnect.step) { _ in bound.value.ask() }
    }

    private func ask() {
        guard !isOver else { return }
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        ClientBootstrap(group: eventLoop)
            .connectTimeout(max(.milliseconds(1), deadline - .now()))
            .channelOption(.socketOption(.tcp_nodelay), value: 1)
            .channelOption(.autoRead, value: false)
            .channelInitializer { channel in
                bound.value.pending[ObjectIdentifier(channel)] = channel
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .connect(to: address)
            .assumeIsolated().whenComplete { [self] result in
                if isOver, case .success(let channel) = result { return channel.close(promise: nil) }
                finish(result)
            }
    }

    /// Nothing was read so far, so that the handler misses nothing.
    private func begin(_ channel: any Channel) -> Result<any Channel, any Error> {
        Result {
            try channel.pipeline.syncOperations.addHandler(handler)
            try channel.syncOptions?.setOption(.autoRead, value: true)
            return channel
        }
    }

    private func finish(_ result: Result<any Channel, any Error>) {
        guard !isOver else { return }
        isOver = true
        task?.cancel()
        limitTask?.cancel()
        if case .success(let channel) = result { pending[ObjectIdentifier(channel)] = nil }
        let others = pending.values
        pending = [:]
        promise.completeWith(result.flatMap(begin))
        for channel in others { channel.close(promise: nil) }
    }
}
