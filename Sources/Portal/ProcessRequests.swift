import PortalWire

/// Starting with the protocol's own request, for programs that need every parameter of it, and arguments that are no text.
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
    public func startInBackground(_ request: ProcessStartRequest) async throws(PortalError) -> BackgroundProcess {
        var request = placed(request)
        request.background = true
        let background = request
        let value = try await connection.start(ProcessStartRequest.operation) { background.write(to: &$0) }.end()
        let started = try parsed(ProcessStarted(value), ProcessStartRequest.operation)
        return BackgroundProcess(name: String(decoding: started.process, as: UTF8.self), connection: connection)
    }

    /// Starts a process as `startInBackground` does, and reads what it prints from its first byte to its end. Both requests go out at once, so
    /// that a short command costs one round trip.
    /// - Parameter request: It must have a name (`process`), which no living process of the session has.
    /// - Returns: The process, and what it prints. A task that is cancelled before the process runs ends it; one that is cancelled later stops
    ///   the reading only.
    /// - Throws: `PortalError`; `invalid` without a name, `exists` where it is taken.
    public func startInBackgroundAndFollow(
        _ request: ProcessStartRequest
    ) async throws(PortalError) -> (process: BackgroundProcess, output: KeptOutput) {
        guard let name = request.process else { throw PortalError(.invalid, "a process that is followed from its start needs a name") }
        var request = placed(request)
        request.background = true
        let background = request
        let start = try await connection.start(ProcessStartRequest.operation) { background.write(to: &$0) }
        // The name is known there from the moment at which the first request is read, and requests are read in their order.
        let follow = ProcessOutputRequest(process: name, follow: true)
        let output = KeptOutput(
            lease: ExchangeLease(try await connection.start(ProcessOutputRequest.operation) { follow.write(to: &$0) }))
        let started = try parsed(ProcessStarted(try await start.end()), ProcessStartRequest.operation)
        return (BackgroundProcess(name: String(decoding: started.process, as: UTF8.self), connection: connection), output)
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
