import PortalWire

/// A file's bytes on their way from the host, with what the host says of them at the end.
public struct FileReader: Sendable {
    let exchange: Exchange

    /// The next piece, at most 64 KiB; nil at the end, where `end()` says whether that is the file's.
    public func next() async -> [UInt8]? { await exchange.next()?.bytes }

    /// What was read: the file as it was when it was opened and, where it was asked for, the hash of the bytes that were sent.
    /// - Throws: `PortalError`; bytes that came before it are not the whole file.
    public func end() async throws(PortalError) -> FileReadResult {
        guard let result = FileReadResult(try await exchange.end()) else {
            throw PortalError(.internal, "the answer of fs.read lacks something that it must have")
        }
        return result
    }

    /// Gives the reading up; what comes after it is dropped.
    public func cancel() { exchange.cancel() }
}

/// A file's bytes on their way to the host. Nothing is at the path before `finish()` has returned.
public struct FileWriter: Sendable {
    let exchange: Exchange

    /// Whether the host takes no more: `finish()` throws why.
    public var hasEnded: Bool { exchange.hasEnded }

    /// Sends the next bytes, waiting while the host takes no more.
    public func send(_ bytes: [UInt8]) async { if !bytes.isEmpty { await exchange.send(bytes, stream: .content, end: false) } }

    /// Puts what was sent in place.
    /// - Throws: `PortalError`; then the file is as it was, unless `applied` says otherwise.
    public func finish() async throws(PortalError) -> FileWriteResult {
        await exchange.send([], stream: .content, end: true)
        guard let result = FileWriteResult(try await exchange.end()) else {
            throw PortalError(.internal, "the answer of fs.write lacks something that it must have")
        }
        return result
    }

    /// Gives it up, and returns when the host has said so; the file stays as it was.
    public func cancel() async {
        exchange.cancel()
        _ = try? await exchange.end()
    }
}

extension Workspace {
    /// Opens a file for reading as it comes.
    /// - Parameters:
    ///   - request: Its relative path starts at the workspace's directory unless the request names another.
    public func read(_ request: FileReadRequest) async throws(PortalError) -> FileReader {
        var request = request
        if request.directory == nil { request.directory = directory }
        let placed = request
        return FileReader(exchange: try await connection.start(FileReadRequest.operation) { placed.write(to: &$0) })
    }

    /// Opens a file for writing as the bytes come.
    /// - Parameter request: Its relative path starts at the workspace's directory unless the request names another.
    public func write(_ request: FileWriteRequest) async throws(PortalError) -> FileWriter {
        var request = request
        if request.directory == nil { request.directory = directory }
        let placed = request
        return FileWriter(exchange: try await connection.start(FileWriteRequest.operation, hasMore: true) { placed.write(to: &$0) })
    }

    /// Writes a file in one request.
    /// - Parameter content: At most 64 KiB; more goes through a `FileWriter`.
    public func write(_ request: FileWriteRequest, content: [UInt8]) async throws(PortalError) -> FileWriteResult {
        guard content.count <= Limits.preferredPayloadLength else {
            let writer = try await write(request)
            await writer.send(content)
            return try await writer.finish()
        }
        var request = request
        if request.directory == nil { request.directory = directory }
        let placed = request
        let exchange = try await connection.start(FileWriteRequest.operation, payload: content) { placed.write(to: &$0) }
        return try parsed(FileWriteResult(try await exchange.end()), FileWriteRequest.operation)
    }
}
