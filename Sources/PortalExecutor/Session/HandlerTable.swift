import PortalWire

/// What answers an operation.
struct Handler: Sendable {
    let name: StaticString
    let make: @Sendable (Request, Session) -> OpenRequest

    /// One row an operation. Adding one is its row here and its subclass of `OpenRequest`.
    static let all: [Handler] = [
        Handler(name: FileStatRequest.operation) { FunctionRequest($0, $1, changesNothing: true, AnsweredRequest.answerStatus) },
        Handler(name: FileReadRequest.operation) { ReadRequest($0, session: $1) },
        Handler(name: FileListRequest.operation) { TreeRequest($0, session: $1, prepare: ListOperation.prepare) },
        Handler(name: FileWriteRequest.operation) { WriteRequest($0, session: $1) },
        Handler(name: FileEditRequest.operation) {
            FunctionRequest($0, $1, dataLength: FileEditRequest.dataLength, AnsweredRequest.answerEdit)
        },
        Handler(name: FileRemoveRequest.operation) { FunctionRequest($0, $1, AnsweredRequest.answerRemove) },
        Handler(name: FileMakeDirectoryRequest.operation) { FunctionRequest($0, $1, AnsweredRequest.answerMakeDirectory) },
        Handler(name: FileRenameRequest.operation) { FunctionRequest($0, $1, AnsweredRequest.answerRename) },
        Handler(name: FileCopyRequest.operation) { FunctionRequest($0, $1, AnsweredRequest.answerCopy) },
        Handler(name: FileLinkRequest.operation) { FunctionRequest($0, $1, AnsweredRequest.answerLink) },
        Handler(name: FilePathRequest.readLink) { FunctionRequest($0, $1, changesNothing: true, AnsweredRequest.answerReadLink) },
        Handler(name: FilePathRequest.realPath) { FunctionRequest($0, $1, changesNothing: true, AnsweredRequest.answerRealPath) },
        Handler(name: FileModeRequest.operation) { FunctionRequest($0, $1, AnsweredRequest.answerChangeMode) },
        Handler(name: FileTimesRequest.operation) { FunctionRequest($0, $1, AnsweredRequest.answerSetTimes) },
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
    static var names: [StaticString] { all.map { $0.name } }
}

/// The names of the operations that this executor answers.
public var executorOperations: [StaticString] { Handler.names }
