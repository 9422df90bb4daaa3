import Portal
import PortalWire
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Copies between this machine and a host, or between two hosts through this machine: many small files at once, each checked by its hash
/// and put in place as one step.
final class Copier: Sendable {
    /// Copies under way at once. Each needs about one round trip, so that a thousand small files need a thousand over this many of them.
    private static let workers = 48

    struct Options: Sendable {
        var isRecursive = false
        /// Permissions and times are the source's.
        var preserves = false
        /// The pause before it is tried again to have the part of an upload, which somebody else writes.
        var busyPauseNanoseconds: UInt64 = 500_000_000
    }

    /// What a copy came to.
    struct Outcome {
        var failures = 0
        /// Why the copying was stopped early: the link is gone, or it was given up.
        var stopped: PortalError?
        /// Parts of large files that were left to go on with.
        var parts: [String] = []
    }

    let from: Side
    let to: Side
    let options: Options
    let progress: CopyProgress
    private let queue = CopyQueue()
    private let ownMask: UInt32
    private let state = Mutex(State())

    private struct State {
        var outcome = Outcome()
        /// Directories whose attributes can be set only when everything is in them.
        var directories: [(path: [UInt8], mode: UInt32?, modified: Int64?)] = []
    }

    init(from: Side, to: Side, options: Options, progress: CopyProgress) {
        self.from = from
        self.to = to
        self.options = options
        self.progress = progress
        let mask = umask(0)
        umask(mask)
        ownMask = UInt32(mask)
    }

    /// Copies items and everything below them.
    func copy(_ items: [CopyItem]) async -> Outcome {
        for item in items { found(item) }
        await queue.add(items)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<Copier.workers {
                group.addTask { [self] in
                    while !Task.isCancelled, let item = await queue.next() {
                        do throws(CopyFailure) { try await copy(item) } catch { await failed(error, item) }
                        await queue.finish(item)
                    }
                    if Task.isCancelled { await queue.stop() }
                }
            }
        }
        if !Task.isCancelled { await finishDirectories() }
        return state.withLock { $0.outcome }
    }

    private func copy(_ item: CopyItem) async throws(CopyFailure) {
        switch item.status.kind {
        case .directory: try await copyDirectory(item)
        case .symlink: try await copyLink(item)
        case .file:
            progress.begins(Path.name(item.source))
            try await copyFile(item)
        default: throw CopyFailure(PortalError(.unsupported, "it is a \(item.status.kind.name), which is not copied"))
        }
    }

    private func failed(_ failure: CopyFailure, _ item: CopyItem) async {
        let error = failure.error
        if error.code == .disconnected || error.code == .cancelled || error.code == .outcomeUnknown {
            state.withLock { if $0.outcome.stopped == nil { $0.outcome.stopped = error } }
            return await queue.stop()
        }
        state.withLock { $0.outcome.failures += 1 }
        progress.finished()
        let place = failure.isAtDestination ? to.shown(item.destination) : from.shown(item.source)
        progress.say("portal: \(place): \(Copier.words(error))")
    }

    static func words(_ error: PortalError) -> String { Printable.line(error.message) }

    private func found(_ item: CopyItem) {
        if item.status.kind != .directory { progress.found(files: 1, bytes: item.status.kind == .file ? item.status.size : 0) }
    }

    /// The permissions of what is made: the source's, less what this user's umask takes away, or exactly the source's to preserve them.
    /// Set-user-id and set-group-id are left out, since the owner is not kept.
    func mode(_ item: CopyItem) -> UInt32 { options.preserves ? item.status.mode & 0o1777 : item.status.mode & 0o777 & ~ownMask }

    /// The time of the last change to set; nil for none.
    func modified(_ item: CopyItem) -> Int64? { options.preserves ? item.status.modified : nil }

    /// Remembers a part that was left behind.
    func left(_ part: String) { state.withLock { $0.outcome.parts.append(part) } }

    // MARK: Directories and links

    private func copyDirectory(_ item: CopyItem) async throws(CopyFailure) {
        // Its owner must be able to fill it.
        async let listing = listed(item.source)
        let isNew: Bool
        do throws(PortalError) { isNew = try await to.makeDirectory(item.destination, mode: mode(item) | 0o700) } catch {
            throw CopyFailure(error, isAtDestination: true)
        }
        let entries: [DirectoryEntry]
        switch await listing {
        case .success(let listed): entries = listed
        case .failure(let error): throw CopyFailure(error)
        }
        let finalMode = options.preserves || (isNew && mode(item) & 0o700 != 0o700) ? mode(item) : nil
        if finalMode != nil || options.preserves {
            state.withLock { $0.directories.append((item.destination, finalMode, modified(item))) }
        }
        var children: [CopyItem] = []
        for entry in entries {
            let source = Path.join(item.source, entry.name)
            guard let status = entry.status else {
                state.withLock { $0.outcome.failures += 1 }
                progress.say("portal: \(from.shown(source)): it cannot be looked at, or went away")
                continue
            }
            let child = CopyItem(source: source, destination: Path.join(item.destination, entry.name), status: status)
            found(child)
            children.append(child)
        }
        await queue.add(children)
    }

    private func listed(_ path: [UInt8]) async -> Result<[DirectoryEntry], PortalError> {
        do throws(PortalError) { return .success(try await from.list(path)) } catch { return .failure(error) }
    }

    /// The deepest first: setting what is in a directory changes the directory's own time.
    private func finishDirectories() async {
        let directories = state.withLock { $0.directories }
        for directory in directories.sorted(by: { $0.path.count > $1.path.count }) {
            do throws(PortalError) {
                try await to.setAttributes(directory.path, mode: directory.mode, modified: directory.modified)
            } catch {
                state.withLock { $0.outcome.failures += 1 }
                progress.say("portal: \(to.shown(directory.path)): \(Copier.words(error))")
            }
        }
    }

    private func copyLink(_ item: CopyItem) async throws(CopyFailure) {
        guard let target = item.status.target else { throw CopyFailure(PortalError(.internal, "the link cannot be read")) }
        do throws(PortalError) {
            try await to.makeLink(item.destination, target: target)
            if let modified = modified(item) { try await to.setAttributes(item.destination, mode: nil, modified: modified, isLink: true) }
        } catch {
            throw CopyFailure(error, isAtDestination: true)
        }
        progress.finished()
    }

    // MARK: Files

    private func copyFile(_ item: CopyItem) async throws(CopyFailure) {
        switch (from, to) {
        case (.here, .there(let workspace, _)):
            do throws(PortalError) { try await upload(item, to: workspace) } catch {
                // Only the host says of which path it speaks.
                throw CopyFailure(error, isAtDestination: error.path != nil)
            }
        case (.there(let workspace, _), .here):
            do throws(PortalError) { try await download(item, from: workspace) } catch { throw CopyFailure(error) }
        case (.there(let source, _), .there(let destination, _)): try await relay(item, from: source, to: destination)
        case (.here, .here): throw CopyFailure(PortalError(.invalid, "both are on this machine; cp copies them"))
        }
        progress.finished()
    }
}
