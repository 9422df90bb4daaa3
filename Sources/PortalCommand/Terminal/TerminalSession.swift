#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import Dispatch
import Portal
import PortalWire
import Synchronization

/// What a terminal session talks to: a process that was started for it, or one that it is attached to.
protocol TerminalPeer: Sendable {
    /// Takes what was typed.
    func send(_ bytes: [UInt8]) async
    /// The input here has ended.
    func endInput() async
    /// Whether the process has a terminal of its own, which keys and sizes are for.
    var hasTerminal: Bool { get }
    /// The terminal here has another size.
    func resize(_ size: ProcessTerminal) async
    /// The next output; nil at the end.
    func next() async -> RemoteProcess.Output?
    /// The person leaves, or a signal ends this program.
    func leave(signal: Int32?)
}

/// Keys to the other side and output from it, until one of them has enough. The terminal is raw meanwhile where both sides have one.
final class TerminalSession: Sendable {
    /// Why it is over.
    enum Ending: Sendable, Equatable {
        /// The output has ended.
        case ended
        /// `~.` was typed, or a terminal that is not raw interrupted.
        case left
        /// A signal ends this program.
        case signal(Int32)
        /// The output cannot be written: an errno, EPIPE where nobody reads it any more.
        case unread(Int32)
    }

    /// How long the other side may take to end once the person has left.
    private static let farewellNanoseconds: UInt64 = 2_000_000_000

    private let peer: any TerminalPeer
    private let escapes: String
    private let isRaw: Bool
    private let ending = Mutex<Ending?>(nil)
    private let modes = Mutex(ScreenModes())
    /// What the other side is to be told of the screen.
    private enum ScreenChange: Sendable { case size, overdrawn }
    private let changes: AsyncStream<ScreenChange>.Continuation
    private let screenChanges: AsyncStream<ScreenChange>
    private let signals = DispatchQueue(label: "portal.terminal")
    nonisolated(unsafe) private var sources: [any DispatchSourceSignal] = []  // Set once, in `run`, before anything else happens.

    /// - Parameter escapes: What `~?` shows.
    init(peer: any TerminalPeer, escapes: String) {
        self.peer = peer
        self.escapes = escapes
        isRaw = peer.hasTerminal && RawTerminal.isThere
        (screenChanges, changes) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Runs until the output ends. The terminal is then what it was.
    func run() async -> Ending {
        watchSignals()
        if isRaw {
            RawTerminal.begin()
            RawTerminal.whenOverdrawn { [changes] in changes.yield(.overdrawn) }
        }
        let resizing = Task { [self] in
            for await change in screenChanges where peer.hasTerminal {
                if change == .overdrawn { await peer.resize(RawTerminal.anotherSize()) }
                await peer.resize(RawTerminal.description())
            }
        }
        Task { [self] in await sendInput() }
        while let piece = await peer.next() {
            if isRaw { modes.withLock { $0.take(piece.bytes) } }
            let problem = await Blocking.value { writeAll(piece.isError ? 2 : 1, piece.bytes) }
            if let problem { over(.unread(problem), signal: SIGPIPE) }
        }
        RawTerminal.whenOverdrawn(nil)
        changes.finish()
        resizing.cancel()
        restore()
        return ending.withLock { $0 } ?? .ended
    }

    // MARK: Input

    private func sendInput() async {
        var filter = EscapeFilter()
        while true {
            let bytes = await Blocking.input()
            guard !bytes.isEmpty else { break }
            for event in RawTerminal.isThere ? filter.take(bytes) : [.send(bytes)] { await handle(event) }
        }
        for event in filter.end() { await handle(event) }
        await peer.endInput()
    }

    private func handle(_ event: EscapeFilter.Event) async {
        switch event {
        case .send(let bytes): await peer.send(bytes)
        case .leave: over(.left, signal: nil)
        case .suspend:
            RawTerminal.restore()
            // The whole job stops, as the terminal would stop it. SIGCONT makes the terminal raw again.
            kill(0, SIGTSTP)
        case .help:
            let lines = isRaw ? escapes.split(separator: "\n").joined(separator: "\r\n") : escapes
            writeAll(2, Array((isRaw ? "\r\n\(lines)\r\n" : "\(lines)\n").utf8))
        }
    }

    /// The peer is told once; the program ends with or without its answer.
    private func over(_ reason: Ending, signal: Int32?) {
        let isFirst = ending.withLock { ending -> Bool in
            defer { if ending == nil { ending = reason } }
            return ending == nil
        }
        guard isFirst else { return }
        peer.leave(signal: signal)
        Task {
            try? await Task.sleep(nanoseconds: TerminalSession.farewellNanoseconds)
            restore()
            switch reason {
            case .signal(let number): endProgram(128 + number)
            case .unread(let code): endProgram(Output.unwritable(code))
            case .left, .ended: endProgram(failureStatus)
            }
        }
    }

    /// The terminal as it was, with what a program there left switched on undone.
    private func restore() {
        let undoing = modes.withLock { modes in
            defer { modes = ScreenModes() }
            return modes.undoing + (modes.isMidLine && ending.withLock { $0 != nil } ? [0x0D, 0x0A] : [])
        }
        if isRaw { writeAll(1, undoing) }
        RawTerminal.restore()
    }

    // MARK: Signals

    private func watchSignals() {
        func watch(_ number: Int32, _ body: @escaping @Sendable () -> Void) {
            let source = DispatchSource.makeSignalSource(signal: number, queue: signals)
            source.setEventHandler(handler: body)
            source.activate()
            sources.append(source)
        }
        watch(SIGWINCH) { [changes] in changes.yield(.size) }
        watch(SIGCONT) { [self] in
            if isRaw, tcgetpgrp(0) == getpgrp() { RawTerminal.begin() }
            changes.yield(.size)
        }
        for number in [SIGTERM, SIGHUP] {
            ignoreSignal(number)
            watch(number) { [self] in over(.signal(number), signal: number) }
        }
        // From a raw terminal ^C is a key like others.
        ignoreSignal(SIGINT)
        watch(SIGINT) { [self] in over(isRaw ? .signal(SIGINT) : .left, signal: SIGINT) }
    }
}
