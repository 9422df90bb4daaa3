import Synchronization

/// How long the door lets its calls take. The agent has no deadlines of its own: a call without an answer would hold it for good.
///
/// Only time in which the host is connected counts. How long calls wait for a lost connection is the SDK's patience.
public struct CallDeadlines: Sendable {
    /// Until `initialize` is answered, in seconds of any kind. Codex gives up after 10.
    public var initialize = 9.0
    /// What looks at one path or changes its name, in seconds.
    public var short = 60.0
    /// What moves a file's content or walks a tree, in seconds.
    public var long = 900.0
    /// Until a process runs there, in seconds.
    public var start = 120.0
    /// Until what runs there has ended with the agent, in seconds of any kind.
    public var ending = 2.0

    /// The defaults.
    public init() {}
}

/// Whether the host is connected, as far as is known; it counts the time.
final class ConnectedTime: Sendable {
    private struct State {
        var isConnected = true
        var calls = 0
    }

    private let state = Mutex(State())

    func set(connected: Bool) { state.withLock { $0.isConnected = connected } }

    /// A call begins. Where no other was open nobody was told how the connection is doing, so that it counts until somebody is.
    func begin() {
        state.withLock { state in
            if state.calls == 0 { state.isConnected = true }
            state.calls += 1
        }
    }

    /// A call has been answered, or was given up.
    func end() { state.withLock { $0.calls -= 1 } }

    /// Returns when so many seconds of being connected have passed.
    func pass(seconds: Double) async {
        var left = seconds
        while left > 0, !Task.isCancelled {
            let step = min(left, 0.5)
            try? await Task.sleep(nanoseconds: UInt64(step * 1_000_000_000))
            if state.withLock({ $0.isConnected }) { left -= step }
        }
    }
}

/// The first of two ends, for one who waits.
private final class FirstEnd<Value: Sendable>: Sendable {
    private let continuation: Mutex<CheckedContinuation<Value?, Never>?>

    init(_ continuation: CheckedContinuation<Value?, Never>) { self.continuation = Mutex(continuation) }

    func end(_ value: Value?) { continuation.withLock { $0.take() }?.resume(returning: value) }
}

/// What a task gives, or nil when another one, which waits, ends before it. The task is then cancelled and not waited for: the host may never
/// answer it.
func first<Value: Sendable>(
    _ body: @escaping @Sendable () async -> Value, before wait: @escaping @Sendable () async -> Void
) async -> Value? {
    await withCheckedContinuation { continuation in
        let first = FirstEnd<Value>(continuation)
        let working = Task { first.end(await body()) }
        let waiting = Task {
            await wait()
            guard !Task.isCancelled else { return }
            first.end(nil)
            working.cancel()
        }
        Task {
            await working.value
            waiting.cancel()
        }
    }
}
