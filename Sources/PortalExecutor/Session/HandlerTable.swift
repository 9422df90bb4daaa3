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
    func make(_ request: Request, _ session: Session) -> OpenRequest {
        switch self {
        case .status: FileRequest(request, session, .status)
        case .read: ReadRequest(request, session: session)
        case .list: TreeRequest(request, session: session, prepare: ListOperation.prepare)
        case .write: WriteRequest(request, session: session)
        case .edit: FileRequest(request, session, .edit)
        case .remove: FileRequest(request, session, .remove)
        case .makeDirectory: FileRequest(request, session, .makeDirectory)
        case .rename: FileRequest(request, session, .rename)
        case .copy: FileRequest(request, session, .copy)
        case .link: FileRequest(request, session, .link)
        case .readLink: FileRequest(request, session, .readLink)
        case .realPath: FileRequest(request, session, .realPath)
        case .mode: FileRequest(request, session, .mode)
        case .times: FileRequest(request, session, .times)
        case .start: RunRequest(request, session: session)
        case .input: InputRequest(request, session: session)
        case .signal: SignalRequest(request, session: session)
        case .wait: WaitRequest(request, session: session)
        case .resize: ResizeRequest(request, session: session)
        case .output: OutputRequest(request, session: session)
        case .processes: ListingRequest(request, session: session)
        case .grep: TreeRequest(request, session: session, prepare: GrepOperation.prepare)
        case .glob: TreeRequest(request, session: session, prepare: GlobOperation.prepare)
        case .batch: BatchOperationRequest(request, session: session)
        case .watch: WatchRequest(request, session: session)
        case .information: InfoRequest(request, session: session)
        case .statistics: StatsRequest(request, session: session)
        case .end: EndRequest(request, session: session)
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
