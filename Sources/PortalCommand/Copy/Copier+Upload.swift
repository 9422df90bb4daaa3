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
    /// Files of at least so many bytes go on where an earlier copy was cut. A smaller one is sent again as quickly.
    static let resumableFile: UInt64 = 8 << 20
    static let pieceLength = 256 * 1024
    /// How often a copy that finds its part in use asks again: the host may not know yet that an earlier link is gone.
    private static let busyAttempts = 20

    /// The name in which a large file is collected beside its destination, on either side, until it is whole.
    static func partName(_ key: [UInt8]) -> [UInt8] { Array(".portal-part-".utf8) + key.prefix(32) }

    func upload(_ item: CopyItem, to workspace: Workspace) async throws(PortalError) {
        if item.status.size <= CopyQueue.largeFile {
            let content = try await Blocking.run { () throws(PortalError) in
                let file = try LocalFile(item.source, O_RDONLY, action: "read")
                var content = try file.read(Int(item.status.size) + 1)
                // It has grown since it was listed.
                while content.count > Int(item.status.size) {
                    let more = try file.read(Copier.pieceLength)
                    if more.isEmpty { break }
                    content += more
                }
                return (bytes: content, hash: ContentHash.of(content))
            }
            var request = FileWriteRequest(path: item.destination, mode: mode(item), sha256: content.hash)
            request.hardLinks = .replace
            let result = try await workspace.write(request, content: content.bytes)
            progress.moved(content.bytes.count)
            return try await finishUpload(item, result)
        }
        let file = try await Blocking.run { () throws(PortalError) in try LocalFile(item.source, O_RDONLY, action: "read") }
        // The host must know the hash before the content: what is cut or changed on its way is then never put in place.
        let hash = try await hashOfContent(file)
        var attempts = 0
        var ignoresPart = false
        while true {
            do throws(PortalError) {
                let result = try await send(item, file, hash: hash, to: workspace, ignoresPart: ignoresPart)
                return try await finishUpload(item, result)
            } catch  where error.code == .conflict && item.status.size >= Copier.resumableFile && attempts < Copier.busyAttempts {
                attempts += 1
                do { try await Task.sleep(nanoseconds: options.busyPauseNanoseconds) } catch { throw PortalError(.cancelled, "cancelled") }
            } catch  where error.code == .invalid && !ignoresPart {
                // The part was spoilt: once more from the start. The second time it is the file here that changes.
                ignoresPart = true
            }
        }
    }

    private func hashOfContent(_ file: LocalFile) async throws(PortalError) -> [UInt8] {
        try await Blocking.run { () throws(PortalError) in
            try file.seek(to: 0)
            let hash = ContentHash()
            while true {
                let bytes = try file.read(Copier.pieceLength)
                if bytes.isEmpty { return hash.end() }
                hash.add(bytes)
            }
        }
    }

    private func send(
        _ item: CopyItem, _ file: LocalFile, hash: [UInt8], to workspace: Workspace, ignoresPart: Bool
    ) async throws(PortalError) -> FileWriteResult {
        var request = FileWriteRequest(path: item.destination, mode: mode(item), sha256: hash)
        request.hardLinks = .replace
        var offset: UInt64 = 0
        let part = Copier.partName(hash)
        if item.status.size >= Copier.resumableFile {
            let place = Path.join(Path.parent(item.destination), part)
            if !ignoresPart, let status = try? await workspace.status(of: RemotePath(bytes: place), follow: false), status.kind == .file {
                offset = min(status.size, item.status.size)
            }
            request.part = Array(hash.prefix(32))
            request.offset = offset
        }
        let start = offset
        try await Blocking.run { () throws(PortalError) in try file.seek(to: start) }
        progress.skipped(start)
        var sent: UInt64 = 0
        let writer = try await workspace.write(request)
        do throws(PortalError) {
            while !writer.hasEnded {
                let bytes = try await Blocking.run { () throws(PortalError) in try file.read(Copier.pieceLength) }
                if bytes.isEmpty { break }
                await writer.send(bytes)
                sent += UInt64(bytes.count)
                progress.moved(bytes.count)
            }
            return try await writer.finish()
        } catch {
            await writer.cancel()
            let isStopped = error.code == .cancelled || error.code == .outcomeUnknown || error.code == .disconnected
            if request.part != nil, isStopped, start + sent > 0 { left(to.shown(Path.join(Path.parent(item.destination), part))) }
            progress.undo(moved: sent, skipped: start)
            throw error
        }
    }

    private func finishUpload(_ item: CopyItem, _ result: FileWriteResult) async throws(PortalError) {
        guard options.preserves else { return }
        // A new file has its permissions already; one that was there has kept its own.
        try await to.setAttributes(item.destination, mode: result.created ? nil : mode(item), modified: modified(item))
    }
}
