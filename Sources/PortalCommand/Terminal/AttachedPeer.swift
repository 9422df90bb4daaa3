import Portal
import PortalWire
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A background process that the session is attached to: it goes on when the person leaves.
final class AttachedPeer: TerminalPeer {
    private struct State {
        var output: KeptOutput?
        var isLeft = false
        var hasComplained = false
        var result: Result<ProcessOutputResult, PortalError>?
    }

    private let process: BackgroundProcess
    let hasTerminal: Bool
    private let state = Mutex(State())

    /// - Parameter output: What it prints, followed.
    init(_ process: BackgroundProcess, hasTerminal: Bool, output: KeptOutput) {
        self.process = process
        self.hasTerminal = hasTerminal
        state.withLock { $0.output = output }
    }

    /// How the process ended; nil where it goes on.
    func end() throws(PortalError) -> ProcessEnd? { try state.withLock { $0.result }?.get().end }

    func send(_ bytes: [UInt8]) async { await write(bytes, end: false) }

    func endInput() async { await write([], end: true) }

    private func write(_ bytes: [UInt8], end: Bool) async {
        do throws(PortalError) {
            try await process.write(bytes, end: end)
        } catch {
            let isNew = state.withLock { state in
                defer { state.hasComplained = true }
                return !state.hasComplained && !state.isLeft
            }
            // The end of an input that it never took is no news, and neither is what comes after its own end.
            if isNew, !end, error.code != .notFound { complain("portal: \(Printable.line(error.message))") }
        }
    }

    func resize(_ size: ProcessTerminal) async {
        try? await process.resize(rows: size.rows, columns: size.columns)
    }

    /// Makes what runs there draw its screen again: only another size makes it do that.
    func redraw() async {
        await resize(RawTerminal.anotherSize())
        await resize(RawTerminal.description())
    }

    func next() async -> RemoteProcess.Output? {
        while let output = state.withLock({ $0.isLeft ? nil : $0.output }) {
            var pieces = output.makeAsyncIterator()
            if let piece = await pieces.next() { return piece }
            let result: Result<ProcessOutputResult, PortalError>
            do throws(PortalError) { result = .success(try await output.result()) } catch { result = .failure(error) }
            state.withLock { $0.result = result }
            guard case .success(let reached) = result, reached.running, !state.withLock({ $0.isLeft }) else { return nil }
            // More was printed than is kept while this was slow: from there on.
            do throws(PortalError) {
                let next = try await process.output(from: reached.next, follow: true)
                state.withLock { $0.output = next }
            } catch {
                state.withLock { $0.result = .failure(error) }
                return nil
            }
        }
        return nil
    }

    func leave(signal: Int32?) {
        let output = state.withLock { state in
            state.isLeft = true
            return state.output
        }
        output?.cancel()
    }
}
