import Dispatch
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The end of a program that serves an agent: with its input, with its output, or with a signal, whichever is first. What runs on the host is
/// ended once.
///
/// `@unchecked Sendable`: `sources` is set once, before anything else can touch it.
final class DoorEnd: @unchecked Sendable {
    private let body = Mutex<(@Sendable () async -> Void)?>(nil)
    private var sources: [any DispatchSourceSignal] = []

    /// What is to be done at the end, which ends the program. From now on signals are ends, too.
    func whenEnded(_ body: @escaping @Sendable () async -> Void) {
        self.body.withLock { $0 = body }
        for number in [SIGINT, SIGTERM, SIGHUP] {
            ignoreSignal(number)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { [weak self] in self?.end() }
            source.activate()
            sources.append(source)
        }
    }

    /// It has come.
    func end() {
        guard let body = body.withLock({ $0.take() }) else { return }
        Task { await body() }
    }

    /// Waits for the end of the program.
    func never() async {
        while true { try? await Task.sleep(for: .seconds(3600)) }
    }
}
