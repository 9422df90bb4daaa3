import Dispatch
import Portal

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// ^C and its kin: the first is passed to the command's processes, which get some time; the second kills them; the third ends this program. So
/// does time, where the host does not say that they have ended.
///
/// `@unchecked Sendable`: what changes is only touched on `queue`, where the signals arrive; `signal` reads it there.
final class Interrupts: @unchecked Sendable {
    private let graceMilliseconds: UInt64
    private let answerMilliseconds: Int
    private let end: @Sendable (_ status: Int32) -> Void
    let queue = DispatchQueue(label: "portal.signals")
    private var sources: [any DispatchSourceSignal] = []
    private var received: Int32?
    private var count = 0

    /// - Parameters:
    ///   - graceMilliseconds: What the command's processes get before they are killed.
    ///   - answerMilliseconds: What the host gets, after that, to say that they are gone. It waits five seconds for them itself.
    ///   - end: Ends the program, with a status.
    init(
        graceMilliseconds: UInt64 = 10_000, answerMilliseconds: Int = 10_000,
        end: @escaping @Sendable (_ status: Int32) -> Void = { endProgram($0) }
    ) {
        self.graceMilliseconds = graceMilliseconds
        self.answerMilliseconds = answerMilliseconds
        self.end = end
    }

    /// The first signal that came.
    var signal: Int32? { queue.sync { received } }

    func begin(terminal: Terminal, process: RemoteProcess) {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            ignoreSignal(number)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { [self] in receive(number, terminal, process) }
            source.activate()
            sources.append(source)
        }
    }

    /// A signal came. Called on `queue`.
    func receive(_ number: Int32, _ terminal: Terminal, _ process: RemoteProcess) {
        terminal.restore()
        count += 1
        switch count {
        case 1:
            received = number
            process.cancel(signal: number, graceMilliseconds: graceMilliseconds)
            queue.asyncAfter(deadline: .now() + .milliseconds(Int(graceMilliseconds) + answerMilliseconds)) { [self] in
                // What is left to be printed may take its time.
                if !process.hasEnded { giveUp(number) }
            }
        case 2: process.cancel()
        default: giveUp(number)
        }
    }

    private func giveUp(_ number: Int32) {
        complain("portal: the host does not say that the command has ended; it is told to end it as soon as it can be")
        end(128 + number)
    }
}
