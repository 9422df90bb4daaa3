import NIOPosix
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The lines of a descriptor, such as an agent's requests on standard input. Reading waits on a thread of its own.
public final class InputLines: Sendable {
    /// A line, or what is said of one that is not kept.
    public enum Line: Sendable, Equatable {
        /// Its bytes without the line feed, and without a carriage return before that.
        case bytes([UInt8])
        /// It was longer than is allowed, and was skipped; how many bytes it had.
        case tooLong(Int)
    }

    private struct State {
        var splitter: LineSplitter
        var hasEnded = false
    }

    private let descriptor: Int32
    private let pool = NIOThreadPool(numberOfThreads: 1)
    private let state: Mutex<State>

    /// - Parameters:
    ///   - descriptor: What is read. It stays the caller's, and must stay open.
    ///   - maximumLength: The longest line that is kept, in bytes.
    public init(descriptor: Int32 = 0, maximumLength: Int) {
        self.descriptor = descriptor
        state = Mutex(State(splitter: LineSplitter(maximumLength: maximumLength)))
        pool.start()
    }

    /// The next line; nil at the end of the input. A last line needs no line feed. Only one task may ask.
    public func next() async -> Line? {
        while true {
            let (line, hasEnded) = state.withLock { state in (state.splitter.next(atEnd: state.hasEnded), state.hasEnded) }
            if line != nil || hasEnded { return line }
            let bytes = await read()
            state.withLock { state in
                if bytes.isEmpty { state.hasEnded = true } else { state.splitter.add(bytes) }
            }
        }
    }

    /// Some bytes; none at the end, and where the descriptor cannot be read.
    private func read() async -> [UInt8] {
        await withCheckedContinuation { continuation in
            pool.submit { [descriptor] _ in
                continuation.resume(
                    returning: [UInt8](unsafeUninitializedCapacity: 256 * 1024) { buffer, count in
                        var result: Int
                        repeat {
                            #if canImport(Darwin)
                                result = Darwin.read(descriptor, buffer.baseAddress, buffer.count)
                            #elseif canImport(Musl)
                                result = Musl.read(descriptor, buffer.baseAddress, buffer.count)
                            #else
                                result = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
                            #endif
                            if result < 0, errno == EAGAIN {
                                var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                                poll(&waiting, 1, -1)
                            }
                        } while result < 0 && (errno == EINTR || errno == EAGAIN)
                        count = max(0, result)
                    })
            }
        }
    }
}

/// Cuts bytes into lines. Each byte is looked at once, however long its line is.
struct LineSplitter {
    private let maximumLength: Int
    private var bytes: [UInt8] = []
    private var start = 0
    /// Up to here there is no line feed from `start` on.
    private var searched = 0
    /// Bytes of the line that is being skipped; nil where none is.
    private var skipped: Int?

    init(maximumLength: Int) { self.maximumLength = maximumLength }

    mutating func add(_ more: [UInt8]) {
        if start == bytes.count {
            bytes = more
            start = 0
            searched = 0
        } else {
            if start > bytes.count / 2 {
                bytes.removeFirst(start)
                searched -= start
                start = 0
            }
            bytes += more
        }
    }

    /// The next whole line, or at the end of all bytes what is left.
    mutating func next(atEnd: Bool) -> InputLines.Line? {
        let end = bytes.withUnsafeBytes { buffer -> Int? in
            guard searched < buffer.count, let base = buffer.baseAddress,
                let found = memchr(base + searched, 0x0A, buffer.count - searched)
            else { return nil }
            return base.distance(to: UnsafeRawPointer(found))
        }
        guard let end else {
            searched = bytes.count
            return atEnd ? rest() : dropTooLong()
        }
        defer {
            start = end + 1
            searched = start
        }
        if let before = skipped.take() { return .tooLong(before + end - start) }
        if end - start > maximumLength { return .tooLong(end - start) }
        return .bytes(Array(bytes[start..<(end > start && bytes[end - 1] == 0x0D ? end - 1 : end)]))
    }

    /// What has no line feed behind it, once.
    private mutating func rest() -> InputLines.Line? {
        let count = bytes.count - start
        defer { start = bytes.count }
        if let before = skipped.take() { return .tooLong(before + count) }
        if count > maximumLength { return .tooLong(count) }
        return count > 0 ? .bytes(Array(bytes[start...])) : nil
    }

    /// A line that is too long already is not collected.
    private mutating func dropTooLong() -> InputLines.Line? {
        if skipped != nil || bytes.count - start > maximumLength {
            skipped = (skipped ?? 0) + bytes.count - start
            bytes = []
            start = 0
            searched = 0
        }
        return nil
    }
}
