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
