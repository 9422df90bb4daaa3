import NIOConcurrencyHelpers
import NIOCore

/// Runs an operation that may ignore cancellation, for at most `limit`; nil when it took longer. The operation goes on unobserved then.
func withDeadline<Value: Sendable>(
    _ limit: TimeAmount, on eventLoop: any EventLoop, _ operation: @escaping @Sendable () async -> Value
) async -> Value? {
    let race = Race()
    return await withCheckedContinuation { (continuation: CheckedContinuation<Value?, Never>) in
        let work = Task {
            let value = await operation()
            if race.win() { continuation.resume(returning: value) }
        }
        eventLoop.scheduleTask(in: limit) {
            guard race.win() else { return }
            work.cancel()
            continuation.resume(returning: nil)
        }
    }
}

/// First come, only served.
private final class Race: Sendable {
    private let isDone = NIOLockedValueBox(false)

    func win() -> Bool {
        isDone.withLockedValue { done in
            defer { done = true }
            return !done
        }
    }
}

/// Asks the person; nil when nobody answered.
///
/// - Throws: `.timedOut`.
func ask(_ question: Question, _ interaction: any Interaction, _ options: ConnectOptions, on eventLoop: any EventLoop)
    async throws(SSHError) -> String?
{
    guard let answer = await withDeadline(options.answerTimeout, on: eventLoop, { await interaction.answer(question) }) else {
        throw SSHError(
            .timedOut, "Nobody answered the question within \(options.answerTimeout.nanoseconds / 1_000_000_000) s. Connect again.")
    }
    return answer
}
