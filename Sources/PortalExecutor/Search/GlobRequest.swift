import CExecutorPlatform
import PortalWire

/// `search.glob`
enum GlobOperation {
    static func prepare(_ parameters: JSONValue, _ host: HostFacts) throws(OperationError) -> TreeWalk {
        let request = try SearchGlobRequest(parameters)
        let filter = try PathFilter(request.scope)
        for pattern in request.patterns {
            guard filter.patterns.add(override: pattern, ignoresCase: request.ignoreCase) else { throw badGlob(pattern) }
        }
        let home = host.home
        // The patterns are relative to the path.
        var roots: [WalkRoot] = []
        for root in WalkRoot.all(request.scope, home: home) {
            roots.add(WalkRoot(path: root.path, globDirectory: root.path, named: root.named))
        }
        return GlobWalk(request, filter: filter, roots: roots, home: home)
    }
}

private final class GlobWalk: TreeWalk {
    private let kind: SearchGlobRequest.Kind
    private let attributes: Bool
    private let limit: UInt64
    private var newest: Newest?
    private var sent: UInt64 = 0
    private var isTruncated = false

    init(_ request: SearchGlobRequest, filter: PathFilter, roots: [WalkRoot], home: [UInt8]) {
        kind = request.kind
        attributes = request.attributes
        limit = request.limit ?? UInt64.max
        if request.order == .modified { newest = Newest(most: Int(min(limit, 100_000))) }
        super.init("search", filter: filter, roots: roots, home: home, isSorted: request.order == .name)
    }

    override func visit(_ worker: TreeWorker, kind: FileKind) throws(OperationError) {
        switch self.kind {
        case .file: guard kind == .file else { return }
        case .directory: guard kind == .directory else { return }
        case .any: break
        }
        guard filter.matchesPatterns(worker.path, name: worker.name, isDirectory: kind == .directory, root: worker.root) else { return }
        let path = worker.root.display(worker.path)
        if newest != nil {
            var status = platform_status()
            guard platform_stat(terminated(worker.path), 0, &status) == 0 else { return }
            withLock { newest?.insert(DatedPath(modified: status.modified, path: path, absolute: attributes ? worker.path : [])) }
            return
        }
        var isWanted = false
        withLock {
            isWanted = sent < limit
            if isWanted { sent += 1 } else { isTruncated = true }
        }
        if isWanted { write(path, worker.path, to: worker) } else { end() }
    }

    override func conclude(_ worker: TreeWorker) -> Bool {
        guard newest != nil else { return true }
        if newest!.hasDropped { isTruncated = true }
        while worker.output.count < 32 * 1024 {
            guard let next = newest!.takeNewest() else { return true }
            sent += 1
            write(next.path, next.absolute, to: worker)
        }
        return false
    }

    private func write(_ path: [UInt8], _ absolute: [UInt8], to worker: TreeWorker) {
        var writer = JSONWriter(appendingTo: worker.output)
        worker.output = []
        writer.beginObject()
        writer.member("path", bytes: path)
        if attributes { FileStatus(ofEntry: absolute)?.write(to: &writer) }
        writer.endLine()
        worker.output = writer.bytes
    }

    override func result(_ id: UInt64) -> Frame {
        let result = SearchGlobResult(count: sent, truncated: isTruncated, errorCount: failures, errors: firstFailures)
        var writer = JSONWriter(resultOf: id)
        result.write(to: &writer)
        return writer.resultFrame()
    }
}

/// A file and when it was modified. A class: a heap of references moves one word, and shares its code with other arrays of them.
final class DatedPath {
    let modified: Int64
    let path: [UInt8]
    let absolute: [UInt8]

    init(modified: Int64, path: [UInt8], absolute: [UInt8]) {
        self.modified = modified
        self.path = path
        self.absolute = absolute
    }
}

/// The last modified of many files, as many as are wanted, in a heap with the oldest of them on top.
final class Newest {
    private let most: Int
    private var heap: [DatedPath] = []
    private var isSorted = false
    private(set) var hasDropped = false

    init(most: Int) { self.most = most }

    var isEmpty: Bool { heap.isEmpty }

    /// Older, or as old and later in the order of names.
    @inline(never)
    private func isOlder(_ left: Int, _ right: Int) -> Bool {
        let (left, right) = (heap[left], heap[right])
        return left.modified != right.modified ? left.modified < right.modified : isBefore(right.path, left.path, from: 0)
    }

    func insert(_ entry: DatedPath) {
        heap.add(entry)
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard isOlder(child, parent) else { break }
            heap.swapAt(child, parent)
            child = parent
        }
        if heap.count > most {
            hasDropped = true
            _ = takeOldest()
        }
    }

    private func takeOldest() -> DatedPath? {
        guard !heap.isEmpty else { return nil }
        heap.swapAt(0, heap.count - 1)
        let oldest = heap.removeLast()
        var parent = 0
        while true {
            var child = 2 * parent + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, isOlder(child + 1, child) { child += 1 }
            guard isOlder(child, parent) else { break }
            heap.swapAt(child, parent)
            parent = child
        }
        return oldest
    }

    /// Nothing is inserted after the first is taken.
    func takeNewest() -> DatedPath? {
        if !isSorted {
            isSorted = true
            var ordered: [DatedPath] = []
            while let oldest = takeOldest() { ordered.add(oldest) }
            heap = ordered
        }
        return heap.popLast()
    }
}
