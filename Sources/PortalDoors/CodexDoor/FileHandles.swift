import DoorSupport
import Portal
import PortalWire
import Synchronization

/// Files that the agent reads or writes in blocks.
///
/// A reading handle is a path with the file's number: where the path names another file meanwhile, or the file was changed, reading fails. A
/// writing one puts the new content in place when it is closed; its blocks must follow each other.
final class FileHandles: Sendable {
    /// Handles at once, as many as the agent's own server has.
    private static let most = 128
    /// Bytes of a block.
    private static let longestBlock: UInt64 = 1 << 20

    private struct Reading: Sendable {
        var path: [UInt8]
        var status: FileStatus
    }

    private final class Writing: Sendable {
        let writer: FileWriter
        let written = Mutex<UInt64>(0)

        init(_ writer: FileWriter) { self.writer = writer }
    }

    private enum Handle: Sendable {
        case opening
        case reading(Reading)
        case writing(Writing)
    }

    private let host: HostAccess
    private let handles = Mutex<[String: Handle]>([:])

    init(host: HostAccess) { self.host = host }

    private func name(_ parameters: JSONValue) throws(RemoteProcedureError) -> String {
        guard let name = parameters.text("handleId"), !name.isEmpty else { throw .parameter("handleId", "is missing") }
        return name
    }

    func open(_ parameters: JSONValue) async throws(RemoteProcedureError) -> JSONValue {
        let name = try name(parameters)
        let path = try host.path(parameters)
        let policy = try SandboxPolicy(parameters, map: host.map)
        let mode = parameters.text("mode") ?? "read"
        guard mode == "read" || mode == "replace" else { throw .parameter("mode", "is neither read nor replace") }
        let refusal = handles.withLock { handles -> String? in
            if handles[name] != nil { return "file handle \(name) is already open" }
            if handles.count >= FileHandles.most { return "\(FileHandles.most) file handles are open" }
            handles[name] = .opening
            return nil
        }
        if let refusal { throw .refused(refusal) }
        let host = host
        do throws(RemoteProcedureError) {
            let handle = try await host.within(host.deadlines.short, "opening the file") { workspace -> Handle in
                try await host.check(policy, mode == "read" ? .read : .write, path)
                if mode == "replace" {
                    return .writing(Writing(try await workspace.write(FileWriteRequest(path: path, hardLinks: .keep))))
                }
                let status = try await workspace.status(of: RemotePath(bytes: path))
                guard status.kind == .file else { throw RemoteProcedureError.refused("the path is no regular file") }
                return .reading(Reading(path: path, status: status))
            }
            handles.withLock { $0[name] = handle }
        } catch {
            handles.withLock { $0[name] = nil }
            throw error
        }
        return ["handleId": .text(name)]
    }

    func readBlock(_ parameters: JSONValue) async throws(RemoteProcedureError) -> JSONValue {
        let name = try name(parameters)
        guard let offset = parameters.unsigned("offset") else { throw .parameter("offset", "is missing") }
        guard let length = parameters.unsigned("len"), length > 0, length <= FileHandles.longestBlock else {
            throw .refused("a block has 1 to \(FileHandles.longestBlock) bytes")
        }
        guard case .reading(let reading)? = handles.withLock({ $0[name] }) else {
            throw .refused("file handle \(name) is not open for reading")
        }
        let host = host
        return try await host.within(host.deadlines.long, "reading the file") { workspace in
            let reader = try await workspace.read(FileReadRequest(path: reading.path, offset: offset, length: length))
            var content: [UInt8] = []
            while let piece = await reader.next() { content += piece }
            let now = try await reader.end().status
            guard now.inode == reading.status.inode, now.device == reading.status.device, now.modified == reading.status.modified else {
                throw RemoteProcedureError(RemoteProcedureError.internalError, "the file was changed while it was read")
            }
            return ["chunk": .string(BlockBase64.encode(content)), "eof": .bool(UInt64(content.count) < length)]
        }
    }

    func writeBlock(_ parameters: JSONValue) async throws(RemoteProcedureError) -> JSONValue {
        let name = try name(parameters)
        guard let offset = parameters.unsigned("offset") else { throw .parameter("offset", "is missing") }
        guard let text = parameters.string("chunk"), let content = BlockBase64.decode(text), !content.isEmpty,
            UInt64(content.count) <= FileHandles.longestBlock
        else { throw .refused("a block is base64 of 1 to \(FileHandles.longestBlock) bytes") }
        guard case .writing(let writing)? = handles.withLock({ $0[name] }) else {
            throw .refused("file handle \(name) is not open for writing")
        }
        let isNext = writing.written.withLock { written -> Bool in
            guard written == offset else { return false }
            written += UInt64(content.count)
            return true
        }
        guard isNext else { throw .refused("portal takes the blocks of a file only one after the other, from its beginning") }
        return try await host.within(host.deadlines.long, "writing the file") { _ in
            await writing.writer.send(content)
            // A host that takes no more says why now.
            if writing.writer.hasEnded { _ = try await writing.writer.finish() }
            return .object([JSONMember]())
        }
    }

    func close(_ parameters: JSONValue) async throws(RemoteProcedureError) -> JSONValue {
        let name = try name(parameters)
        if case .writing(let writing)? = handles.withLock({ $0.removeValue(forKey: name) }) {
            _ = try await host.within(host.deadlines.long, "writing the file") { _ in try await writing.writer.finish() }
        }
        return .object([JSONMember]())
    }
}
