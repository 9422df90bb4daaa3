/// What `process.start` with `background` is answered with, while the process runs.
public struct ProcessStarted: Sendable, Equatable {
    /// Its name: the caller's, or one that the executor made.
    public var process: [UInt8]
    /// Its number on the host.
    public var identifier: Int32

    /// Makes it from its values.
    public init(process: [UInt8], identifier: Int32) {
        self.process = process
        self.identifier = identifier
    }

    /// Reads an answer; nil where something is missing.
    public init?(_ value: JSONValue) {
        guard let name = value.bytes("process"), let number = value.integer("pid"), let identifier = Int32(exactly: number) else {
            return nil
        }
        process = name
        self.identifier = identifier
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("process", bytes: process)
        writer.member("pid", signed: Int64(identifier))
    }
}

/// `process.output`: what a background process printed, from some byte on.
public struct ProcessOutputRequest: Sendable {
    /// The name on the wire.
    public static var operation: Literal { "process.output" }
    /// Its name.
    public var process: [UInt8]
    /// The first byte wanted, counted from 0 through both streams in the order in which the executor read them.
    public var from: UInt64
    /// Whether what it prints from now on is sent too, until its end.
    public var follow: Bool
    /// The most bytes to send; nil for all.
    public var limit: UInt64?
    /// Begins at most so many bytes before what it has printed so far; nil for no such bound.
    public var tail: UInt64?

    /// Makes it from its values.
    public init(process: [UInt8], from: UInt64 = 0, follow: Bool = false, limit: UInt64? = nil, tail: UInt64? = nil) {
        self.process = process
        self.from = from
        self.follow = follow
        self.limit = limit
        self.tail = tail
    }

    /// Reads the parameters of a request.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        from = try parameters.optionalUnsigned("from") ?? 0
        follow = try parameters.flag("follow")
        limit = try parameters.optionalUnsigned("limit")
        tail = try parameters.optionalUnsigned("tail")
        process = try parameters.requiredBytes("process")
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("process", bytes: process)
        if from > 0 { writer.member("from", number: from) }
        writer.member("follow", flag: follow)
        writer.member("limit", number: limit)
        writer.member("tail", number: tail)
    }
}

/// What `process.output` sent. The bytes between `from` and `next` came without a gap.
public struct ProcessOutputResult: Sendable, Equatable {
    /// The first byte that was sent, or would have been.
    public var from: UInt64
    /// The byte to go on from.
    public var next: UInt64
    /// Bytes from the one asked for to `from` that are not kept any more.
    public var lost: UInt64
    /// Whether it runs; otherwise `end` is how it ended.
    public var running: Bool
    /// How it ended.
    public var end: ProcessEnd?

    /// Makes it from its values.
    public init(from: UInt64, next: UInt64, lost: UInt64 = 0, running: Bool, end: ProcessEnd? = nil) {
        self.from = from
        self.next = next
        self.lost = lost
        self.running = running
        self.end = end
    }

    /// Reads an answer; nil where something is missing.
    public init?(_ value: JSONValue) {
        guard let from = value.unsigned("from"), let next = value.unsigned("next") else { return nil }
        self.from = from
        self.next = next
        lost = value.unsigned("lost") ?? 0
        running = value.bool("running") ?? false
        end = value["end"].flatMap { ProcessEnd($0) }
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("from", number: from)
        writer.member("next", number: next)
        if lost > 0 { writer.member("lost", number: lost) }
        writer.member("running", flag: running)
        if let end {
            writer.beginObject("end")
            end.write(to: &writer)
            writer.endObject()
        }
    }
}
