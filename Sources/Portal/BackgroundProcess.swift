import PortalWire

/// A process of the session by its name: one that runs in the background, or that another request started.
///
/// It does not depend on who holds this value: it lives until it ends, is killed, or the session ends.
public struct BackgroundProcess: Sendable {
    /// Its name; other clients of the same host reach it by that.
    public let name: String
    private let connection: ProxyConnection

    init(name: String, connection: ProxyConnection) {
        self.name = name
        self.connection = connection
    }

    private var bytes: [UInt8] { Array(name.utf8) }

    /// What it printed, from some byte on, counted through both streams. A task that is cancelled stops reading; the process goes on.
    /// - Parameters:
    ///   - from: The first byte wanted; `ProcessOutputResult.next` of an earlier reading goes on where that ended.
    ///   - tail: Begins at most so many bytes before what it has printed so far; nil for no such bound.
    ///   - follow: Whether what it prints from now on comes too, until its end.
    ///   - limit: The most bytes; nil for all.
    /// - Throws: `PortalError` where the connection is gone. What the host objects to is said by `KeptOutput.result`.
    public func output(
        from: UInt64 = 0, tail: UInt64? = nil, follow: Bool = false, limit: UInt64? = nil
    ) async throws(PortalError) -> KeptOutput {
        let request = ProcessOutputRequest(process: bytes, from: from, follow: follow, limit: limit, tail: tail)
        return KeptOutput(lease: ExchangeLease(try await connection.start(ProcessOutputRequest.operation) { request.write(to: &$0) }))
    }

    /// Writes to its standard input, which must have been asked for, or to its terminal; returns when it has taken everything.
    /// - Parameter end: Whether the input ends with this. A terminal gets what a keyboard sends for it, and can be written to on.
    public func write(_ input: [UInt8], end: Bool = false) async throws(PortalError) {
        let request = ProcessWriteRequest(process: bytes, end: end)
        let exchange = try await connection.start(ProcessWriteRequest.operation, hasMore: true) { request.write(to: &$0) }
        await exchange.send(input, stream: .content, end: true)
        _ = try await exchange.end()
    }

    /// Another size for its terminal.
    public func resize(rows: UInt16, columns: UInt16) async throws(PortalError) {
        let request = ProcessResizeRequest(process: bytes, rows: rows, columns: columns)
        _ = try await connection.start(ProcessResizeRequest.operation) { request.write(to: &$0) }.end()
    }

    /// Sends a signal to its group, or to its whole tree.
    public func signal(_ signal: Int32, tree: Bool = false) async throws(PortalError) {
        let request = ProcessSignalRequest(process: bytes, signal: signal, tree: tree)
        _ = try await connection.start(ProcessSignalRequest.operation) { request.write(to: &$0) }.end()
    }

    /// Waits for its end.
    /// - Throws: `PortalError` with `timedOut` where it goes on for longer.
    public func end(timeoutSeconds: Double? = nil) async throws(PortalError) -> ProcessEnd {
        let request = ProcessWaitRequest(process: bytes, timeoutMilliseconds: timeoutSeconds.map { UInt64(max(0, $0) * 1000) })
        let value = try await connection.start(ProcessWaitRequest.operation) { request.write(to: &$0) }.end()
        guard let end = ProcessEnd(value) else { throw PortalError(.internal, "the answer of process.wait has no end in it") }
        return end
    }
}

/// What a background process printed, as it comes. When nobody holds it any more, the reading ends, and the process goes on. Only one iterator
/// may be in use.
public struct KeptOutput: AsyncSequence, Sendable {
    let lease: ExchangeLease

    /// The pieces, one after another.
    public func makeAsyncIterator() -> RemoteProcess.OutputStream.Iterator {
        RemoteProcess.OutputStream.Iterator(exchange: lease.exchange, lease: lease)
    }

    /// Where the reading began and ended, and whether the process runs. Pieces that were not taken are dropped.
    /// - Throws: `PortalError` with `notFound`, or `invalid` for a process that is not in the background.
    public func result() async throws(PortalError) -> ProcessOutputResult {
        guard let result = ProcessOutputResult(try await lease.end()) else {
            throw PortalError(.internal, "the answer of process.output lacks something that it must have")
        }
        return result
    }

    /// Stops the reading; the process goes on.
    public func cancel() { lease.exchange.cancel() }
}

extension Workspace {
    /// Starts a command that lives on by itself; its output is kept there to be read at any time.
    /// Where it takes input, that is written with `BackgroundProcess.write`.
    public func startInBackground(_ command: RemoteCommand) async throws(PortalError) -> BackgroundProcess {
        var request = command.request(in: directory)
        request.background = true
        request.input = command.takesInput ? .requests : .none
        let value = try await connection.start(ProcessStartRequest.operation) { [request] in request.write(to: &$0) }.end()
        let started = try parsed(ProcessStarted(value), ProcessStartRequest.operation)
        return BackgroundProcess(name: String(decoding: started.process, as: UTF8.self), connection: connection)
    }

    /// The process of a name, whoever started it. Nothing is asked of the host.
    public func process(named name: String) -> BackgroundProcess { BackgroundProcess(name: name, connection: connection) }

    /// The processes of the session, in the order of their starts: those that live, and the last ended ones.
    public func processes() async throws(PortalError) -> [ProcessListing] {
        let content = try await connection.start(ProcessListRequest.operation) { _ in }.collect().content
        var processes: [ProcessListing] = []
        for line in content.split(separator: 0x0A) {
            let listing = (try? JSONParser.parse(Array(line))).flatMap { ProcessListing($0) }
            processes.append(try parsed(listing, ProcessListRequest.operation))
        }
        return processes
    }
}
