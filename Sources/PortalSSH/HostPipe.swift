import NIOCore

/// How a pipe ended.
public struct HostPipeEnd: Sendable, Hashable {
    /// One line for a person.
    public var reason: String
    /// The executor's exit status, if the host reported one.
    public var exitStatus: Int?
    /// The name of the signal that ended the executor (`KILL`), if the host reported one.
    public var exitSignal: String?
    /// The last 8 KiB that came on its standard error.
    public var stderrTail: [UInt8]

    /// An end.
    public init(reason: String, exitStatus: Int? = nil, exitSignal: String? = nil, stderrTail: [UInt8] = []) {
        self.reason = reason
        self.exitStatus = exitStatus
        self.exitSignal = exitSignal
        self.stderrTail = stderrTail
    }
}

/// One byte pipe to the host's executor.
///
/// Confined to `eventLoop`: every member but `close` is used on it and callbacks are called on it. `Sendable` because that is checked:
/// the stored properties are constants, and all state is in `Link`, whose members check the loop, but for `early`, which is only touched after such a check.
public final class HostPipe: @unchecked Sendable {
    /// The loop that everything happens on.
    public let eventLoop: any EventLoop
    /// Where it comes from; nil where a proxy command carries it.
    public let localAddress: LocalAddress?
    private let link: Link
    /// What came behind the sentinel, until `start`.
    private var early: ByteBuffer?

    init(link: Link, early: ByteBuffer?, localAddress: LocalAddress?) {
        self.localAddress = localAddress
        self.link = link
        self.eventLoop = link.eventLoop
        self.early = early
    }

    deinit { link.close() }

    /// Starts delivery; called once. Bytes that came right behind the sentinel are delivered first, before this returns.
    ///
    /// - Parameters:
    ///   - onBytes: bytes from the executor, in order. Keep a slice only briefly or copy it: it shares a 64 KiB buffer.
    ///   - onWritable: `pendingBytes` fell below 256 KiB after it had reached 512 KiB.
    ///   - onClosed: the end, once; nothing is called after it. Also called after `close`.
    public func start(
        onBytes: @escaping (ByteBuffer) -> Void, onWritable: @escaping () -> Void, onClosed: @escaping (HostPipeEnd) -> Void
    ) {
        eventLoop.preconditionInEventLoop()
        if let early {
            self.early = nil
            onBytes(early)
        }
        link.attach(Link.Handlers(onBytes: onBytes, onWritable: onWritable, onClosed: onClosed))
    }

    /// Sends the bytes after all before them. Always accepts; look at `pendingBytes`. Dropped after the end.
    public func write(_ bytes: ByteBuffer) { link.write(bytes) }

    /// Accepted, not yet handed to the kernel.
    public var pendingBytes: Int { link.pendingBytes }

    /// Stops taking bytes from the channel: its window closes and the executor's writes wait.
    public func pauseReading() { link.setPaused(true) }

    /// Takes bytes again.
    public func resumeReading() { link.setPaused(false) }

    /// Sends what is queued, then closes; done within 2 s whatever the host does. May be called on any thread.
    public func close() { link.close() }
}
