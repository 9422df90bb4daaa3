import PortalWire

/// What a background process printed, as it comes.
public struct ProcessOutputReader: Sendable {
    let exchange: Exchange

    /// The next piece; nil when everything that was asked for is there, or the process has ended.
    public func next() async -> RemoteProcess.Output? {
        guard let chunk = await exchange.next() else { return nil }
        return RemoteProcess.Output(isError: chunk.stream == .stderr, bytes: chunk.bytes)
    }

    /// What was sent, and where to go on.
    /// - Throws: `PortalError`; `notFound` where there is no such process.
    public func end() async throws(PortalError) -> ProcessOutputResult {
        guard let result = ProcessOutputResult(try await exchange.end()) else {
            throw PortalError(.internal, "the answer of process.output lacks something that it must have")
        }
        return result
    }

    /// Takes no more; the process goes on.
    public func cancel() { exchange.cancel() }
}

/// The protocol's own requests, for programs that need every parameter of them.
extension Workspace {
    /// Starts a process that lives as long as the request: it ends when this is cancelled or the connection closes.
    /// - Parameter request: Not one with `background`. Its relative or missing directory starts at the workspace's.
    public func start(_ request: ProcessStartRequest) async throws(PortalError) -> RemoteProcess {
        let placed = placed(request)
        let exchange = try await connection.start(ProcessStartRequest.operation, hasMore: request.input == .stream) {
            placed.write(to: &$0)
        }
        return RemoteProcess(exchange: exchange)
    }

    /// Starts a process that goes on by itself, until it ends, is killed or the session ends.
    /// - Parameter request: `background` is set in it. Its relative or missing directory starts at the workspace's.
    /// - Returns: Its name, which other requests and other clients reach it by, and its number on the host.
    public func startInBackground(_ request: ProcessStartRequest) async throws(PortalError) -> ProcessStarted {
        var request = placed(request)
        request.background = true
        let background = request
        let value = try await connection.start(ProcessStartRequest.operation) { background.write(to: &$0) }.end()
        return try parsed(ProcessStarted(value), ProcessStartRequest.operation)
    }

    /// What a background process printed, and with `follow` what it prints from now on.
    public func output(_ request: ProcessOutputRequest) async throws(PortalError) -> ProcessOutputReader {
        ProcessOutputReader(exchange: try await connection.start(ProcessOutputRequest.operation) { request.write(to: &$0) })
    }

    /// Input for a process that has a terminal or was started to take input by requests; returns when it has taken it.
    public func write(_ request: ProcessWriteRequest, content: [UInt8]) async throws(PortalError) {
        let exchange = try await connection.start(ProcessWriteRequest.operation, hasMore: true) { request.write(to: &$0) }
        await exchange.send(content, stream: .content, end: true)
        _ = try await exchange.end()
    }

    /// Gives a process's terminal another size.
    public func resize(_ request: ProcessResizeRequest) async throws(PortalError) {
        _ = try await connection.start(ProcessResizeRequest.operation) { request.write(to: &$0) }.end()
    }

    /// Sends a signal to a process.
    public func signal(_ request: ProcessSignalRequest) async throws(PortalError) {
        _ = try await connection.start(ProcessSignalRequest.operation) { request.write(to: &$0) }.end()
    }

    /// The processes of the session: those that run, and the last ones that ended.
    public func processListings() async throws(PortalError) -> [ProcessListing] {
        let (content, _) = try await connection.start(ProcessListRequest.operation) { _ in }.collect()
        var listings: [ProcessListing] = []
        for line in content.split(separator: 0x0A) {
            guard let value = try? JSONParser.parse(Array(line)), let listing = ProcessListing(value) else {
                throw PortalError(.internal, "a line of the list of processes is none")
            }
            listings.append(listing)
        }
        return listings
    }

    private func placed(_ request: ProcessStartRequest) -> ProcessStartRequest {
        var request = request
        guard let directory else { return request }
        if let own = request.directory {
            if own.first != UInt8(ascii: "/") { request.directory = directory + [UInt8(ascii: "/")] + own }
        } else {
            request.directory = directory
        }
        return request
    }
}
