import PortalWire

/// One request of a batch.
public struct BatchCall: Sendable {
    let operation: Literal
    let data: [UInt8]
    let parameters: @Sendable (inout JSONWriter, _ directory: [UInt8]?) -> Void

    /// A request with parameters as the protocol has them; `cwd` is written by the closure, which gets the workspace's directory.
    /// - Parameter data: The request's own data, at most what a header has room for: a batch is one frame.
    public init(
        _ operation: Literal, data: [UInt8] = [],
        parameters: @escaping @Sendable (inout JSONWriter, _ directory: [UInt8]?) -> Void
    ) {
        self.operation = operation
        self.data = data
        self.parameters = parameters
    }

    /// What is at a path. The outcome's value is a `FileStatus`'.
    public static func status(of path: RemotePath, follow: Bool = true) -> BatchCall {
        BatchCall(FileStatRequest.operation) { FileStatRequest(path: path.bytes, directory: $1, follow: follow).write(to: &$0) }
    }

    /// A file's bytes, which are the outcome's content.
    public static func read(_ path: RemotePath, offset: UInt64 = 0, length: UInt64? = nil) -> BatchCall {
        BatchCall(FileReadRequest.operation) {
            FileReadRequest(path: path.bytes, directory: $1, offset: offset, length: length).write(to: &$0)
        }
    }

    /// Replaces a file's content, or makes the file. The outcome's value is a `FileWriteResult`'s.
    public static func write(_ content: [UInt8], to path: RemotePath, ifMatch: String? = nil, parents: Bool = false) -> BatchCall {
        BatchCall(FileWriteRequest.operation, data: content) {
            FileWriteRequest(path: path.bytes, directory: $1, ifMatch: ifMatch.map { Array($0.utf8) }, parents: parents).write(to: &$0)
        }
    }

    /// Makes a directory.
    public static func makeDirectory(_ path: RemotePath, parents: Bool = false) -> BatchCall {
        BatchCall(FileMakeDirectoryRequest.operation) {
            FileMakeDirectoryRequest(path: path.bytes, directory: $1, parents: parents).write(to: &$0)
        }
    }

    /// Removes a file, a link or a directory.
    public static func remove(_ path: RemotePath, recursive: Bool = false) -> BatchCall {
        BatchCall(FileRemoveRequest.operation) { FileRemoveRequest(path: path.bytes, directory: $1, recursive: recursive).write(to: &$0) }
    }

    /// Runs a command to its end. The outcome's value is a `ProcessEnd`'s, and what it printed is beside it.
    public static func run(_ command: RemoteCommand, input: [UInt8] = []) -> BatchCall {
        BatchCall(ProcessStartRequest.operation, data: input) { writer, directory in
            var command = command
            command.takesInput = !input.isEmpty
            command.request(in: directory).write(to: &writer)
        }
    }
}

/// How one request of a batch ended.
public struct BatchOutcome: Sendable {
    /// The result's value, or why it failed.
    public var result: Result<JSONValue, PortalError>
    /// What it answered as content.
    public var content: [UInt8] = []
    /// What a process printed on its standard output.
    public var output: [UInt8] = []
    /// What a process printed on its standard error.
    public var errors: [UInt8] = []
}

extension Workspace {
    /// Runs requests one after the other in one round trip. Their answers are held in memory.
    /// - Parameter stopOnError: Whether the first failure keeps those behind it from being run.
    /// - Returns: The outcomes of those that were run, in their order.
    /// - Throws: `PortalError` where the batch as a whole failed. A request that fails is no error of the batch.
    public func batch(_ calls: [BatchCall], stopOnError: Bool = false) async throws(PortalError) -> [BatchOutcome] {
        let directory = directory
        let exchange = try await connection.start(BatchRequest.operation) { writer in
            writer.name("requests")
            writer.beginArray()
            for call in calls {
                writer.beginObject()
                writer.member("op", string: call.operation)
                call.parameters(&writer, directory)
                if !call.data.isEmpty { writer.member("data", bytes: call.data) }
                writer.endObject()
            }
            writer.endArray()
            writer.member("stop_on_error", flag: stopOnError)
        }
        var outcomes: [BatchOutcome] = []
        var partial = BatchOutcome(result: .success(.null))
        var lines = LineSplitter()
        while let chunk = await exchange.next() {
            for line in lines.take(chunk.bytes) {
                guard let value = try? JSONParser.parse(line), let parsed = BatchLine(value) else {
                    throw PortalError(.internal, "a line of the batch's answer is none")
                }
                switch parsed {
                case .data(_, let stream, let bytes):
                    if stream.equals(StreamName.stdout.text) {
                        partial.output += bytes
                    } else if stream.equals(StreamName.stderr.text) {
                        partial.errors += bytes
                    } else {
                        partial.content += bytes
                    }
                case .end(_, let result):
                    partial.result = result.mapError { PortalError($0) }
                    outcomes.append(partial)
                    partial = BatchOutcome(result: .success(.null))
                }
            }
        }
        _ = try parsed(BatchResult(try await exchange.end()), BatchRequest.operation)
        return outcomes
    }
}

/// Cuts bytes into lines; a line may come in any pieces.
struct LineSplitter {
    private var rest: [UInt8] = []

    /// The lines that are whole now, without their line feeds.
    mutating func take(_ bytes: [UInt8]) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var start = bytes.startIndex
        while let end = bytes[start...].firstIndex(of: 0x0A) {
            lines.append(rest + bytes[start..<end])
            rest = []
            start = end + 1
        }
        rest += bytes[start...]
        return lines
    }
}
