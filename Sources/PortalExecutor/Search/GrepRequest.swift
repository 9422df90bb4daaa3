import CExecutorPlatform
import PortalWire

/// `search.grep`
enum GrepOperation {
    static func prepare(_ parameters: JSONValue, _ host: HostFacts) throws(OperationError) -> TreeWalk {
        let request = try SearchGrepRequest(parameters)
        let pattern = try SearchPattern(request)
        let filter = try PathFilter(request.scope)
        for glob in request.typeGlobs ?? [] {
            guard filter.types.add(name: glob) else { throw badGlob(glob) }
        }
        return GrepWalk(
            request, pattern: pattern, filter: filter, roots: WalkRoot.all(request.scope, home: host.home), home: host.home)
    }
}

/// What a search counts.
struct SearchCounts {
    var files: UInt64 = 0
    var matchedFiles: UInt64 = 0
    var matches: UInt64 = 0
    var binary: UInt64 = 0
}

/// What is answered of what matches: those of the request's values that are no text, and so cost nothing to have twice.
struct GrepAnswer {
    let mode: SearchGrepRequest.Mode
    let invert: Bool
    let before: UInt64
    let after: UInt64
    /// The most lines of a file.
    let mostOfFile: UInt64
    /// The most lines or files in all.
    let most: UInt64
    /// The most bytes of a line.
    let columns: Int

    init(_ request: borrowing SearchGrepRequest) {
        mode = request.mode
        invert = request.invert
        before = request.before
        after = request.after
        mostOfFile = request.maximumCount ?? UInt64.max
        most = request.limit ?? UInt64.max
        columns = Int(request.maximumColumns ?? 65536)
    }
}

final class GrepWalk: TreeWalk {
    let wanted: GrepAnswer
    private let pattern: SearchPattern
    /// Touched with the lock held, as all that follows.
    private var counts = SearchCounts()
    private var granted: UInt64 = 0
    private var isTruncated = false
    /// Where files are sorted by modification: they are collected first and searched at the end.
    private var collected: Newest?

    init(_ request: borrowing SearchGrepRequest, pattern: SearchPattern, filter: PathFilter, roots: [WalkRoot], home: [UInt8]) {
        wanted = GrepAnswer(request)
        self.pattern = pattern
        if request.order == .modified { collected = Newest(most: 100_000) }
        super.init("search", filter: filter, roots: roots, home: home, isSorted: request.order == .path)
    }

    override func makeWorker() -> TreeWorker { GrepWorker(self) }

    func makeMatcher() -> LineMatcher? { LineMatcher(pattern) }

    /// Whether files are only collected so far.
    var collects: Bool { collected != nil }

    func collect(_ entry: DatedPath) { withLock { collected?.insert(entry) } }

    /// The last modified of the collected files that are left. Only one worker asks, when the others have come to their end.
    func takeCollected() -> DatedPath? {
        if collected?.hasDropped == true { isTruncated = true }
        return collected?.takeNewest()
    }

    /// Asks whether one more line, or one more file, may be answered.
    func grant() -> Bool {
        var isGranted = false
        withLock {
            isGranted = granted < wanted.most
            if isGranted { granted += 1 } else { isTruncated = true }
        }
        if !isGranted { end() }
        return isGranted
    }

    func add(_ more: SearchCounts) {
        withLock {
            counts.files += more.files
            counts.matchedFiles += more.matchedFiles
            counts.matches += more.matches
            counts.binary += more.binary
        }
    }

    override func result(_ id: UInt64) -> Frame {
        let result = SearchGrepResult(
            files: counts.files, matchedFiles: counts.matchedFiles, matches: counts.matches, binary: counts.binary, truncated: isTruncated,
            errorCount: failures, errors: firstFailures)
        var writer = JSONWriter(resultOf: id)
        result.write(to: &writer)
        return writer.resultFrame()
    }
}
