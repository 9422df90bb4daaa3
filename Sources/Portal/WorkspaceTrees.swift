import PortalWire

extension Workspace {
    /// Copies a file, a symbolic link or a directory on the host. Links are copied as links. A task that is cancelled stops the copying there;
    /// what was copied so far stays.
    /// - Parameters:
    ///   - newPath: The copy itself, not a directory to put it into.
    ///   - recursive: Whether a directory is copied, with everything in it.
    ///   - replace: Whether files that are there are replaced and directories that are there are merged with; otherwise that is `exists`.
    ///   - preserve: Whether copies have the mode and the times of the originals.
    @discardableResult
    public func copy(
        _ path: RemotePath, to newPath: RemotePath, recursive: Bool = false, replace: Bool = false, preserve: Bool = true
    ) async throws(PortalError) -> FileCopyResult {
        let request = FileCopyRequest(
            from: path.bytes, to: newPath.bytes, directory: directory, recursive: recursive, replace: replace, preserve: preserve)
        let value = try await connection.start(FileCopyRequest.operation) { request.write(to: &$0) }.end()
        return try parsed(FileCopyResult(value), FileCopyRequest.operation)
    }

    /// Makes a hard link: one more name of a file.
    public func link(_ path: RemotePath, to target: RemotePath) async throws(PortalError) {
        try await link(path, target.bytes, symbolic: false)
    }

    /// Makes a symbolic link.
    /// - Parameter target: The link's text, which is not looked at; a relative one starts at the link's own directory.
    public func symbolicLink(_ path: RemotePath, to target: RemotePath) async throws(PortalError) {
        try await link(path, target.bytes, symbolic: true)
    }

    private func link(_ path: RemotePath, _ target: [UInt8], symbolic: Bool) async throws(PortalError) {
        let request = FileLinkRequest(target: target, path: path.bytes, directory: directory, symbolic: symbolic)
        _ = try await connection.start(FileLinkRequest.operation) { request.write(to: &$0) }.end()
    }

    /// The text of a symbolic link.
    public func linkTarget(of path: RemotePath) async throws(PortalError) -> RemotePath {
        RemotePath(bytes: try await lookUp(FilePathRequest.readLink, "target", path))
    }

    /// The absolute path of something that is there, without links, `.` and `..`.
    public func realPath(_ path: RemotePath) async throws(PortalError) -> RemotePath {
        RemotePath(bytes: try await lookUp(FilePathRequest.realPath, "path", path))
    }

    private func lookUp(_ operation: Literal, _ member: Literal, _ path: RemotePath) async throws(PortalError) -> [UInt8] {
        let request = FilePathRequest(path: path.bytes, directory: directory)
        let value = try await connection.start(operation) { request.write(to: &$0) }.end()
        return try parsed(value.bytes(member), operation)
    }

    /// Changes the permission bits.
    /// - Parameter follow: Whether a symbolic link at the end of the path is followed; one that is not has no mode (`unsupported`).
    public func setMode(_ mode: UInt32, of path: RemotePath, follow: Bool = true) async throws(PortalError) {
        let request = FileModeRequest(path: path.bytes, directory: directory, mode: mode, follow: follow)
        _ = try await connection.start(FileModeRequest.operation) { request.write(to: &$0) }.end()
    }

    /// Sets the times of the last change and the last access, in nanoseconds since 1970; each stays as it is where it is nil, and one is needed.
    public func setTimes(
        of path: RemotePath, modified: Int64? = nil, accessed: Int64? = nil, follow: Bool = true
    ) async throws(PortalError) {
        let request = FileTimesRequest(path: path.bytes, directory: directory, modified: modified, accessed: accessed, follow: follow)
        _ = try await connection.start(FileTimesRequest.operation) { request.write(to: &$0) }.end()
    }
}
