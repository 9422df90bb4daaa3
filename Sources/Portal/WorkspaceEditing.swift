import PortalWire

extension Workspace {
    /// Replaces exact texts in a file, all of them or none; the file is the old or the new one at every moment.
    ///
    /// The edits are made in their order, each on the outcome of the one before. In a file with CR LF line ends, texts with line feeds match.
    /// - Parameters:
    ///   - ifMatch: The SHA-256 (hexadecimal) that the file must have; else `conflict`.
    ///   - hardLinks: What is done with a file that has more names than this one.
    ///   - sync: Whether the content is on the disk before this returns.
    /// - Throws: `PortalError`: `noMatch` and `notUnique` say in `details` which edit it was, and what is near or where the matches are.
    @discardableResult
    public func edit(
        _ path: RemotePath, _ edits: [FileEdit], ifMatch: String? = nil, hardLinks: HardLinks = .refuse, sync: Bool = false
    ) async throws(PortalError) -> FileEditResult {
        let request = FileEditRequest(
            path: path.bytes, directory: directory, ifMatch: ifMatch.map { Array($0.utf8) }, sync: sync, hardLinks: hardLinks)
        let data = FileEdit.data(edits)
        let isSmall = data.count <= Limits.preferredPayloadLength
        let exchange = try await connection.start(FileEditRequest.operation, payload: isSmall ? data : [], hasMore: !isSmall) {
            request.write(to: &$0)
        }
        if !isSmall { await exchange.send(data, stream: .content, end: true) }
        return try parsed(FileEditResult(try await exchange.end()), FileEditRequest.operation)
    }

    /// Replaces the one occurrence of a text in a file, or with `all` each of them.
    @discardableResult
    public func edit(
        _ path: RemotePath, replacing old: String, with new: String, all: Bool = false, ifMatch: String? = nil
    ) async throws(PortalError) -> FileEditResult {
        try await edit(path, [FileEdit(old: Array(old.utf8), new: Array(new.utf8), all: all)], ifMatch: ifMatch)
    }

    /// Whole lines of a file, with how many it has.
    /// - Parameters:
    ///   - first: The first line, from 1.
    ///   - count: The most lines; nil for all to the end. They are held in memory.
    /// - Returns: The lines' bytes, and the result, whose `lines` is there, with the file's hash for `ifMatch` and `ifNoneMatch`.
    public func readLines(
        _ path: RemotePath, first: UInt64 = 1, count: UInt64? = nil
    ) async throws(PortalError) -> (content: [UInt8], result: FileReadResult) {
        let request = FileReadRequest(path: path.bytes, directory: directory, firstLine: first, lines: count, hash: true)
        let (content, value) = try await connection.start(FileReadRequest.operation) { request.write(to: &$0) }.collect()
        return (content, try parsed(FileReadResult(value), FileReadRequest.operation))
    }

    /// A file's bytes unless its content has the given hash; then nil, and nothing was sent.
    /// - Parameter hash: The SHA-256 (hexadecimal) of the content that is known already.
    public func read(_ path: RemotePath, ifNoneMatch hash: String) async throws(PortalError) -> (content: [UInt8], result: FileReadResult)?
    {
        let request = FileReadRequest(path: path.bytes, directory: directory, hash: true, ifNoneMatch: Array(hash.utf8))
        let (content, value) = try await connection.start(FileReadRequest.operation) { request.write(to: &$0) }.collect()
        let result = try parsed(FileReadResult(value), FileReadRequest.operation)
        return result.unchanged ? nil : (content, result)
    }
}
