import CExecutorPlatform
import PortalLink
import PortalWire

/// `watch.start`
///
/// While directories are being read the kernel's changes wait in its own queue: what they are about is known when they are looked at.
final class WatchRequest: OpenRequest {
    /// The most directories of one request; the kernel's own bound for a user is often less.
    private static let mostWatches = 65536
    private static let bufferLength = 16 * 1024

    private var watches: Int32 = -1
    private var watch: Watch?
    private var tree = WatchedTree()
    private var root: WalkRoot?
    private let filter = PathFilter()
    private var isRecursive = true
    private var settleMilliseconds: UInt64 = 0
    private var job: ScanJob?
    private var waiting: [ScanJob.Start] = []
    private var isReady = false

    private let changes = ChangeSet()
    private var settleTimer: Timer?
    /// Whether the changes were collected for long enough.
    private var isDue = false
    private var lines: [UInt8] = []
    private var mustRescan = false

    override func start(_ parameters: JSONValue, payload: [UInt8]) {
        do throws(OperationError) {
            let request = try WatchStartRequest(parameters)
            let path = HostPath(request.path, directory: request.directory, home: session.facts.home)
            filter.hidden = true
            filter.ignores = request.ignore
            // Git's own files are not the work's.
            var globs = request.ignore ? [[UInt8]("!.git")] : []
            for glob in request.exclude { globs.add([UInt8]("!") + glob) }
            for glob in globs where !filter.overrides.add(override: glob, ignoresCase: false) {
                throw OperationError(.invalid, "watch", glob, "not a glob")
            }
            isRecursive = request.recursive
            settleMilliseconds = request.settleMilliseconds
            watches = platform_watches_create()
            guard watches >= 0 else { throw systemError("watch", path.bytes, watches) }
            root = WalkRoot(path: path, globDirectory: path, named: [])
        } catch {
            return fail(error)
        }
        watch = session.loop.watch(watches, 0) { [self] _ in read() }
        waiting.add(ScanJob.Start())
        scan()
    }

    // MARK: Reading directories

    private func scan() {
        guard job == nil, !waiting.isEmpty, let root, let watch else { return }
        session.loop.setInterests(watch, 0)
        let job = ScanJob(
            self, watches: watches, root: root, filter: filter, home: session.facts.home, isRecursive: isRecursive, starts: waiting,
            room: WatchRequest.mostWatches - (waiting[0].parent < 0 ? 0 : tree.count))
        waiting = []
        self.job = job
        session.workers.submit(job)
    }

    func scanned(_ job: ScanJob) {
        self.job = nil
        guard !isFinished, let watch else {
            session.workers.submit(CloseJob(job.watches))
            return
        }
        if let failure = job.failure { return end(failure) }
        for directory in job.found { tree.set(directory) }
        for path in job.unwatched { say("budget", path) }
        if !isReady {
            isReady = true
            var writer = JSONWriter()
            writer.beginObject()
            writer.member("ready", flag: true)
            writer.member("directories", number: UInt64(tree.count))
            writer.endLine()
            lines.add(writer.bytes)
        }
        for entry in job.created {
            note(entry.path, UInt32(PLATFORM_CHANGE_CREATED) | (entry.isDirectory ? UInt32(PLATFORM_CHANGE_DIRECTORY) : 0))
        }
        if job.isTooMuch { rescan() }
        session.loop.setInterests(watch, EventLoop.readable)
        session.markReady(self)
    }

    // MARK: Changes

    private func read() {
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: WatchRequest.bufferLength, alignment: 8)
        defer { buffer.deallocate() }
        let count = platform_read(watches, buffer, WatchRequest.bufferLength)
        guard count > 0 else { return }
        let bytes = buffer.assumingMemoryBound(to: UInt8.self)
        var position = 0
        var number: Int32 = 0
        var name: UnsafePointer<UInt8>?
        while !isFinished {
            let change = platform_watches_next(bytes, Int(count), &position, &number, &name)
            guard change != 0, let name else { break }
            act(on: change, number, PortalExecutor.bytes(of: name))
        }
        if !isFinished { scan() }
    }

    private func act(on change: UInt32, _ number: Int32, _ name: [UInt8]) {
        if change & UInt32(PLATFORM_CHANGE_LOST) != 0 {
            // New directories may be among what was lost: all are read again.
            waiting = [ScanJob.Start()]
            return rescan()
        }
        guard let directory = tree[number] else { return }
        if change & UInt32(PLATFORM_CHANGE_FORGOTTEN) != 0 { tree.remove(number) }
        if directory.parent < 0, change & UInt32(PLATFORM_CHANGE_SELF | PLATFORM_CHANGE_FORGOTTEN) != 0 {
            return end(OperationError(.notFound, "watch", root?.path.bytes ?? [], "the directory was removed, moved or unmounted"))
        }
        let kind = change & UInt32(PLATFORM_CHANGE_CREATED | PLATFORM_CHANGE_MODIFIED | PLATFORM_CHANGE_REMOVED | PLATFORM_CHANGE_DIRECTORY)
        guard !name.isEmpty, kind & ~UInt32(PLATFORM_CHANGE_DIRECTORY) != 0, let root, let path = tree.path(of: name, in: number) else {
            return
        }
        let isDirectory = kind & UInt32(PLATFORM_CHANGE_DIRECTORY) != 0
        let absolute = joined(root.real, path)
        guard filter.wants(absolute, name: absolute.count - name.count, isDirectory: isDirectory, level: directory.level, root: root) else {
            return
        }
        note(path, kind)
        guard isDirectory, isRecursive else { return }
        if kind & UInt32(PLATFORM_CHANGE_REMOVED) != 0, change & UInt32(PLATFORM_CHANGE_MOVED) != 0 {
            // Wherever it is now, the watches would go on to tell of it under its old name.
            for watch in tree.subtree(name, in: number) {
                platform_watches_remove(watches, Int32(watch))
                tree.remove(Int32(watch))
            }
        }
        if kind & UInt32(PLATFORM_CHANGE_CREATED) != 0 {
            waiting.add(ScanJob.Start(parent: number, name: name, path: path, level: directory.level, isNew: true))
        }
    }

    private func note(_ path: [UInt8], _ change: UInt32) {
        // What is behind a rescan is part of it.
        guard !mustRescan else { return }
        guard changes.note(path, change) else { return rescan() }
        settle()
    }

    private func rescan() {
        changes.removeAll()
        mustRescan = true
        settle()
    }

    private func settle() {
        guard settleTimer == nil, !isDue else { return }
        settleTimer = session.loop.after(settleMilliseconds) { [self] in
            settleTimer = nil
            isDue = true
            session.markReady(self)
        }
    }

    // MARK: Saying it

    private func say(_ name: Literal, _ path: [UInt8]) {
        var writer = JSONWriter(appendingTo: lines)
        writer.beginObject()
        writer.member(name, flag: true)
        writer.member("path", bytes: path)
        writer.endLine()
        lines = writer.bytes
    }

    override func produce() -> Bool {
        // Changes are collected further while nobody takes those that were said: at most one set of each is kept.
        if lines.isEmpty, isDue, isReady {
            isDue = false
            if mustRescan { say("rescan", [0x2E]) }
            mustRescan = false
            lines.add(changes.takeLines())
        }
        let piece = lines.takeFirst(pieceLength)
        if !piece.isEmpty { sendData(.content, piece) }
        return credit.available > 0 && (!lines.isEmpty || (isDue && isReady))
    }

    // MARK: The end

    override func cancel(_ cancellation: Cancellation) { end(OperationError(.cancelled, literal: "cancelled")) }

    private func end(_ error: OperationError) {
        settleTimer?.cancel()
        if let watch { session.loop.unwatch(watch) }
        watch = nil
        // A job that still uses the descriptor closes it when it is back.
        if let job { job.giveUp() } else { session.workers.submit(CloseJob(watches)) }
        fail(error)
    }
}
