import AgentTools
import Synchronization

/// What is said of a call that runs: what it prints, not more often than clients can show it, and that it still runs, so that they do not take it
/// for one that hangs.
final class ProgressFeed: Sendable {
    /// Not more often than this.
    private static let pace = 200
    /// Not more seldom than this.
    private static let quiet = 5000
    /// Bytes of one message: the last that were printed.
    private static let longest = 4096

    private struct State {
        var pending = ""
        var isCut = false
        var loop: Task<Void, Never>?
    }

    private let send: @Sendable (_ number: Int64, _ text: String) async -> Void
    private let state = Mutex(State())

    /// - Parameter send: Sends a message; numbers rise from 1.
    init(send: @escaping @Sendable (_ number: Int64, _ text: String) async -> Void) { self.send = send }

    func begin() {
        let loop = Task { [self] in
            var number: Int64 = 0
            var (silent, running) = (0, 0)
            while true {
                try? await Task.sleep(for: .milliseconds(ProgressFeed.pace))
                if Task.isCancelled { return }
                silent += ProgressFeed.pace
                running += ProgressFeed.pace
                var text = take()
                if text.isEmpty {
                    guard silent >= ProgressFeed.quiet else { continue }
                    text = "running for \(running / 1000) s"
                }
                silent = 0
                number += 1
                await send(number, text)
            }
        }
        state.withLock { $0.loop = loop }
    }

    func hear(_ progress: ToolProgress) {
        state.withLock { state in
            switch progress {
            case .output(let text): state.pending += text
            case .status(let text): state.pending += state.pending.isEmpty || state.pending.hasSuffix("\n") ? text : "\n" + text
            }
            guard state.pending.utf8.count > 4 * ProgressFeed.longest else { return }
            state.pending = ProgressFeed.end(of: state.pending)
            state.isCut = true
        }
    }

    private func take() -> String {
        state.withLock { state in
            defer {
                state.pending = ""
                state.isCut = false
            }
            guard state.isCut || state.pending.utf8.count > ProgressFeed.longest else { return state.pending }
            return "…" + ProgressFeed.end(of: state.pending)
        }
    }

    private static func end(of text: String) -> String {
        var bytes = Array(text.utf8.suffix(longest))
        bytes.removeFirst(bytes.firstIndex { $0 & 0xC0 != 0x80 } ?? 0)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Says no more; what is being said is said when this returns.
    func end() async {
        let loop = state.withLock { $0.loop }
        loop?.cancel()
        await loop?.value
    }
}
