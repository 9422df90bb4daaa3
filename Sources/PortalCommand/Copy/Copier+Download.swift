import Portal
import PortalWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension Copier {
    func download(_ item: CopyItem, from workspace: Workspace) async throws(PortalError) {
        guard item.status.size >= Copier.resumableFile else { return try await fetch(item, from: workspace) }
        do throws(PortalError) { try await fetchPart(item, from: workspace, ignoresPart: false) } catch  where error.code == .conflict {
            try await fetchPart(item, from: workspace, ignoresPart: true)
        }
    }

    /// A file that is not worth going on with.
    private func fetch(_ item: CopyItem, from workspace: Workspace) async throws(PortalError) {
        let reader = try await workspace.read(FileReadRequest(path: item.source, hash: true))
        // The host reads while the file is made here.
        let replacement = try await Blocking.run { () throws(PortalError) in try Replacement(item.destination, part: nil) }
        do throws(PortalError) {
            let (hash, moved) = try await receive(reader, into: replacement.file, also: nil)
            let result = try await reader.end()
            guard result.sha256 == hash else { throw Copier.damaged }
            if moved < item.status.size { progress.finished(missing: item.status.size - moved) }
            try await commit(replacement, item)
        } catch {
            replacement.giveUp()
            throw error
        }
    }

    /// A large file, from where an earlier copy was cut.
    private func fetchPart(_ item: CopyItem, from workspace: Workspace, ignoresPart: Bool) async throws(PortalError) {
        let status = item.status
        // Another state of the file is another part: the two never mix.
        let identity = "\(status.device) \(status.inode) \(status.size) \(status.modified) \(status.changed)"
        let part = Copier.partName(ContentHash.of(Array(identity.utf8)))
        let replacement = try await Blocking.run { () throws(PortalError) in try Replacement(item.destination, part: part) }
        let whole = ContentHash()
        let prepared = SendableBox(whole)
        let offset = try await Blocking.run { () throws(PortalError) in
            let there = try replacement.file.status().size
            let start = ignoresPart || there > status.size ? 0 : there
            try replacement.file.seek(to: 0)
            var hashed: UInt64 = 0
            while hashed < start {
                let bytes = try replacement.file.read(Int(min(UInt64(Copier.pieceLength), start - hashed)))
                if bytes.isEmpty { break }
                prepared.value.add(bytes)
                hashed += UInt64(bytes.count)
            }
            try replacement.file.truncate(to: hashed)
            return hashed
        }
        progress.skipped(offset)
        var moved: UInt64 = 0
        do throws(PortalError) {
            let reader = try await workspace.read(FileReadRequest(path: item.source, offset: offset, hash: true))
            let (hash, count) = try await receive(reader, into: replacement.file, also: whole)
            moved = count
            let result = try await reader.end()
            guard result.sha256 == hash else { throw Copier.damaged }
            guard result.status.size == status.size, result.status.modified == status.modified, offset + count == status.size else {
                replacement.discard()
                throw PortalError(.invalid, "it changed while it was copied; copy it again")
            }
            // What came now was checked; that it fits to what was there is the host's word on the hash of the whole.
            if offset > 0 { try await confirm(whole.end(), item, workspace, replacement) }
            try await commit(replacement, item)
        } catch {
            progress.undo(moved: moved, skipped: offset)
            replacement.giveUp()
            if error.code == .cancelled || error.code == .disconnected || error.code == .outcomeUnknown {
                left(Path.shown(replacement.file.path))
            }
            throw error
        }
    }

    /// - Throws: `conflict` where the host's file has another hash.
    private func confirm(
        _ hash: [UInt8], _ item: CopyItem, _ workspace: Workspace, _ replacement: Replacement
    ) async throws(PortalError) {
        var request = FileReadRequest(path: item.source, length: 0)
        request.ifNoneMatch = hash
        let reader = try await workspace.read(request)
        while await reader.next() != nil {}
        guard try await reader.end().unchanged else {
            throw PortalError(.conflict, "what an earlier copy left is not of this file")
        }
    }

    private static let damaged = PortalError(.internal, "what arrived is not what the host sent; copy it again")

    /// Writes what comes. Gives its hash and how much it was.
    private func receive(
        _ reader: FileReader, into file: LocalFile, also whole: ContentHash?
    ) async throws(PortalError) -> (hash: [UInt8], moved: UInt64) {
        let hash = ContentHash()
        var moved: UInt64 = 0
        while let bytes = await reader.next() {
            hash.add(bytes)
            whole?.add(bytes)
            try await Blocking.run { () throws(PortalError) in try file.write(bytes) }
            moved += UInt64(bytes.count)
            progress.moved(bytes.count)
        }
        return (hash.end(), moved)
    }

    private func commit(_ replacement: Replacement, _ item: CopyItem) async throws(PortalError) {
        let (mode, modified, overrides) = (mode(item), modified(item), options.preserves)
        try await Blocking.run { () throws(PortalError) in try replacement.commit(mode: mode, overrides: overrides, modified: modified) }
    }
}

/// Lends something to a thread that has it alone for the time of one call.
private final class SendableBox<Value>: @unchecked Sendable {
    let value: Value
    init(_ value: Value) { self.value = value }
}
