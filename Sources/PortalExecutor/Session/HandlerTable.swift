import PortalWire

/// What answers an operation. Adding one is its case here, its name, what is made for it, and its subclass of `OpenRequest`.
enum Handler: UInt8, CaseIterable {
    case status, read, list, write, edit, remove, makeDirectory, rename, copy, link, readLink, realPath, mode, times
    case start, input, signal, wait, resize, output, processes
    case grep, glob, batch, watch
    case information, statistics, end

    /// The operation's name.
    var name: Literal {
        switch self {
        case .status: FileStatRequest.operation
        case .read: FileReadRequest.operation
        case .list: FileListRequest.operation
        case .write: FileWriteRequest.operation
        case .edit: FileEditRequest.operation
        case .remove: FileRemoveRequest.operation
        case .makeDirectory: FileMakeDirectoryRequest.operation
        case .rename: FileRenameRequest.operation
        case .copy: FileCopyRequest.operation
        case .link: FileLinkRequest.operation
        case .readLink: FilePathRequest.readLink
        case .realPath: FilePathRequest.realPath
        case .mode: FileModeRequest.operation
        case .times: FileTimesRequest.operation
        case .start: ProcessStartRequest.operation
        case .input: ProcessWriteRequest.operation
        case .signal: ProcessSignalRequest.operation
        case .wait: ProcessWaitRequest.operation
        case .resize: ProcessResizeRequest.operation
        case .output: ProcessOutputRequest.operation
        case .processes: ProcessListRequest.operation
        case .grep: SearchGrepRequest.operation
        case .glob: SearchGlobRequest.operation
        case .batch: BatchRequest.operation
        case .watch: WatchStartRequest.operation
        case .information: OperationNames.sessionInfo
        case .statistics: OperationNames.sessionStats
        case .end: OperationNames.sessionEnd
        }
    }

    /// A request of the operation.
    func make(_ id: UInt64, hasMore: Bool, session: Session) -> OpenRequest {
        switch self {
        case .status: FileRequest(id, hasMore: hasMore, session: session, .status)
        case .read: ReadRequest(id, hasMore: hasMore, session: session)
        case .list: TreeRequest(id, hasMore: hasMore, session: session, prepare: ListOperation.prepare)
        case .write: WriteRequest(id, hasMore: hasMore, session: session)
        case .edit: FileRequest(id, hasMore: hasMore, session: session, .edit)
        case .remove: FileRequest(id, hasMore: hasMore, session: session, .remove)
        case .makeDirectory: FileRequest(id, hasMore: hasMore, session: session, .makeDirectory)
        case .rename: FileRequest(id, hasMore: hasMore, session: session, .rename)
        case .copy: FileRequest(id, hasMore: hasMore, session: session, .copy)
        case .link: FileRequest(id, hasMore: hasMore, session: session, .link)
        case .readLink: FileRequest(id, hasMore: hasMore, session: session, .readLink)
        case .realPath: FileRequest(id, hasMore: hasMore, session: session, .realPath)
        case .mode: FileRequest(id, hasMore: hasMore, session: session, .mode)
        case .times: FileRequest(id, hasMore: hasMore, session: session, .times)
        case .start: RunRequest(id, hasMore: hasMore, session: session)
        case .input: InputRequest(id, hasMore: hasMore, session: session)
        case .signal: SignalRequest(id, hasMore: hasMore, session: session)
        case .wait: WaitRequest(id, hasMore: hasMore, session: session)
        case .resize: ResizeRequest(id, hasMore: hasMore, session: session)
        case .output: OutputRequest(id, hasMore: hasMore, session: session)
        case .processes: ListingRequest(id, hasMore: hasMore, session: session)
        case .grep: TreeRequest(id, hasMore: hasMore, session: session, prepare: GrepOperation.prepare)
        case .glob: TreeRequest(id, hasMore: hasMore, session: session, prepare: GlobOperation.prepare)
        case .batch: BatchOperationRequest(id, hasMore: hasMore, session: session)
        case .watch: WatchRequest(id, hasMore: hasMore, session: session)
        case .information: InfoRequest(id, hasMore: hasMore, session: session)
        case .statistics: StatsRequest(id, hasMore: hasMore, session: session)
        case .end: EndRequest(id, hasMore: hasMore, session: session)
        }
    }

    /// The case of an operation.
    static func named(_ operation: [UInt8]) -> Handler? {
        var number: UInt8 = 0
        while let handler = Handler(rawValue: number) {
            if operation.equals(handler.name) { return handler }
            number += 1
        }
        return nil
    }
}

/// The names of the operations that this executor answers.
public var executorOperations: [Literal] { Handler.allCases.map { $0.name } }
