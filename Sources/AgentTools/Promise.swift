import Synchronization

/// A value that comes later, for whoever waits for it: with a bound, and without holding anybody else up.
final class Promise<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        var next: UInt64 = 0
        var waiting: [UInt64: CheckedContinuation<Value?, Never>] = [:]
        /// Numbers of those who were let go before they waited.
        var left: Set<UInt64> = []
    }
    private let state = Mutex(State())

    /// The value where it is there.
    var value: Value? { state.withLock { $0.value } }

    /// The value has come; only the first one counts.
    func fulfil(_ value: Value) {
        let waiting = state.withLock { state -> [CheckedContinuation<Value?, Never>] in
            guard state.value == nil else { return [] }
            state.value = value
            defer { state.waiting = [:] }
            return Array(state.waiting.values)
        }
        for continuation in waiting { continuation.resume(returning: value) }
    }

    /// Waits for the value.
    /// - Returns: Nil where the time is over or the task is cancelled.
    func value(milliseconds: Int) async -> Value? {
        let number = state.withLock { state -> UInt64 in
            state.next += 1
            return state.next
        }
        let timer = Task { [weak self] in
            try? await Task.sleep(for: .milliseconds(milliseconds))
            if !Task.isCancelled { self?.leave(number) }
        }
        defer {
            timer.cancel()
            state.withLock { _ = $0.left.remove(number) }
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer = state.withLock { state -> Value?? in
                    if let value = state.value { return .some(value) }
                    if state.left.contains(number) { return .some(nil) }
                    state.waiting[number] = continuation
                    return .none
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            leave(number)
        }
    }

    private func leave(_ number: UInt64) {
        let waiting = state.withLock { state -> CheckedContinuation<Value?, Never>? in
            if let waiting = state.waiting.removeValue(forKey: number) { return waiting }
            state.left.insert(number)
            return nil
        }
        waiting?.resume(returning: nil)
    }
}
