#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import PortalWire
import Synchronization

/// Standard input's terminal in raw mode: each key goes to the other side as it is. It becomes what it was on every way out of the program
/// that can be caught.
enum RawTerminal {
    /// What the terminal was; set once, before any of the ways out can be taken.
    nonisolated(unsafe) private static var saved = termios()
    /// Whether it is raw now. A signal handler may read it at any moment: it is one word, and set after `saved`.
    nonisolated(unsafe) private static var isRaw: sig_atomic_t = 0
    nonisolated(unsafe) private static var isPrepared = false
    /// Asks the other side to draw its screen again.
    private static let redraw = Mutex<(@Sendable () -> Void)?>(nil)

    /// Whether there is a terminal to be made raw.
    static var isThere: Bool { isatty(0) == 1 }

    /// Makes it raw. Call it again after `restore()`.
    static func begin() {
        guard isThere, tcgetattr(0, &saved) == 0 else { return }
        prepare()
        var raw = saved
        cfmakeraw(&raw)
        guard tcsetattr(0, TCSADRAIN, &raw) == 0 else { return }
        isRaw = 1
    }

    /// Makes it what it was. Does nothing else that a signal handler may not do.
    static func restore() {
        guard isRaw != 0 else { return }
        isRaw = 0
        tcsetattr(0, TCSADRAIN, &saved)
    }

    private static func prepare() {
        guard !isPrepared else { return }
        isPrepared = true
        atexit { RawTerminal.restore() }
        // A trap of this program's own, too: the shell that is left behind must have its echo.
        for number in [SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGABRT, SIGFPE, SIGQUIT] {
            signal(number) { number in
                RawTerminal.restore()
                signal(number, SIG_DFL)
                raise(number)
            }
        }
    }

    // MARK: A line over the other side's screen

    /// Whether the screen is the other side's: what is to be said here must leave its cursor where it is.
    static var belongsToOther: Bool { isRaw != 0 }

    /// Says who makes the other side draw its screen again; nil for nobody.
    static func whenOverdrawn(_ action: (@Sendable () -> Void)?) { redraw.withLock { $0 = action } }

    /// Shows a line in the last row, for as long as it says something else than the row's program.
    static func overdraw(_ text: String) { writeAll(2, Array("\u{1B}7\u{1B}[999;1H\u{1B}[7m\(text)\u{1B}[0m\u{1B}[K\u{1B}8".utf8)) }

    /// Takes the line away. What was below it only the other side knows.
    static func uncover() {
        writeAll(2, Array("\u{1B}7\u{1B}[999;1H\u{1B}[K\u{1B}8".utf8))
        redraw.withLock { $0 }?()
    }

    /// A size that this terminal does not have: only a change makes the other side draw its screen again.
    static func anotherSize() -> ProcessTerminal {
        var size = description()
        size.columns = size.columns > 1 ? size.columns - 1 : 2
        return size
    }

    /// The terminal for the other side: its size, and what it is called. Where there is none, 24 lines of 80.
    static func description() -> ProcessTerminal {
        var size = winsize()
        let isKnown = ioctl(isThere ? 0 : 1, UInt(TIOCGWINSZ), &size) == 0 && size.ws_row > 0 && size.ws_col > 0
        return ProcessTerminal(
            rows: isKnown ? size.ws_row : 24, columns: isKnown ? size.ws_col : 80, term: environmentVariable("TERM").map { Array($0.utf8) })
    }
}
