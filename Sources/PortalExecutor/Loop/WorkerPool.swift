import CExecutorPlatform

/// Work that may wait for a disk: `run` is called on a worker, then `finish` on the event loop.
///
/// A job belongs to one side at a time, and the pool's lock is between the hand-overs; so a job's fields need no lock of their own. The
/// one thing that the loop may do to a job that runs is to raise its flag.
class Job {
    final fileprivate var next: Job?
    final private let flag: UnsafeMutablePointer<Int32>

    init() {
        flag = UnsafeMutablePointer<Int32>.allocate(capacity: 1)
        flag.initialize(to: 0)
    }

    deinit { flag.deallocate() }

    /// Asks the job to give up; it may look or not.
    final func giveUp() { platform_flag_raise(flag) }
    /// Whether it was asked to. The pointer is valid as long as the job.
    final var gaveUp: UnsafePointer<Int32> { UnsafePointer(flag) }
    final var isGivenUp: Bool { platform_flag_read(flag) != 0 }

    /// On a worker.
    func run() {}
    /// On the event loop, after `run`.
    func finish() {}
}

/// First in, first out, through the jobs themselves.
private struct JobQueue {
    private var first: Job?
    private var last: Job?
    var isEmpty: Bool { first == nil }

    mutating func append(_ job: Job) {
        if let last { last.next = job } else { first = job }
        last = job
    }

    mutating func takeFirst() -> Job? {
        guard let job = first else { return nil }
        first = job.next
        job.next = nil
        if first == nil { last = nil }
        return job
    }
}

/// Threads for jobs: grown on demand, at most `most`; idle ones above two end after ten seconds.
///
/// Everything below `lock` is touched with the lock held, by the loop and the workers alike; nothing else is shared.
final class WorkerPool {
    private static let kept = 2
    private static let idleMilliseconds: UInt32 = 10_000

    private let most: Int
    private let lock: OpaquePointer
    private let event: Int32
    private var waiting = JobQueue()
    private var waitingCount = 0
    private var done = JobQueue()
    private var threads = 0
    private var idle = 0
    private var running = 0
    private var isStopping = false

    /// Completions signal the event.
    init(event: Int32, most: Int) {
        self.event = event
        self.most = most
        lock = platform_lock_create()
    }

    /// How many threads there are.
    var threadCount: Int {
        platform_lock(lock)
        defer { platform_unlock(lock) }
        return threads
    }

    /// Whether a job runs on a worker now.
    var isRunning: Bool {
        platform_lock(lock)
        defer { platform_unlock(lock) }
        return running > 0
    }

    /// Hands a job to a worker; one that waits for nothing is done at once, since waking a thread takes longer.
    func submit(_ job: Job, isAtHand: Bool = false) {
        if isAtHand {
            job.run()
            return job.finish()
        }
        platform_lock(lock)
        waiting.append(job)
        waitingCount += 1
        // Woken workers count as idle until they have the lock: compared with what waits, not with zero.
        let needsThread = waitingCount > idle && threads < most
        if needsThread { threads += 1 }
        let wakes = idle > 0
        platform_unlock(lock)
        if wakes { platform_lock_signal(lock) }
        guard needsThread else { return }
        let context = Unmanaged.passRetained(self)
        let status = platform_thread_start({ WorkerPool.work($0) }, context.toOpaque())
        guard status < 0 else { return }
        context.release()
        platform_lock(lock)
        threads -= 1
        let isAlone = threads == 0
        platform_unlock(lock)
        // No thread can be had at all: slow work on the loop is better than none.
        if isAlone { runHere() }
    }

    private func runHere() {
        while true {
            platform_lock(lock)
            let job = waiting.takeFirst()
            if job != nil { waitingCount -= 1 }
            platform_unlock(lock)
            guard let job else { return }
            job.run()
            complete(job)
        }
    }

    /// Calls `finish` of everything that was completed.
    func finishCompleted() {
        while true {
            platform_lock(lock)
            var batch = done
            done = JobQueue()
            platform_unlock(lock)
            if batch.isEmpty { return }
            while let job = batch.takeFirst() { job.finish() }
        }
    }

    /// Forgets what waits; what runs, runs on.
    func stop() {
        platform_lock(lock)
        isStopping = true
        waiting = JobQueue()
        waitingCount = 0
        platform_unlock(lock)
    }

    private func complete(_ job: Job) {
        platform_lock(lock)
        let wasEmpty = done.isEmpty
        done.append(job)
        platform_unlock(lock)
        if wasEmpty { platform_event_signal(event) }
    }

    private static func work(_ context: UnsafeMutableRawPointer?) {
        guard let context else { return }
        let pool = Unmanaged<WorkerPool>.fromOpaque(context).takeRetainedValue()
        while let job = pool.take() {
            job.run()
            pool.release(job)
        }
    }

    private func take() -> Job? {
        platform_lock(lock)
        defer { platform_unlock(lock) }
        while true {
            if let job = waiting.takeFirst() {
                waitingCount -= 1
                running += 1
                return job
            }
            idle += 1
            let isOver = platform_lock_wait(lock, WorkerPool.idleMilliseconds) != 0
            idle -= 1
            if isOver, waiting.isEmpty, threads > WorkerPool.kept {
                threads -= 1
                return nil
            }
        }
    }

    private func release(_ job: Job) {
        platform_lock(lock)
        running -= 1
        let wasEmpty = done.isEmpty
        if !isStopping { done.append(job) }
        platform_unlock(lock)
        if wasEmpty { platform_event_signal(event) }
    }
}
