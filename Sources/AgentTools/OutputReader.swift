import Portal
import PortalWire
import Synchronization

/// Reads what a command prints, beside whoever waits for its end: a link that is lost meanwhile must not make that wait longer.
final class OutputReader: Sendable {
    /// How the reading ended: with the command, or because it cannot be read any more.
    let ended = Promise<Result<ProcessOutputResult, PortalError>>()
    private let state = Mutex(State())
    private let reading: Mutex<Task<Void, Never>?> = Mutex(nil)

    private struct State {
        var text = KeptText()
        /// What came on standard error of a command that reports there.
        var report: [UInt8] = []
        var first: UInt64 = 0
        var position: UInt64 = 0
    }

    private static let longestReport = 16 * 1024

    /// What was read so far, the number of its first byte, and up to which byte that is.
    var read: (text: KeptText, report: [UInt8], first: UInt64, position: UInt64) {
        state.withLock { ($0.text, $0.report, $0.first, $0.position) }
    }

    /// Begins to read.
    /// - Parameters:
    ///   - output: What is read.
    ///   - from: The number of its first byte.
    ///   - follows: Whether it is read on where the host has ended the reading and the command runs.
    func begin(
        _ command: ShellCommand, _ output: KeptOutput, from: UInt64 = 0, follows: Bool = true, progress: ToolProgressHandler?
    ) {
        state.withLock { state in
            state.first = from
            state.position = from
        }
        let task = Task { [self] in
            do throws(PortalError) {
                var output = output
                while true {
                    let result = try await take(output, of: command, progress)
                    // Whoever follows and falls behind what is kept is told to come back.
                    guard follows, result.running, !Task.isCancelled else {
                        if let end = result.end { command.end = end }
                        return ended.fulfil(.success(result))
                    }
                    output = try await command.process.output(from: result.next, follow: true)
                }
            } catch {
                ended.fulfil(.failure(error))
            }
        }
        reading.withLock { $0 = task }
    }

    /// Stops the reading; the command goes on.
    func stop() { reading.withLock { $0 }?.cancel() }

    private func take(
        _ output: KeptOutput, of command: ShellCommand, _ progress: ToolProgressHandler?
    ) async throws(PortalError) -> ProcessOutputResult {
        var pieces = TextPieces()
        var iterator = output.makeAsyncIterator()
        while let piece = await iterator.next() {
            state.withLock { state in
                state.position += UInt64(piece.bytes.count)
                if command.reports, piece.isError {
                    state.report = (state.report + piece.bytes).suffix(OutputReader.longestReport)
                } else {
                    state.text.add(piece.bytes)
                }
            }
            if let progress, !(command.reports && piece.isError) {
                let text = pieces.take(piece.bytes)
                if !text.isEmpty { await progress(.output(text)) }
            }
        }
        let result = try await output.result()
        state.withLock { state in
            state.text.skip(result.lost)
            state.position = max(state.position, result.next)
        }
        return result
    }
}
