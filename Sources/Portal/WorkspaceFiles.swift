import PortalWire

extension Workspace {
    /// A file's bytes, whole or a range of them.
    /// - Parameters:
    ///   - offset: The first byte.
    ///   - length: The most bytes; nil for all to the end. They are held in memory: `contents(of:)` streams.
    public func read(_ path: RemotePath, offset: UInt64 = 0, length: UInt64? = nil) async throws(PortalError) -> [UInt8] {
        let request = FileReadRequest(path: path.bytes, directory: directory, offset: offset, length: length)
        return try await connection.start(FileReadRequest.operation) { request.write(to: &$0) }.collect().content
    }

    /// A file's bytes and what the host knows of it, with the hash that `write(_:to:ifMatch:)` takes.
    public func readWithStatus(_ path: RemotePath) async throws(PortalError) -> (content: [UInt8], result: FileReadResult) {
        let request = FileReadRequest(path: path.bytes, directory: directory, hash: true)
        let (content, value) = try await connection.start(FileReadRequest.operation) { request.write(to: &$0) }.collect()
        return (content, try parsed(FileReadResult(value), FileReadRequest.operation))
    }

    /// A file's bytes as they come, in pieces of at most 64 KiB; the host is asked for more as they are taken.
    public func contents(of path: RemotePath, offset: UInt64 = 0, length: UInt64? = nil) async throws(PortalError) -> ByteStream {
        let request = FileReadRequest(path: path.bytes, directory: directory, offset: offset, length: length)
        return ByteStream(exchange: try await connection.start(FileReadRequest.operation) { request.write(to: &$0) })
    }

    /// Replaces a file's content, or makes the file; the file is the old or the new one at every moment.
    /// - Parameters:
    ///   - ifMatch: The SHA-256 (hexadecimal) that the file must have; else `conflict`.
    ///   - createOnly: Whether a file that exists is an error (`exists`).
    ///   - parents: Whether missing directories are made.
    ///   - mode: The permission bits of a new file; an existing one keeps its own.
    ///   - sync: Whether the content is on the disk before this returns.
    ///   - hardLinks: What is done with a file that has more names than this one.
    /// - Returns: What is in place, with what the old file had and could not be kept in `lost`.
    @discardableResult
    public func write(
        _ content: [UInt8], to path: RemotePath, ifMatch: String? = nil, createOnly: Bool = false, parents: Bool = false,
        mode: UInt32? = nil, sync: Bool = false, hardLinks: HardLinks = .refuse
    ) async throws(PortalError) -> FileWriteResult {
        let request = FileWriteRequest(
            path: path.bytes, directory: directory, mode: mode, ifMatch: ifMatch.map { Array($0.utf8) }, createOnly: createOnly,
            parents: parents, sync: sync, hardLinks: hardLinks)
        let isSmall = content.count <= Limits.preferredPayloadLength
        let exchange = try await connection.start(FileWriteRequest.operation, payload: isSmall ? content : [], hasMore: !isSmall) {
            request.write(to: &$0)
        }
        if !isSmall { await exchange.send(content, stream: .content, end: true) }
        return try parsed(FileWriteResult(try await exchange.end()), FileWriteRequest.operation)
    }

    /// Replaces a file's content by what a sequence gives, as it gives it. If the sequence throws, the file stays as it was.
    @discardableResult
    public func write<Chunks: AsyncSequence & Sendable>(
        contentsOf chunks: Chunks, to path: RemotePath, parents: Bool = false, mode: UInt32? = nil, sync: Bool = false
    ) async throws -> FileWriteResult where Chunks.Element == [UInt8] {
        let request = FileWriteRequest(path: path.bytes, directory: directory, mode: mode, parents: parents, sync: sync)
        let exchange = try await connection.start(FileWriteRequest.operation, hasMore: true) { request.write(to: &$0) }
        do {
            for try await chunk in chunks where !chunk.isEmpty { await exchange.send(chunk, stream: .content, end: false) }
        } catch {
            exchange.cancel()
            _ = try? await exchange.end()
            throw error
        }
        await exchange.send([], stream: .content, end: true)
        return try parsed(FileWriteResult(try await exchange.end()), FileWriteRequest.operation)
    }

    /// What is at a path.
    /// - Parameter follow: Whether a symbolic link at its end is followed.
    public func status(of path: RemotePath, follow: Bool = true) async throws(PortalError) -> FileStatus {
        let request = FileStatRequest(path: path.bytes, directory: directory, follow: follow)
        let value = try await connection.start(FileStatRequest.operation) { request.write(to: &$0) }.end()
        return try parsed(FileStatus(value), FileStatRequest.operation)
    }

    /// A directory's entries with their attributes, sorted by name.
    public func list(_ path: RemotePath = ".") async throws(PortalError) -> [DirectoryEntry] {
        let request = FileListRequest(path: path.bytes, directory: directory)
        let (content, _) = try await connection.start(FileListRequest.operation) { request.write(to: &$0) }.collect()
        var entries: [DirectoryEntry] = []
        for line in content.split(separator: 0x0A) {
            guard let value = try? JSONParser.parse(Array(line)), let entry = DirectoryEntry(value) else {
                throw PortalError(.internal, "a line of the directory's listing is not an entry")
            }
            entries.append(entry)
        }
        return entries.sorted { $0.name.lexicographicallyPrecedes($1.name) }
    }

    /// Removes a file, a link or an empty directory; with `recursive`, a directory and everything in it. Links are never followed.
    public func remove(_ path: RemotePath, recursive: Bool = false) async throws(PortalError) {
        let request = FileRemoveRequest(path: path.bytes, directory: directory, recursive: recursive)
        _ = try await connection.start(FileRemoveRequest.operation) { request.write(to: &$0) }.end()
    }

    /// Makes a directory; with `parents`, missing parents too, and one that exists is no error.
    public func makeDirectory(_ path: RemotePath, parents: Bool = false, mode: UInt32? = nil) async throws(PortalError) {
        let request = FileMakeDirectoryRequest(path: path.bytes, directory: directory, parents: parents, mode: mode)
        _ = try await connection.start(FileMakeDirectoryRequest.operation) { request.write(to: &$0) }.end()
    }

    /// Moves within one file system, atomically.
    /// - Parameter replace: Whether something at the new path is replaced; otherwise that is `exists`.
    public func rename(_ path: RemotePath, to newPath: RemotePath, replace: Bool = true) async throws(PortalError) {
        let request = FileRenameRequest(from: path.bytes, to: newPath.bytes, directory: directory, replace: replace)
        _ = try await connection.start(FileRenameRequest.operation) { request.write(to: &$0) }.end()
    }
}

/// Bytes as they come from the host; it throws where the reading failed there.
public struct ByteStream: AsyncSequence, Sendable {
    let exchange: Exchange

    /// Takes the pieces one after another. Only one iterator may be in use.
    public struct Iterator: AsyncIteratorProtocol {
        let exchange: Exchange

        /// The next piece.
        /// - Throws: `PortalError`.
        public mutating func next() async throws -> [UInt8]? {
            if let chunk = await exchange.next() { return chunk.bytes }
            _ = try await exchange.end()
            return nil
        }
    }

    /// An iterator.
    public func makeAsyncIterator() -> Iterator { Iterator(exchange: exchange) }
}
