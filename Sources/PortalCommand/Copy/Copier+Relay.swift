import Portal
import PortalWire

extension Copier {
    /// From one host to another, through this machine: the bytes are not kept here.
    func relay(_ item: CopyItem, from source: Workspace, to destination: Workspace) async throws(PortalError) {
        let reader = try await source.read(FileReadRequest(path: item.source, hash: true))
        if item.status.size <= CopyQueue.largeFile {
            var content: [UInt8] = []
            while let bytes = await reader.next() {
                content += bytes
                progress.moved(bytes.count)
            }
            let read = try await reader.end()
            var request = FileWriteRequest(path: item.destination, mode: mode(item), sha256: read.sha256)
            request.hardLinks = .replace
            return try await finishRelay(item, try await destination.write(request, content: content))
        }
        var request = FileWriteRequest(path: item.destination, mode: mode(item))
        request.hardLinks = .replace
        let writer = try await destination.write(request)
        let written: FileWriteResult
        let hash: [UInt8]?
        do throws(PortalError) {
            while !writer.hasEnded, let bytes = await reader.next() {
                await writer.send(bytes)
                progress.moved(bytes.count)
            }
            hash = writer.hasEnded ? nil : try await reader.end().sha256
            written = try await writer.finish()
        } catch {
            await writer.cancel()
            throw error
        }
        guard written.sha256 == hash else {
            throw PortalError(.internal, "what was written there is not what was read; copy it again", applied: .yes)
        }
        try await finishRelay(item, written)
    }

    private func finishRelay(_ item: CopyItem, _ result: FileWriteResult) async throws(PortalError) {
        guard options.preserves else { return }
        try await to.setAttributes(item.destination, mode: result.created ? nil : mode(item), modified: modified(item))
    }
}
