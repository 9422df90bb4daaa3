/// Something to do at a time of the monotonic clock.
final class Timer {
    fileprivate let deadline: UInt64
    private var action: (() -> Void)?

    init(deadline: UInt64, action: @escaping () -> Void) {
        self.deadline = deadline
        self.action = action
    }

    /// It will not fire. Its place in the queue goes when its time comes.
    func cancel() { action = nil }

    fileprivate var isCancelled: Bool { action == nil }

    func fire() {
        let action = self.action
        self.action = nil
        action?()
    }
}

/// Timers in a binary heap, the earliest first.
struct TimerQueue {
    private var heap: [Timer] = []

    /// The earliest deadline that counts, in nanoseconds.
    var nextDeadline: UInt64? {
        mutating get {
            while let first = heap.first, first.isCancelled { removeFirst() }
            return heap.first?.deadline
        }
    }

    mutating func insert(_ timer: Timer) {
        heap.add(timer)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].deadline < heap[parent].deadline else { break }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func takeDue(_ now: UInt64) -> Timer? {
        guard let deadline = nextDeadline, deadline <= now else { return nil }
        let timer = heap[0]
        removeFirst()
        return timer
    }

    private mutating func removeFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1].deadline < heap[child].deadline { child += 1 }
            guard heap[child].deadline < heap[parent].deadline else { break }
            heap.swapAt(child, parent)
            parent = child
        }
    }
}
