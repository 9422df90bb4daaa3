import CExecutorPlatform
import PortalWire

/// The link's bytes: one pair of descriptors after the other, or none.
final class LinkPipe {
    private static let readLength = 64 * 1024
    /// Pieces below this are copied together, so that a turn's small frames are one write.
    private static let gatherLength = 16 * 1024

    var onBytes: ((UnsafeRawBufferPointer) -> Void)?
    var onEnd: (() -> Void)?
    private(set) var unsentBytes = 0
    private(set) var bytesOut: UInt64 = 0
    private let loop: EventLoop
    private let buffer = UnsafeMutableRawPointer.allocate(byteCount: readLength, alignment: 16)
    private var link = platform_link()
    private var input: Watch?
    private var output: Watch?
    private var channel: Watch?
    private(set) var isOpen = false
    private var pieces: [[UInt8]] = []
    private var firstPiece = 0
    private var offset = 0
    private var isBlocked = false
    private var hasFailed = false

    init(loop: EventLoop) { self.loop = loop }

    deinit { buffer.deallocate() }

    func open(_ link: platform_link) {
        self.link = link
        isOpen = true
        _ = platform_set_nonblocking(link.input)
        _ = platform_set_nonblocking(link.output)
        input = loop.watch(link.input, EventLoop.readable) { [self] _ in read() }
        // Whoever handed the link over says nothing: what can be read there is its end.
        if link.channel >= 0 { channel = loop.watch(link.channel, EventLoop.readable) { [self] _ in onEnd?() } }
    }

    /// Closes the link, and forgets what was not written.
    func close() {
        guard isOpen else { return }
        isOpen = false
        end(&input)
        end(&output)
        end(&channel)
        platform_close(link.input)
        platform_close(link.output)
        platform_close(link.channel)
        pieces = []
        firstPiece = 0
        offset = 0
        unsentBytes = 0
        isBlocked = false
        hasFailed = false
    }

    @inline(never)
    private func end(_ watch: inout Watch?) {
        if let watch { loop.unwatch(watch) }
        watch = nil
    }

    /// Tells whoever handed the link over what to exit with; without that it is 0.
    func say(status: UInt8) {
        if isOpen { _ = platform_write(link.channel, [status], 1) }
    }

    /// Stops or resumes reading.
    func setReading(_ isReading: Bool) {
        if let input { loop.setInterests(input, isReading ? EventLoop.readable : 0) }
    }

    private func read() {
        let count = platform_read(link.input, buffer, LinkPipe.readLength)
        if count > 0 {
            onBytes?(UnsafeRawBufferPointer(start: buffer, count: Int(count)))
        } else if count == 0 || platform_errno_name(Int32(count)) != PLATFORM_EAGAIN {
            onEnd?()
        }
    }

    /// Takes bytes to be sent by `flush`.
    func queue(_ bytes: [UInt8]) {
        unsentBytes += bytes.count
        if let last = pieces.last, firstPiece < pieces.count - 1 || offset == 0, last.count + bytes.count <= LinkPipe.gatherLength {
            pieces[pieces.count - 1].add(bytes)
        } else {
            pieces.add(bytes)
        }
    }

    /// Writes what the pipe takes; the rest follows when it can.
    func flush() {
        if !isBlocked { writePieces() }
    }

    private func writePieces() {
        while firstPiece < pieces.count, !hasFailed {
            let start = offset
            let written = pieces[firstPiece].withUnsafeBytes { bytes in
                platform_write(link.output, bytes.baseAddress.map { $0 + start }, bytes.count - start)
            }
            if written < 0 {
                if platform_errno_name(Int32(written)) == PLATFORM_EAGAIN { return wait() }
                hasFailed = true
                unsentBytes = 0
                onEnd?()
                return
            }
            unsentBytes -= Int(written)
            bytesOut += UInt64(written)
            offset += Int(written)
            if offset == pieces[firstPiece].count {
                pieces[firstPiece] = []
                firstPiece += 1
                offset = 0
            }
        }
        pieces = []
        firstPiece = 0
    }

    private func wait() {
        isBlocked = true
        let resume: (UInt32) -> Void = { [self] _ in
            // Nobody asked: nobody reads there any more.
            guard isBlocked else { return onEnd?() ?? () }
            isBlocked = false
            if let output { loop.setInterests(output, 0) }
            writePieces()
        }
        if let output {
            loop.setInterests(output, EventLoop.writable)
        } else {
            output = loop.watch(link.output, EventLoop.writable, action: resume)
        }
    }

    /// Writes everything, waiting for at most so long.
    func flushWaiting(milliseconds: Int32) {
        let deadline = platform_clock() + UInt64(milliseconds) * 1_000_000
        while unsentBytes > 0, !hasFailed {
            writePieces()
            let now = platform_clock()
            guard unsentBytes > 0, now < deadline else { return }
            _ = platform_wait_ready(link.output, EventLoop.writable, Int32((deadline - now) / 1_000_000 + 1))
        }
    }
}
