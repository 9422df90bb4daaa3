import PortalWire

/// One thing to copy.
struct CopyItem: Sendable {
    var source: [UInt8]
    var destination: [UInt8]
    /// Of the source.
    var status: FileStatus
}

/// What is left to copy, and who may take it: directories first, so that the whole size is known early; large files a few at a time, so
/// that many do not fill the memory of either side; small ones as many as there are workers, so that a round trip is shared by all of them.
actor CopyQueue {
    /// Files of more bytes are copied as streams, few at once.
    static let largeFile: UInt64 = 1 << 20
    private static let largeAtOnce = 4
    /// With so many files known, the next directories wait: the memory of a tree of millions stays bounded.
    private static let filesAhead = 65_536

    private var directories: [CopyItem] = []
    private var small: [CopyItem] = []
    private var large: [CopyItem] = []
    private var active = 0
    private var activeLarge = 0
    private var isStopped = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func add(_ items: [CopyItem]) {
        guard !isStopped else { return }
        for item in items {
            if item.status.kind == .directory {
                directories.append(item)
            } else if CopyQueue.isLarge(item) {
                large.append(item)
            } else {
                small.append(item)
            }
        }
        wake()
    }

    /// The next item; nil when everything is copied, or the copying was stopped.
    func next() async -> CopyItem? {
        while !isStopped {
            if !directories.isEmpty, small.count + large.count < CopyQueue.filesAhead || active == 0 {
                return begin(directories.removeLast())
            }
            if activeLarge < CopyQueue.largeAtOnce, let item = large.popLast() {
                activeLarge += 1
                return begin(item)
            }
            if let item = small.popLast() { return begin(item) }
            if let item = directories.popLast() { return begin(item) }
            if active == 0 {
                wake()
                return nil
            }
            await withCheckedContinuation { waiting.append($0) }
        }
        return nil
    }

    private func begin(_ item: CopyItem) -> CopyItem {
        active += 1
        return item
    }

    /// An item that `next` gave is done, well or not.
    func finish(_ item: CopyItem) {
        active -= 1
        if CopyQueue.isLarge(item) { activeLarge -= 1 }
        wake()
    }

    /// Nothing more is begun.
    func stop() {
        isStopped = true
        wake()
    }

    private static func isLarge(_ item: CopyItem) -> Bool { item.status.kind == .file && item.status.size > largeFile }

    private func wake() {
        let all = waiting
        waiting = []
        for continuation in all { continuation.resume() }
    }
}
