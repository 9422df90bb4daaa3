import CExecutorPlatform

/// A process tree that is to be signalled or counted.
final class TreeTarget {
    static let kill: Int32 = 9
    static let terminate: Int32 = 15
    /// How long the killed are waited for.
    private static let killNanoseconds: UInt64 = 2_000_000_000

    fileprivate var tree: platform_tree
    fileprivate let completion: (Int32) -> Void
    private let deadline = platform_clock() + killNanoseconds

    /// The completion gets how many there were; for KILL, how many still are.
    init(leader: Int32, marker: UInt32, signal: Int32, completion: @escaping (Int32) -> Void) {
        tree = platform_tree(leader: leader, number: marker, signal: signal, living: 0)
        self.completion = completion
    }

    /// A killed process is gone only some time later, and may have had a child meanwhile.
    fileprivate var needsAnother: Bool { tree.signal == TreeTarget.kill && tree.living > 0 && platform_clock() < deadline }
}

/// Signals trees on a thread of its own, which no stalled disk can hold up. One look at all of /proc serves all trees that wait for it.
final class TreeSignals {
    private static let pauseMilliseconds: UInt64 = 1

    private let thread: WorkerPool
    private let loop: EventLoop
    private let prefix: [UInt8]
    private var waiting: [TreeTarget] = []
    private var isBusy = false

    /// The prefix is that of the markers of all processes.
    init(loop: EventLoop, thread: WorkerPool, prefix: [UInt8]) {
        self.loop = loop
        self.thread = thread
        self.prefix = terminated(prefix)
    }

    func submit(_ target: TreeTarget) {
        waiting.add(target)
        begin()
    }

    private func begin() {
        guard !isBusy, !waiting.isEmpty else { return }
        isBusy = true
        let targets = waiting
        waiting = []
        thread.submit(TreeJob(targets, prefix: prefix, signals: self))
    }

    fileprivate func finished(_ targets: [TreeTarget]) {
        isBusy = false
        var again: [TreeTarget] = []
        for target in targets {
            if target.needsAnother { again.add(target) } else { target.completion(target.tree.living) }
        }
        if !again.isEmpty {
            _ = loop.after(TreeSignals.pauseMilliseconds) { [self] in
                waiting += again
                begin()
            }
        }
        begin()
    }
}

private final class TreeJob: Job {
    private let targets: [TreeTarget]
    private let prefix: [UInt8]
    private let signals: TreeSignals

    init(_ targets: [TreeTarget], prefix: [UInt8], signals: TreeSignals) {
        self.targets = targets
        self.prefix = prefix
        self.signals = signals
    }

    override func run() {
        let trees = UnsafeMutablePointer<platform_tree>.allocate(capacity: targets.count)
        for index in 0..<targets.count { (trees + index).initialize(to: targets[index].tree) }
        _ = platform_trees_signal(trees, Int32(targets.count), prefix)
        for index in 0..<targets.count { targets[index].tree = trees[index] }
        trees.deallocate()
    }

    override func finish() { signals.finished(targets) }
}
