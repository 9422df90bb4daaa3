import Portal
import PortalWire

extension Copier {
    /// From one host to another, through this machine: the bytes are not kept here.
    func relay(_ item: CopyItem, from source: Workspace, to destination: Workspace) async throws(CopyFailure) {
        let reader = try await reading { () async throws(PortalError) in
            try await source.read(FileReadRequest(path: item.source, hash: true))
        }
        if item.status.size <= CopyQueue.largeFile { return try await relaySmall(item, reader, to: destination) }
        var request = FileWriteRequest(path: item.destination, mode: mode(item))
        request.hardLinks = .replace
        let writer = try await writing { [request] () async throws(PortalError) in try await destination.write(request) }
        let written: FileWriteResult
        let hash: [UInt8]?
        do throws(CopyFailure) {
            while !writer.hasEnded, let bytes = await reader.next() {
                await writer.send(bytes)
                progress.moved(bytes.count)
            }
            hash = writer.hasEnded ? nil : try await reading { () async throws(PortalError) in try await reader.end().sha256 }
            written = try await writing { () async throws(PortalError) in try await writer.finish() }
        } catch {
            await writer.cancel()
            throw error
        }
        guard written.sha256 == hash else {
            let error = PortalError(.internal, "what was written there is not what was read; copy it again", applied: .yes)
            throw CopyFailure(error, isAtDestination: true)
        }
        try await finishRelay(item, written)
    }

    private func relaySmall(_ item: CopyItem, _ reader: FileReader, to destination: Workspace) async throws(CopyFailure) {
        var content: [UInt8] = []
        while let bytes = await reader.next() {
            content += bytes
            progress.moved(bytes.count)
        }
        let read = try await reading { () async throws(PortalError) in try await reader.end() }
        var request = FileWriteRequest(path: item.destination, mode: mode(item), sha256: read.sha256)
        request.hardLinks = .replace
        let written = try await writing { [request, content] () async throws(PortalError) in
            try await destination.write(request, content: content)
        }
        try await finishRelay(item, written)
    }

    private func finishRelay(_ item: CopyItem, _ result: FileWriteResult) async throws(CopyFailure) {
        guard options.preserves else { return }
        try await writing { () async throws(PortalError) in
            try await to.setAttributes(item.destination, mode: result.created ? nil : mode(item), modified: modified(item))
        }
    }

    /// What is done on the host that is copied from.
    private func reading<Value: Sendable>(_ body: () async throws(PortalError) -> Value) async throws(CopyFailure) -> Value {
        do throws(PortalError) { return try await body() } catch { throw CopyFailure(error) }
    }

    /// What is done on the host that is copied to.
    private func writing<Value: Sendable>(_ body: () async throws(PortalError) -> Value) async throws(CopyFailure) -> Value {
        do throws(PortalError) { return try await body() } catch { throw CopyFailure(error, isAtDestination: true) }
    }
}
