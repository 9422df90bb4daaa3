import CExecutorPlatform
import PortalWire

/// Begins to watch directories and everything below them, on a worker: it reads all of them.
///
/// A directory is watched before it is read. So whatever comes into it is either read here or said by the kernel, or both.
final class ScanJob: Job {
    final class Start {
        /// The watch of the directory that holds it; -1 for the root.
        let parent: Int32
        let name: [UInt8]
        /// Relative to the root; empty for the root itself.
        let path: [UInt8]
        let level: IgnoreLevel?
        /// Whether what is in it came with it, and is said.
        let isNew: Bool

        init(parent: Int32 = -1, name: [UInt8] = [], path: [UInt8] = [], level: IgnoreLevel? = nil, isNew: Bool = false) {
            self.parent = parent
            self.name = name
            self.path = path
            self.level = level
            self.isNew = isNew
        }
    }

    /// Something that came while its directory was not watched yet.
    final class Created {
        let path: [UInt8]
        let isDirectory: Bool

        init(path: [UInt8], isDirectory: Bool) {
            self.path = path
            self.isDirectory = isDirectory
        }
    }

    private let request: WatchRequest
    let watches: Int32
    private let root: WalkRoot
    private let filter: PathFilter
    private let home: [UInt8]
    private let isRecursive: Bool
    private var starts: [Start]
    /// How many watches may still be made.
    private var room: Int
    private(set) var failure: OperationError?
    private(set) var found: [WatchedDirectory] = []
    private(set) var created: [Created] = []
    private(set) var unwatched: [[UInt8]] = []
    /// Whether more was created than is kept.
    private(set) var isTooMuch = false

    init(
        _ request: WatchRequest, watches: Int32, root: WalkRoot, filter: PathFilter, home: [UInt8], isRecursive: Bool, starts: [Start],
        room: Int
    ) {
        self.request = request
        self.watches = watches
        self.root = root
        self.filter = filter
        self.home = home
        self.isRecursive = isRecursive
        self.starts = starts
        self.room = room
    }

    override func run() {
        while let start = starts.popLast() {
            guard !isGivenUp else { return }
            let isRoot = start.parent < 0
            if isRoot, failure == nil { prepare() }
            guard failure == nil else { return }
            watch(start, isRoot: isRoot)
        }
    }

    private func prepare() {
        let result = root.resolve()
        if result < 0 { failure = systemError("watch", root.path.bytes, result) }
        filter.load(home: home)
    }

    private func watch(_ start: Start, isRoot: Bool) {
        var path = root.real
        if !isRoot { path = joined(path, start.path) }
        guard room > 0 else { return noteUnwatched(start) }
        let number = platform_watches_add(watches, rooted(path), isRoot ? 1 : 0)
        guard number >= 0 else {
            if platform_errno_name(number) == PLATFORM_ENOSPC { return noteUnwatched(start) }
            // What went away meanwhile, or may not be read, is like what is not there.
            if isRoot { failure = systemError("watch", root.path.bytes, number) }
            return
        }
        room -= 1
        var level: IgnoreLevel?
        if filter.ignores { level = isRoot ? IgnoreLevel.of(withParents: path) : IgnoreLevel.of(directory: path, parent: start.level) }
        found.add(WatchedDirectory(number: number, parent: start.parent, name: start.name, level: level))
        guard isRecursive || start.isNew else { return }
        readEntries(joined(path, []), start, number, level)
    }

    private func readEntries(_ path: [UInt8], _ start: Start, _ number: Int32, _ level: IgnoreLevel?) {
        let descriptor = platform_open_entry(terminated(path), 1)
        guard descriptor >= 0 else { return }
        defer { platform_close(descriptor) }
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: 16 * 1024, alignment: 8)
        defer { buffer.deallocate() }
        let bytes = buffer.assumingMemoryBound(to: UInt8.self)
        var more: Int32 = 1
        while more != 0 {
            let count = Int(platform_entries(descriptor, bytes, 16 * 1024, &more))
            guard count >= 0, !isGivenUp else { return }
            var position = 0
            while position < count {
                var kind = bytes[position] &- 1
                let name = PortalExecutor.bytes(of: bytes + position + 1)
                position += name.count + 2
                let entry = path + name
                if kind == FileKind.unknown.rawValue {
                    var status = platform_status()
                    guard platform_stat(terminated(entry), 0, &status) == 0 else { continue }
                    kind = status.kind
                }
                let isDirectory = kind == FileKind.directory.rawValue
                guard isDirectory || start.isNew else { continue }
                guard filter.wants(entry, name: path.count, isDirectory: isDirectory, level: level, root: root) else { continue }
                let relative = start.path.isEmpty ? name : joined(start.path, name)
                if start.isNew { noteCreated(relative, isDirectory: isDirectory) }
                if isDirectory, isRecursive {
                    starts.add(Start(parent: number, name: name, path: relative, level: level, isNew: start.isNew))
                }
            }
        }
    }

    private func noteCreated(_ path: [UInt8], isDirectory: Bool) {
        if created.count < 4096 { created.add(Created(path: path, isDirectory: isDirectory)) } else { isTooMuch = true }
    }

    private func noteUnwatched(_ start: Start) {
        // Many of them are as good as all.
        if unwatched.count == 32 { unwatched = [[0x2E]] }
        if unwatched.first?.equals(".") != true { unwatched.add(start.path.isEmpty ? [0x2E] : start.path) }
    }

    override func finish() { request.scanned(self) }
}

/// Closes what the kernel may take its time to close.
final class CloseJob: Job {
    private let descriptor: Int32

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    override func run() { platform_close(descriptor) }
}
