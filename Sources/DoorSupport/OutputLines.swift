import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Lines for a descriptor, such as the answers on standard output: each whole, in the order in which they were given. Writing waits on a
/// thread of its own.
public final class OutputLines: Sendable {
    /// Bytes that may wait to be written before whoever writes more waits.
    private static let bound = 4 * 1024 * 1024

    private struct State {
        var waiting: [UInt8] = []
        var isWriting = false
        var isBroken = false
        var writers: [CheckedContinuation<Void, Never>] = []
    }

    private let descriptor: Int32
    private let whenBroken: @Sendable (_ errno: Int32) -> Void
    private let pool = NIOThreadPool(numberOfThreads: 1)
    private let state = Mutex(State())

    /// - Parameters:
    ///   - descriptor: What is written to. It stays the caller's.
    ///   - whenBroken: Hears once, on any thread, that nothing can be written any more; what is given from then on is dropped. SIGPIPE must
    ///     be ignored.
    public init(descriptor: Int32 = 1, whenBroken: @escaping @Sendable (_ errno: Int32) -> Void) {
        self.descriptor = descriptor
        self.whenBroken = whenBroken
        pool.start()
    }

    /// Writes a line, to which the line feed is added. Returns when it is taken, which it is at once unless the reader is far behind.
    public func write(_ line: [UInt8]) async {
        post(line)
        await withCheckedContinuation { continuation in
            let goesOn = state.withLock { state -> Bool in
                if state.waiting.count <= Self.bound { return true }
                state.writers.append(continuation)
                return false
            }
            if goesOn { continuation.resume() }
        }
    }

    /// As `write`, but never waits: for what is small and rare.
    public func post(_ line: [UInt8]) {
        let begins = state.withLock { state -> Bool in
            if state.isBroken { return false }
            state.waiting += line
            state.waiting.append(0x0A)
            defer { state.isWriting = true }
            return !state.isWriting
        }
        if begins { pool.submit { [self] _ in drain() } }
    }

    /// Returns when everything that was given is written, or cannot be.
    public func flush() async {
        while state.withLock({ $0.isWriting }) {
            await withCheckedContinuation { continuation in pool.submit { _ in continuation.resume() } }
        }
    }

    private func drain() {
        while true {
            let (bytes, writers) = state.withLock { state -> ([UInt8], [CheckedContinuation<Void, Never>]) in
                defer {
                    state.isWriting = !state.waiting.isEmpty
                    state.waiting = []
                    state.writers = []
                }
                return (state.waiting, state.writers)
            }
            for writer in writers { writer.resume() }
            if bytes.isEmpty { return }
            guard let error = writeAll(bytes) else { continue }
            let writersLeft = state.withLock { state -> [CheckedContinuation<Void, Never>] in
                defer { state = State(isBroken: true) }
                return state.writers
            }
            for writer in writersLeft { writer.resume() }
            return whenBroken(error)
        }
    }

    /// Writes everything, or returns the errno that kept it from doing so.
    private func writeAll(_ bytes: [UInt8]) -> Int32? {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                #if canImport(Darwin)
                    Darwin.write(descriptor, buffer.baseAddress! + written, buffer.count - written)
                #elseif canImport(Musl)
                    Musl.write(descriptor, buffer.baseAddress! + written, buffer.count - written)
                #else
                    Glibc.write(descriptor, buffer.baseAddress! + written, buffer.count - written)
                #endif
            }
            if count >= 0 {
                written += count
            } else if errno == EAGAIN {
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&waiting, 1, -1)
            } else if errno != EINTR {
                return errno
            }
        }
        return nil
    }
}
