import PortalWire

/// What answers an operation.
struct Handler: Sendable {
    let name: StaticString
    let make: @Sendable (Request, Session) -> OpenRequest

    /// One row an operation. Adding one is its row here and its subclass of `OpenRequest`.
    static let all: [Handler] = [
        Handler(name: FileStatRequest.operation) { StatRequest($0, session: $1) },
        Handler(name: FileReadRequest.operation) { ReadRequest($0, session: $1) },
        Handler(name: FileListRequest.operation) { TreeRequest($0, session: $1, prepare: ListOperation.prepare) },
        Handler(name: FileWriteRequest.operation) { WriteRequest($0, session: $1) },
        Handler(name: FileRemoveRequest.operation) { RemoveRequest($0, session: $1) },
        Handler(name: FileMakeDirectoryRequest.operation) { MakeDirectoryRequest($0, session: $1) },
        Handler(name: FileRenameRequest.operation) { RenameRequest($0, session: $1) },
        Handler(name: ProcessStartRequest.operation) { RunRequest($0, session: $1) },
        Handler(name: ProcessWriteRequest.operation) { InputRequest($0, session: $1) },
        Handler(name: ProcessSignalRequest.operation) { SignalRequest($0, session: $1) },
        Handler(name: ProcessWaitRequest.operation) { WaitRequest($0, session: $1) },
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
