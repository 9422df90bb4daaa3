import CExecutorPlatform
import PortalWire

/// One of a process's output pipes, or its terminal. It is read only when its bytes can be sent: a full pipe is what holds the process back.
final class ProcessOutput {
    enum Reading {
        case bytes([UInt8])
        case nothingNow
        case closed
    }

    let stream: StreamName
    /// Whether the pipe may have something: bytes, or its end.
    private(set) var mayHaveMore = true
    private(set) var isClosed = false
    /// Whether it was closed although somebody still holds its other end.
    private(set) var wasLeft = false
    /// Bytes that were taken out of it.
    private(set) var taken: UInt64 = 0
    let descriptor: Int32
    private let loop: EventLoop
    private var watch: Watch?
    /// After the grace: what is still delivered.
    private var remaining: Int?

    init(_ descriptor: Int32, stream: StreamName, loop: EventLoop, onReadable: @escaping () -> Void) {
        self.descriptor = descriptor
        self.stream = stream
        self.loop = loop
        watch = loop.watch(descriptor, EventLoop.readable | EventLoop.edge) { [self] _ in
            mayHaveMore = true
            onReadable()
        }
    }

    func read(_ most: Int) -> Reading {
        guard !isClosed else { return .closed }
        var failure: Int64 = 0
        let bytes = withUnsafeTemporaryAllocation(byteCount: 64 * 1024, alignment: 16) { room -> [UInt8] in
            let count = platform_read(descriptor, room.baseAddress, min(most, room.count, remaining ?? Int.max))
            if count < 0 { failure = count }
            return count > 0 ? Array(UnsafeRawBufferPointer(rebasing: room[0..<Int(count)]).assumingMemoryBound(to: UInt8.self)) : []
        }
        if failure < 0, platform_errno_name(Int32(failure)) == PLATFORM_EAGAIN {
            mayHaveMore = false
            return .nothingNow
        }
        guard !bytes.isEmpty else {
            close()
            return .closed
        }
        taken += UInt64(bytes.count)
        if let rest = remaining {
            remaining = rest - bytes.count
            if rest == bytes.count { leave() }
        }
        return .bytes(bytes)
    }

    /// Only what is in the pipe now is still delivered.
    func endAfterPending() {
        guard !isClosed, remaining == nil else { return }
        let pending = platform_pending(descriptor)
        if pending > 0 {
            remaining = Int(pending)
            mayHaveMore = true
        } else {
            leave()
        }
    }

    private func leave() {
        wasLeft = true
        close()
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        mayHaveMore = false
        if let watch { loop.unwatch(watch) }
        watch = nil
        platform_close(descriptor)
    }
}
