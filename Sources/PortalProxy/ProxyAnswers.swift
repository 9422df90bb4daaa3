import NIOCore
import PortalLink
import PortalWire

// What clients ask of the proxy itself.
extension Proxy {
    func answer(_ request: Request, to client: ProxyClient) {
        if request.operation.equals(OperationNames.proxyStatus) {
            finish(request.id, of: client.number) { status.write(to: &$0) }
        } else if request.operation.equals(OperationNames.proxyConnect) {
            client.openRequests[request.id] = ProxyClient.OpenRequest(request, nil, isSent: true)
            if case .ready(let host) = link.state {
                finish(request.id, of: client.number) { host.writeMembers(to: &$0) }
            } else {
                connectWaiters.append((request.id, client.number))
                connectIfNeeded()
                showProgress(to: client)
            }
        } else if request.operation.equals(OperationNames.proxyStop) {
            // A host that cannot be told now ends the session by itself.
            let lingers = link.hasSession && !link.isReady
            finish(request.id, of: client.number) { writer in
                if lingers { writer.member("lingers_s", number: UInt64(configuration.lingerSeconds)) }
            }
            logger.info("told to stop")
            stop()
        } else {
            client.send(.failure(id: request.id, OperationError(.unsupported, literal: "this proxy does not know the operation")))
        }
    }

    func finish(_ id: UInt64, of number: UInt64, _ write: (inout JSONWriter) -> Void) {
        guard let client = clients[number] else { return }
        client.openRequests[id] = nil
        client.send(resultFrame(id: id, write))
        client.flush()
    }

    private var status: ProxyStatus {
        var status = ProxyStatus(
            build: Array(Build.identity.utf8), process: processIdentifier(), target: Array(configuration.target.name.utf8), state: .idle,
            seconds: UInt64(max(0, (NIODeadline.now() - link.since).nanoseconds / 1_000_000_000)),
            roundTripMicroseconds: link.roundTrip.map { UInt64(max(0, $0.nanoseconds / 1000)) }, clients: UInt64(clients.count),
            requests: clients.values.reduce(0) { $0 + UInt64($1.openRequests.count) }, error: nil, host: nil)
        if link.hasSession { status.loginEnd = loginEnd }
        switch link.state {
        case .idle: break
        case .connecting: status.state = .connecting
        case .ready(let host):
            status.state = .ready
            status.host = host
        case .interrupted(let reason):
            status.state = .interrupted
            status.error = Array(reason.utf8)
        case .failed(let reason):
            status.state = .failed
            status.error = Array(reason.utf8)
        }
        return status
    }
}
