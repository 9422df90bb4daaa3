import Logging
import NIOCore
import NIOPosix

/// Says when this machine's network has changed. Confined to the proxy's event loop.
///
/// On Linux the kernel tells. Elsewhere, and where it may not be asked, nothing is ever said, and a change shows in what it does to the link.
final class NetworkMonitor {
    /// A change comes as many messages: an interface, its addresses, its routes. So long after the first one is looked at what is there now.
    private static let settling = TimeAmount.milliseconds(200)
    /// How soon it is listened again, where the kernel had more to say than there was room for.
    private static let pause = TimeAmount.seconds(1)
    /// Larger than any datagram of the kernel's; what does not fit is lost.
    private static let datagramSize = 32 * 1024

    private let eventLoop: any EventLoop
    private let logger: Logger
    private let changed: () -> Void
    private var isWanted = false
    private var channel: (any Channel)?
    private var settlingTask: Scheduled<Void>?
    private var againTask: Scheduled<Void>?

    /// - Parameter changed: Called when something has changed, and soon again where more does.
    init(eventLoop: any EventLoop, logger: Logger, changed: @escaping () -> Void) {
        self.eventLoop = eventLoop
        self.logger = logger
        self.changed = changed
    }

    /// Begins to listen, unless it does.
    func start() {
        guard !isWanted else { return }
        isWanted = true
        open()
    }

    func stop() {
        isWanted = false
        settlingTask?.cancel()
        settlingTask = nil
        againTask?.cancel()
        againTask = nil
        #if os(Linux)
            reader = nil
        #endif
        channel?.close(promise: nil)
        channel = nil
    }

    fileprivate func noticed() {
        guard isWanted, settlingTask == nil else { return }
        settlingTask = eventLoop.assumeIsolated().scheduleTask(in: NetworkMonitor.settling) { [self] in
            settlingTask = nil
            changed()
        }
    }

    #if os(Linux)
        /// What reads the channel; one that is not this one any more has nothing to say.
        private var reader: RouteReader?

        private func open() {
            let descriptor: CInt
            do throws(ProxyError) { descriptor = try RouteSocket.open() } catch {
                return logger.debug("changes of the network are not noticed here: \(error)")
            }
            let reader = RouteReader(self)
            self.reader = reader
            let handler = NIOLoopBound(reader, eventLoop: eventLoop)
            NIOPipeBootstrap(group: eventLoop)
                .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: NetworkMonitor.datagramSize))
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(handler.value) }
                }
                .takingOwnershipOfDescriptor(input: descriptor)
                .assumeIsolated().whenComplete { [self] result in
                    switch result {
                    case .success(let channel):
                        guard reader === self.reader else { return channel.close(promise: nil) }
                        self.channel = channel
                    case .failure(let error):
                        RouteSocket.close(descriptor)
                        logger.debug("changes of the network are not noticed here: \(error)")
                    }
                }
        }

        /// The kernel had more to say than there was room for: anything may have changed.
        fileprivate func closed(_ reader: RouteReader) {
            guard reader === self.reader, againTask == nil else { return }
            channel = nil
            noticed()
            againTask = eventLoop.assumeIsolated().scheduleTask(in: NetworkMonitor.pause) { [self] in
                againTask = nil
                open()
            }
        }
    #else
        private func open() { logger.debug("changes of the network are not noticed on this system") }
    #endif
}

#if os(Linux)
    /// Brings the kernel's messages to their reader.
    fileprivate final class RouteReader: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private weak var monitor: NetworkMonitor?
        private var changes = NetworkChanges()

        init(_ monitor: NetworkMonitor) { self.monitor = monitor }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            if unwrapInboundIn(data).withUnsafeReadableBytes({ changes.read($0) }) { monitor?.noticed() }
        }

        func channelInactive(context: ChannelHandlerContext) { monitor?.closed(self) }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }
#endif
