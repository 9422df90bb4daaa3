#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import Portal
import Synchronization

/// The person's terminal: questions on it, and one line of progress where standard error is it.
///
/// `@unchecked Sendable`: `line` is guarded by `lock`; the rest does not change.
final class Terminal: @unchecked Sendable {
    /// Progress is shown once something took so long.
    private static let delayNanoseconds: UInt64 = 1_000_000_000

    private let descriptor: Int32
    private let showsProgress = isatty(2) == 1
    private let lock = Mutex<Line>(Line())

    private struct Line {
        var latest: ConnectionProgress?
        var isShown = false
        var isDue = false
        var isArmed = false
        var isOver = false
        /// A question has the line to itself.
        var isAsking = false
    }

    init() { descriptor = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY) }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Whether there is a person to ask. A background job must not ask: it would be stopped unseen.
    var canAsk: Bool { descriptor >= 0 && tcgetpgrp(descriptor) == getpgrp() }

    // MARK: Questions

    /// Asks on the terminal itself, whatever standard input and output are. Nil where the person ends the input.
    func ask(_ text: String, isSecret: Bool) async -> String? {
        lock.withLock { line in
            wipe(&line)
            line.isAsking = true
        }
        defer { lock.withLock { $0.isAsking = false } }
        return await withCheckedContinuation { continuation in
            let thread = ThreadOnce { continuation.resume(returning: self.askBlocking(text, isSecret: isSecret)) }
            thread.start()
        }
    }

    private func askBlocking(_ text: String, isSecret: Bool) -> String? {
        writeAll(descriptor, Array(Printable.text(text, keepsLines: true).utf8))
        var saved = termios()
        tcgetattr(descriptor, &saved)
        if isSecret {
            var silent = saved
            silent.c_lflag &= ~tcflag_t(ECHO)
            tcsetattr(descriptor, TCSAFLUSH, &silent)
        }
        restoreAtExit = (descriptor, saved)
        defer {
            tcsetattr(descriptor, TCSANOW, &saved)
            restoreAtExit = nil
            if isSecret { writeAll(descriptor, [0x0A]) }
        }
        var answer: [UInt8] = []
        while answer.count < 4096 {
            var byte: UInt8 = 0
            let count = read(descriptor, &byte, 1)
            if count < 0 && errno == EINTR { continue }
            guard count == 1 else { return nil }
            if byte == 0x0A { return String(decoding: answer, as: UTF8.self) }
            answer.append(byte)
        }
        return nil
    }

    /// Set while echo is off, so that an interrupted question leaves the terminal as it was.
    nonisolated(unsafe) private var restoreAtExit: (Int32, termios)?

    /// Makes the terminal as it was before a question; called before the program exits in the middle of one.
    func restore() {
        erase()
        if let (descriptor, saved) = restoreAtExit {
            var settings = saved
            tcsetattr(descriptor, TCSANOW, &settings)
        }
    }

    // MARK: Progress

    /// Shows how far connecting is, as soon as it has taken a second.
    func show(_ progress: ConnectionProgress) {
        guard showsProgress else { return }
        let arms = lock.withLock { line -> Bool in
            line.latest = progress
            line.isOver = progress.isReady
            if line.isDue, !line.isOver { draw(&line) }
            if line.isOver { wipe(&line) }
            defer { line.isArmed = true }
            return !line.isArmed && !line.isOver
        }
        guard arms else { return }
        Task {
            try? await Task.sleep(nanoseconds: Terminal.delayNanoseconds)
            lock.withLock { line in
                line.isDue = true
                if !line.isOver { draw(&line) }
            }
        }
    }

    /// Takes the line away, before anything else is printed.
    func erase() { lock.withLock { wipe(&$0) } }

    private func wipe(_ line: inout Line) {
        guard line.isShown else { return }
        if RawTerminal.belongsToOther { RawTerminal.uncover() } else { writeAll(2, Array("\r\u{1B}[K".utf8)) }
        line.isShown = false
    }

    private func draw(_ line: inout Line) {
        guard let progress = line.latest, !line.isAsking else { return }
        var text = "portal: \(Printable.text(progress.text))"
        if let bytes = progress.bytes, bytes.total > 0 {
            let tenths = Int(bytes.done * 20 / bytes.total)
            text += " [" + String(repeating: "#", count: tenths) + String(repeating: ".", count: 20 - tenths) + "]"
            text += " \(bytes.done / 1024) of \(bytes.total / 1024) KiB"
        } else {
            text += " …"
        }
        if RawTerminal.belongsToOther {
            RawTerminal.overdraw(String(text.prefix(Int(RawTerminal.description().columns) - 1)))
        } else {
            writeAll(2, Array("\r\u{1B}[K\(text)".utf8))
        }
        line.isShown = true
    }
}

/// A thread for one blocking call, so that the cooperative pool's few threads are never blocked by a person.
final class ThreadOnce: Sendable {
    private let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) { self.body = body }

    func start() {
        #if canImport(Darwin)
            var thread: pthread_t?
        #else
            var thread = pthread_t()
        #endif
        let argument = Unmanaged.passRetained(self).toOpaque()
        pthread_create(
            &thread, nil,
            { argument in
                #if canImport(Darwin)
                    Unmanaged<ThreadOnce>.fromOpaque(argument).takeRetainedValue().body()
                #else
                    Unmanaged<ThreadOnce>.fromOpaque(argument!).takeRetainedValue().body()
                #endif
                return nil
            }, argument)
        #if canImport(Darwin)
            if let thread { pthread_detach(thread) }
        #else
            pthread_detach(thread)
        #endif
    }
}
