import DoorSupport
import Portal
import PortalWire

/// A tree of the host as the agent's `fs/walk` wants it: bounded, and through links to directories where it says so.
struct FileTree: Sendable {
    struct Options: Sendable {
        var depth: UInt64
        var directories: Int
        var entries: Int
        var followsLinks: Bool
        var prunesHidden: Bool

        init(_ value: JSONValue) {
            depth = max(1, min(value.unsigned("maxDepth") ?? 64, 64))
            directories = Int(clamping: min(value.unsigned("maxDirectories") ?? 10_000, 10_000))
            entries = Int(clamping: min(value.unsigned("maxEntries") ?? 50_000, 50_000))
            followsLinks = value.bool("followDirectorySymlinks") ?? false
            prunesHidden = value.bool("pruneHiddenDirectories") ?? false
        }
    }

    struct Entry: Sendable {
        var path: [UInt8]
        var isDirectory: Bool
    }

    private(set) var entries: [Entry] = []
    private(set) var errors: [(path: [UInt8], message: String)] = []
    private(set) var isTruncated = false
    private var directories = 1
    /// Directories that were entered, by their numbers: links may lead back.
    private var seen: Set<[UInt64]> = []

    /// Walks a tree. Each level of links costs two round trips more.
    static func walk(_ root: [UInt8], _ options: Options, in workspace: Workspace) async throws(PortalError) -> FileTree {
        var tree = FileTree()
        let status = try await workspace.status(of: RemotePath(bytes: root))
        tree.seen = [[status.device, status.inode]]
        var next: [(path: [UInt8], depth: UInt64)] = [(root, options.depth)]
        while let (path, depth) = next.popLast(), !tree.isTruncated {
            next += try await tree.enter(path, depth: depth, isRoot: path == root, options, in: workspace)
        }
        return tree
    }

    /// Takes what is below a directory, and returns the directories that links below it lead to.
    private mutating func enter(
        _ path: [UInt8], depth: UInt64, isRoot: Bool, _ options: Options, in workspace: Workspace
    ) async throws(PortalError) -> [(path: [UInt8], depth: UInt64)] {
        let found: [DirectoryEntry]
        do throws(PortalError) {
            found = try await FileTree.list(path, depth: depth, limit: options.entries + 1, prunesHidden: options.prunesHidden, in: workspace)
        } catch {
            if isRoot { throw error }
            errors.append((path, error.message))
            return []
        }
        let links = found.filter { $0.status?.kind == .symlink }.map { PathBytes.joined(path, $0.name) }
        let targets = try await FileTree.statuses(of: links, in: workspace)
        var further: [(path: [UInt8], depth: UInt64)] = []
        for entry in found {
            guard entries.count < options.entries else {
                isTruncated = true
                return []
            }
            let place = PathBytes.joined(path, entry.name)
            let isLink = entry.status?.kind == .symlink
            guard let status = isLink ? targets[place] : entry.status else { continue }
            if status.kind == .file { entries.append(Entry(path: place, isDirectory: false)) }
            guard status.kind == .directory, !isLink || options.followsLinks else { continue }
            guard directories < options.directories else {
                isTruncated = true
                return []
            }
            directories += 1
            entries.append(Entry(path: place, isDirectory: true))
            let isNew = seen.insert([status.device, status.inode]).inserted
            let level = UInt64(entry.name.count { $0 == 0x2F }) + 1
            if isLink, isNew, depth > level { further.append((place, depth - level)) }
        }
        return further
    }

    private static func list(
        _ path: [UInt8], depth: UInt64, limit: Int, prunesHidden: Bool, in workspace: Workspace
    ) async throws(PortalError) -> [DirectoryEntry] {
        var request = FileListRequest(path: path, limit: UInt64(limit), depth: depth)
        if prunesHidden { request.exclude = [Array(".*/".utf8)] }
        let listed = request
        let call = BatchCall(FileListRequest.operation) { writer, _ in listed.write(to: &writer) }
        guard let outcome = try await workspace.batch([call]).first else { throw PortalError(.internal, "a batch has no answer") }
        _ = try outcome.result.get()
        var entries: [DirectoryEntry] = []
        for line in outcome.content.split(separator: 0x0A) {
            guard let value = try? JSONParser.parse(Array(line)), let entry = DirectoryEntry(value) else {
                throw PortalError(.internal, "a line of the directory's listing is not an entry")
            }
            entries.append(entry)
        }
        return entries
    }

    /// What paths lead to; those that lead nowhere are left out.
    static func statuses(of paths: [[UInt8]], in workspace: Workspace) async throws(PortalError) -> [[UInt8]: FileStatus] {
        var found: [[UInt8]: FileStatus] = [:]
        var rest = paths[...]
        while !rest.isEmpty {
            // A batch is one header, of 256 KiB: long paths must fit too.
            let part = Array(rest.prefix(32))
            rest = rest.dropFirst(32)
            let outcomes = try await workspace.batch(part.map { BatchCall.status(of: RemotePath(bytes: $0)) })
            for (path, outcome) in zip(part, outcomes) { found[path] = (try? outcome.result.get()).flatMap { FileStatus($0) } }
        }
        return found
    }

    static func kinds(of paths: [[UInt8]], in workspace: Workspace) async throws(PortalError) -> [[UInt8]: FileKind] {
        try await statuses(of: paths, in: workspace).mapValues(\.kind)
    }
}
