import CExecutorPlatform
import PortalWire

/// `fs.list`
enum ListOperation {
    static func prepare(_ parameters: JSONValue, _ host: HostFacts) throws(OperationError) -> TreeWalk {
        let request = try FileListRequest(parameters)
        let filter = PathFilter()
        filter.hidden = true
        filter.ignores = request.ignore
        for glob in request.exclude {
            // What a `.gitignore` names is what a request's glob names with `!`.
            guard filter.overrides.add(override: glob.first == 0x21 ? glob : [UInt8]("!") + glob, ignoresCase: false) else {
                throw badGlob(glob)
            }
        }
        let home = host.home
        let path = HostPath(request.path, directory: request.directory, home: home)
        return ListWalk(request, filter: filter, root: WalkRoot(path: path, globDirectory: path, named: []), home: home)
    }
}

// One worker, so that a directory comes before what is in it.
private final class ListWalk: TreeWalk {
    private let limit: UInt64
    private var listed: UInt64 = 0
    private var isTruncated = false

    init(_ request: FileListRequest, filter: PathFilter, root: WalkRoot, home: [UInt8]) {
        limit = request.limit ?? UInt64.max
        let depth = request.depth == 0 ? Int.max : Int(min(request.depth, 1 << 20))
        super.init("list", filter: filter, roots: [root], home: home, isShared: false, depth: depth)
    }

    override func visit(_ worker: TreeWorker, kind: FileKind) throws(OperationError) {
        guard !worker.isExplicit else {
            // The system has the error for it, with its number.
            let opened = platform_open_entry(terminated(worker.path), 1)
            if opened >= 0 { platform_close(opened) }
            throw systemError("list", worker.root.path.bytes, opened < 0 ? opened : 20)
        }
        guard listed < limit else {
            isTruncated = true
            return end()
        }
        listed += 1
        worker.output.add(DirectoryEntry(name: worker.root.display(worker.path), status: FileStatus(ofEntry: worker.path)).line())
    }

    override func result(_ id: UInt64) -> Frame {
        let result = FileListResult(count: listed, truncated: isTruncated, errorCount: failures, errors: firstFailures)
        var writer = JSONWriter(resultOf: id)
        result.write(to: &writer)
        return writer.resultFrame()
    }
}
