import PortalWire

/// What answers an operation.
struct Handler: Sendable {
    let name: Literal
    let make: @Sendable (Request, Session) -> OpenRequest

    /// One row an operation. Adding one is its row here and its subclass of `OpenRequest`.
    static let all: [Handler] = [
        Handler(name: FileStatRequest.operation) { FileRequest($0, $1, .status) },
        Handler(name: FileReadRequest.operation) { ReadRequest($0, session: $1) },
        Handler(name: FileListRequest.operation) { TreeRequest($0, session: $1, prepare: ListOperation.prepare) },
        Handler(name: FileWriteRequest.operation) { WriteRequest($0, session: $1) },
        Handler(name: FileEditRequest.operation) { FileRequest($0, $1, .edit) },
        Handler(name: FileRemoveRequest.operation) { FileRequest($0, $1, .remove) },
        Handler(name: FileMakeDirectoryRequest.operation) { FileRequest($0, $1, .makeDirectory) },
        Handler(name: FileRenameRequest.operation) { FileRequest($0, $1, .rename) },
        Handler(name: FileCopyRequest.operation) { FileRequest($0, $1, .copy) },
        Handler(name: FileLinkRequest.operation) { FileRequest($0, $1, .link) },
        Handler(name: FilePathRequest.readLink) { FileRequest($0, $1, .readLink) },
        Handler(name: FilePathRequest.realPath) { FileRequest($0, $1, .realPath) },
        Handler(name: FileModeRequest.operation) { FileRequest($0, $1, .mode) },
        Handler(name: FileTimesRequest.operation) { FileRequest($0, $1, .times) },
        Handler(name: ProcessStartRequest.operation) { RunRequest($0, session: $1) },
        Handler(name: ProcessWriteRequest.operation) { InputRequest($0, session: $1) },
        Handler(name: ProcessSignalRequest.operation) { SignalRequest($0, session: $1) },
        Handler(name: ProcessWaitRequest.operation) { WaitRequest($0, session: $1) },
        Handler(name: ProcessResizeRequest.operation) { ResizeRequest($0, session: $1) },
        Handler(name: ProcessOutputRequest.operation) { OutputRequest($0, session: $1) },
        Handler(name: ProcessListRequest.operation) { ListingRequest($0, session: $1) },
        Handler(name: SearchGrepRequest.operation) { TreeRequest($0, session: $1, prepare: GrepOperation.prepare) },
        Handler(name: SearchGlobRequest.operation) { TreeRequest($0, session: $1, prepare: GlobOperation.prepare) },
        Handler(name: BatchRequest.operation) { BatchOperationRequest($0, session: $1) },
        Handler(name: WatchStartRequest.operation) { WatchRequest($0, session: $1) },
        Handler(name: OperationNames.sessionInfo) { InfoRequest($0, session: $1) },
        Handler(name: OperationNames.sessionStats) { StatsRequest($0, session: $1) },
        Handler(name: OperationNames.sessionEnd) { EndRequest($0, session: $1) },
    ]

    /// The row of an operation.
    static func named(_ operation: [UInt8]) -> Handler? {
        for handler in all where operation.equals(handler.name) { return handler }
        return nil
    }

    /// The operations that this executor answers.
    static var names: [Literal] { all.map { $0.name } }
}

/// The names of the operations that this executor answers.
public var executorOperations: [Literal] { Handler.names }
