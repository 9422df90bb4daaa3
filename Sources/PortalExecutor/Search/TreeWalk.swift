import CExecutorPlatform
import PortalWire

/// One directory on the way: the entries that are still to be looked at. It belongs to one worker at a time.
final class Listing {
    /// Absolute, without a slash at the end.
    let path: [UInt8]
    let root: WalkRoot
    /// 1 for the entries of the root.
    let depth: Int
    let level: IgnoreLevel?
    /// Kinds and names as `platform_entries` gives them.
    private var entries: [UInt8]
    private var position = 0
    /// Open while there may be more entries, which is only for large directories longer than a moment.
    private var descriptor: Int32

    fileprivate init(path: [UInt8], root: WalkRoot, depth: Int, level: IgnoreLevel?, entries: [UInt8], descriptor: Int32) {
        self.path = path
        self.root = root
        self.depth = depth
        self.level = level
        self.entries = entries
        self.descriptor = descriptor
    }

    deinit { close() }

    private func close() {
        if descriptor >= 0 { platform_close(descriptor) }
        descriptor = -1
    }

    /// Reads on. At most `buffer` is read at once, so that a directory of any size takes little memory.
    /// - Returns: 0, or the negated errno.
    fileprivate func read(_ buffer: UnsafeMutableRawBufferPointer) -> Int32 {
        let room = buffer.baseAddress!.assumingMemoryBound(to: UInt8.self)
        var more: Int32 = 0
        let count = platform_entries(descriptor, room, buffer.count, &more)
        position = 0
        entries = count > 0 ? Array(UnsafeBufferPointer(start: room, count: Int(count))) : []
        if count < 0 || more == 0 { close() }
        return min(count, 0)
    }

    /// Reads all that is left and sorts it by name.
    fileprivate func readSorted(_ buffer: UnsafeMutableRawBufferPointer) -> Int32 {
        var all: [UInt8] = []
        while descriptor >= 0 {
            let result = read(buffer)
            if result < 0 { return result }
            all.add(entries)
        }
        entries = all
        return platform_sort_entries(&entries, entries.count)
    }

    /// The next entry that was read: its kind and its name.
    @inline(never)
    fileprivate func take() -> [UInt8]? {
        guard position < entries.count else { return nil }
        var end = position + 1
        while entries[end] != 0 { end += 1 }
        defer { position = end + 1 }
        return entries.part(position, end)
    }

    /// Whether there may be more to read.
    fileprivate var isOpen: Bool { descriptor >= 0 }

    /// The second half of what was read and not yet taken, for another worker.
    fileprivate func split() -> Listing? {
        var middle = (position + entries.count) / 2
        while middle < entries.count, middle > 0, entries[middle - 1] != 0 { middle += 1 }
        guard middle > position, middle < entries.count else { return nil }
        let half = Listing(path: path, root: root, depth: depth, level: level, entries: entries.part(from: middle), descriptor: -1)
        entries.removeSubrange(middle...)
        return half
    }
}

/// Whether bytes come before others, from an index on.
@inline(never)
func isBefore(_ left: [UInt8], _ right: [UInt8], from start: Int) -> Bool {
    var index = start
    while index < left.count, index < right.count {
        if left[index] != right[index] { return left[index] < right[index] }
        index += 1
    }
    return left.count < right.count
}

/// Walks trees with several workers. What they share is here, behind a lock; what is done with an entry is a subclass's `visit`.
///
/// Each worker goes down by itself, the deepest first: what is kept of a tree is one directory a level, and an open descriptor only for a directory
/// that is too large to be read at once. A worker that has nothing to do is given half of a directory by one that has.
class TreeWalk {
    final let filter: PathFilter
    final let roots: [WalkRoot]
    final private let home: [UInt8]
    /// What failed, in messages.
    final let verb: Literal
    /// Whether the entries of each directory come sorted by name.
    final let isSorted: Bool
    /// Whether several workers may walk: then nothing is said of the order.
    final let isShared: Bool
    /// The deepest entries that are visited; entries of a root have depth 1.
    final let depth: Int

    /// Everything below is touched with the lock held.
    final private let lock: OpaquePointer
    final private var gifts: [Listing] = []
    final private var nextRoot = 0
    private(set) final var failures: UInt64 = 0
    private(set) final var firstFailures: [OperationError] = []
    /// Raised when the walk shall end: it was cancelled, or enough was found.
    final private let ended: UnsafeMutablePointer<Int32>
    /// Raised when a worker has nothing to do.
    final private let wanting: UnsafeMutablePointer<Int32>

    init(
        _ verb: Literal, filter: PathFilter, roots: [WalkRoot], home: [UInt8], isSorted: Bool = false, isShared: Bool = true,
        depth: Int = Int.max
    ) {
        self.verb = verb
        self.filter = filter
        self.roots = roots
        self.home = home
        self.isSorted = isSorted
        self.isShared = isShared && !isSorted
        self.depth = depth
        lock = platform_lock_create()
        ended = UnsafeMutablePointer<Int32>.allocate(capacity: 2)
        ended.initialize(repeating: 0, count: 2)
        wanting = ended + 1
    }

    deinit {
        ended.deallocate()
        platform_lock_destroy(lock)
    }

    /// On a worker. The entry's absolute path, and where its name begins, are the worker's `path` and `name`.
    func visit(_ worker: TreeWorker, kind: FileKind) throws(OperationError) {}
    /// On a worker, when every worker has come to its end, until it returns true: what is only known then goes into the worker's output.
    func conclude(_ worker: TreeWorker) -> Bool { true }
    /// The last frame.
    func result(_ id: UInt64) -> Frame { emptyResultFrame(id: id) }
    /// Makes what one worker uses.
    func makeWorker() -> TreeWorker { TreeWorker(self) }

    final func end() { platform_flag_raise(ended) }
    final var hasEnded: Bool { platform_flag_read(ended) != 0 }
    final func want() { platform_flag_raise(wanting) }
    fileprivate final var isWanting: Bool { platform_flag_read(wanting) != 0 }

    final func withLock(_ body: () -> Void) {
        platform_lock(lock)
        body()
        platform_unlock(lock)
    }

    /// Something that could not be looked at; the walk goes on.
    final func note(_ error: OperationError) {
        withLock {
            failures += 1
            if firstFailures.count < 8 { firstFailures.append(error) }
        }
    }

    /// Whether a worker that has nothing would get something.
    final var hasWork: Bool {
        platform_lock(lock)
        defer { platform_unlock(lock) }
        return !gifts.isEmpty || nextRoot < roots.count
    }

    fileprivate final func load() { withLock { filter.load(home: home) } }

    fileprivate final func give(_ listing: Listing) {
        withLock {
            gifts.add(listing)
            platform_flag_lower(wanting)
        }
    }

    fileprivate final func takeGift() -> Listing? {
        platform_lock(lock)
        defer { platform_unlock(lock) }
        return gifts.popLast()
    }

    fileprivate final func takeRoot() -> WalkRoot? {
        platform_lock(lock)
        defer { platform_unlock(lock) }
        guard nextRoot < roots.count else { return nil }
        nextRoot += 1
        return roots[nextRoot - 1]
    }
}

/// One of a walk's workers: where it is. A job of the pool uses it for a moment at a time.
class TreeWorker {
    /// What it found, until the job ends.
    final var output: [UInt8] = []
    /// The entry that is visited, absolute, and where its name begins.
    final var path: [UInt8] = []
    final var name = 0
    final var root: WalkRoot
    final var depth = 0
    /// Whether the request named the entry itself.
    final var isExplicit = false

    final private let walk: TreeWalk
    final private var stack: [Listing] = []
    final private var isVisiting = false

    init(_ walk: TreeWalk) {
        self.walk = walk
        root = walk.roots[0]
    }

    /// Whether it has something to do that it could not give away.
    final var isBusy: Bool { isVisiting || !stack.isEmpty }

    /// Visits the entry at `path`. Returns whether that is finished; otherwise `proceed` goes on with it.
    func visit(_ kind: FileKind) throws(OperationError) -> Bool {
        try walk.visit(self, kind: kind)
        return true
    }

    /// Goes on with what `visit` could not finish. Returns whether it is finished now.
    func proceed() throws(OperationError) -> Bool { true }

    /// When every worker has come to its end, until it returns true.
    func conclude() -> Bool { walk.conclude(self) }

    /// A job ends, and no entry is being visited: memory that is only used meanwhile can go.
    func rest() {}

    /// Walks until the deadline, until there is much output, until it gave something away, or to its end.
    final func run(until deadline: UInt64, outputLimit: Int) throws(OperationError) {
        var step = 0
        defer { if !isVisiting { rest() } }
        while !walk.hasEnded {
            if isVisiting {
                isVisiting = try !proceed()
            } else if let top = stack.last {
                if walk.isWanting, share() { return }
                try advance(top)
            } else if let gift = walk.takeGift() {
                stack.add(gift)
            } else if let root = walk.takeRoot() {
                try begin(root)
            } else {
                return
            }
            step += 1
            if output.count >= outputLimit { return }
            if isVisiting || step & 15 == 0, platform_clock() > deadline { return }
        }
        stack = []
        isVisiting = false
    }

    final private func begin(_ root: WalkRoot) throws(OperationError) {
        self.root = root
        walk.load()
        let result = root.resolve()
        guard result == 0 else { throw systemError(walk.verb, root.path.bytes, result) }
        var status = platform_status()
        path = root.real
        depth = 0
        let found = platform_stat(rooted(path), 0, &status)
        guard found == 0 else { throw systemError(walk.verb, root.path.bytes, found) }
        if FileKind(rawValue: status.kind) == .directory {
            try enter(level: walk.filter.ignores ? IgnoreLevel.of(withParents: path) : nil)
        } else {
            name = (path.lastIndex(of: 0x2F) ?? -1) + 1
            isExplicit = true
            isVisiting = try !visit(FileKind(rawValue: status.kind) ?? .unknown)
        }
    }

    final private func advance(_ top: Listing) throws(OperationError) {
        guard let entry = top.take() else {
            guard top.isOpen, !walk.isSorted else {
                stack.removeLast()
                return
            }
            let result = withBuffer { top.read($0) }
            if result < 0 { walk.note(systemError(walk.verb, root.display(top.path), result)) }
            return
        }
        root = top.root
        depth = top.depth
        isExplicit = false
        path = top.path
        path.add(0x2F)
        name = path.count
        path.add(entry.part(from: 1))
        var kind = FileKind(rawValue: entry[0] - 1) ?? .unknown
        if kind == .unknown {
            var status = platform_status()
            if platform_stat(terminated(path), 0, &status) == 0 { kind = FileKind(rawValue: status.kind) ?? .unknown }
        }
        guard walk.filter.wants(path, name: name, isDirectory: kind == .directory, level: top.level, root: root) else { return }
        isVisiting = try !visit(kind)
        if kind == .directory, depth < walk.depth {
            try enter(level: walk.filter.ignores ? IgnoreLevel.of(directory: path, parent: top.level) : nil)
        }
    }

    /// Opens the directory at `path`. One below the root that cannot be read is noted; the root itself is an error of the request.
    final private func enter(level: IgnoreLevel?) throws(OperationError) {
        let descriptor = platform_open_entry(rooted(path), 1)
        let isRoot = depth == 0
        guard descriptor >= 0 else {
            let error = systemError(walk.verb, isRoot ? root.path.bytes : root.display(path), descriptor)
            if isRoot { throw error }
            walk.note(error)
            return
        }
        let listing = Listing(path: path, root: root, depth: depth + 1, level: level, entries: [], descriptor: descriptor)
        let result = withBuffer { walk.isSorted ? listing.readSorted($0) : listing.read($0) }
        if result < 0 { walk.note(systemError(walk.verb, root.display(path), result)) }
        stack.add(listing)
    }

    final private func withBuffer(_ body: (UnsafeMutableRawBufferPointer) -> Int32) -> Int32 {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 32 * 1024, alignment: 16)
        defer { buffer.deallocate() }
        return body(buffer)
    }

    /// Gives half of the directory nearest to the root away.
    final private func share() -> Bool {
        guard walk.isShared else { return false }
        for listing in stack {
            if let half = listing.split() {
                walk.give(half)
                return true
            }
        }
        return false
    }
}
