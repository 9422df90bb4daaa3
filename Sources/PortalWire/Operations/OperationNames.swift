/// Every operation of this version, with who answers it. Docs/protocol.md has a section for each, and a test compares the two.
public enum OperationNames {
    /// Answered by the executor.
    public static let executor: [Literal] = [
        FileStatRequest.operation, FileListRequest.operation, FileReadRequest.operation, FileWriteRequest.operation,
        FileEditRequest.operation, FileRemoveRequest.operation, FileMakeDirectoryRequest.operation, FileRenameRequest.operation,
        FileCopyRequest.operation, FileLinkRequest.operation, FilePathRequest.readLink, FilePathRequest.realPath,
        FileModeRequest.operation, FileTimesRequest.operation, ProcessStartRequest.operation, ProcessWriteRequest.operation,
        ProcessSignalRequest.operation, ProcessWaitRequest.operation, ProcessResizeRequest.operation, ProcessOutputRequest.operation,
        ProcessListRequest.operation, SearchGrepRequest.operation, SearchGlobRequest.operation,
        WatchStartRequest.operation, BatchRequest.operation, sessionInfo, sessionStats, sessionEnd,
    ]
    /// Answered by the proxy, on its own socket only.
    public static let proxy: [Literal] = [proxyConnect, proxyStatus, proxyStop]

    /// The host, the session and the limits.
    public static var sessionInfo: Literal { "session.info" }
    /// What the session has used.
    public static var sessionStats: Literal { "session.stats" }
    /// Kills every process of the session and ends the executor.
    public static var sessionEnd: Literal { "session.end" }
    /// Answered with the host's facts as soon as there is a link, or with why there is none.
    public static var proxyConnect: Literal { "proxy.connect" }
    /// The proxy's own state.
    public static var proxyStatus: Literal { "proxy.status" }
    /// Ends the session and the proxy.
    public static var proxyStop: Literal { "proxy.stop" }

    /// Whether an operation changes nothing, so that a lost answer leaves no doubt about what happened.
    public static func isReadOnly(_ operation: [UInt8]) -> Bool {
        for name in readOnly where operation.equals(name) { return true }
        return false
    }

    private static let readOnly: [Literal] = [
        FileStatRequest.operation, FileListRequest.operation, FileReadRequest.operation, FilePathRequest.readLink,
        FilePathRequest.realPath, ProcessWaitRequest.operation, ProcessOutputRequest.operation, ProcessListRequest.operation,
        SearchGrepRequest.operation, SearchGlobRequest.operation, WatchStartRequest.operation, sessionInfo, sessionStats, proxyConnect,
        proxyStatus,
    ]
}
