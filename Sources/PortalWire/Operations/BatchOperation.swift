/// `batch`: requests that run one after the other in one round trip.
public struct BatchRequest: Sendable {
    /// The name on the wire.
    public static var operation: Literal { "batch" }
    /// The most requests of one batch.
    public static let mostRequests = 1024

    /// The requests, in their order: objects with `op`, its parameters, and `data`, the request's own.
    public var items: [JSONValue]
    /// Whether the first failure ends the batch.
    public var stopsOnError: Bool

    /// Makes it from its values.
    public init(items: [JSONValue], stopsOnError: Bool = false) {
        self.items = items
        self.stopsOnError = stopsOnError
    }

    /// Reads the parameters of a request. An item is read when its turn comes.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        guard let items = parameters.array("requests"), items.count <= BatchRequest.mostRequests else {
            throw .parameter("requests", "is not an array of at most 1024 elements")
        }
        self.items = items
        stopsOnError = try parameters.flag("stop_on_error")
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.name("requests")
        writer.value(.array(items))
        writer.member("stop_on_error", flag: stopsOnError)
    }
}

/// The end of `batch`.
public struct BatchResult: Sendable, Equatable {
    /// How many requests were run.
    public var run: UInt64
    /// How many of them failed.
    public var failed: UInt64

    /// Makes it from its values.
    public init(run: UInt64, failed: UInt64) {
        self.run = run
        self.failed = failed
    }

    /// Reads the members of an answer; nil where one is missing.
    public init?(_ value: JSONValue) {
        guard let run = value.unsigned("run"), let failed = value.unsigned("failed") else { return nil }
        self.run = run
        self.failed = failed
    }

    /// Writes the members of an answer.
    public func write(to writer: inout JSONWriter) {
        writer.member("run", number: run)
        writer.member("failed", number: failed)
    }
}

/// A line of a batch's answer.
public enum BatchLine: Sendable {
    /// A piece of what an item's answer has as data.
    case data(item: Int, stream: [UInt8], bytes: [UInt8])
    /// The end of an item: the value of its result, or its error.
    case end(item: Int, Result<JSONValue, OperationError>)

    /// Reads one line; nil where it is none.
    public init?(_ value: JSONValue) {
        guard let number = value.unsigned("item"), let item = Int(exactly: number) else { return nil }
        if let stream = value.string("stream"), let bytes = value.bytes("data") {
            self = .data(item: item, stream: stream, bytes: bytes)
        } else if let result = value["ok"] {
            self = .end(item: item, .success(result))
        } else if let error = value["error"] {
            self = .end(item: item, .failure(OperationError(error)))
        } else {
            return nil
        }
    }
}
