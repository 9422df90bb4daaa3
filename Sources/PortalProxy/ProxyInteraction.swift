import NIOCore
import PortalSSH
import PortalWire

extension Proxy {
    func ask(_ question: PortalSSH.Question) -> EventLoopFuture<String?> {
        eventLoop.flatSubmit { [self] in questions.ask(question, clients: waitingClients) }
    }

    func report(_ phase: ConnectPhase) {
        eventLoop.execute { [self] in
            let state: LinkState
            switch phase {
            case .resolving(let host): state = LinkState(text: Array("resolving \(host)".utf8), isReady: false)
            case .connecting(let host, let port): state = LinkState(text: Array("connecting to \(host) port \(port)".utf8), isReady: false)
            case .keyExchange: state = LinkState(text: Array("exchanging keys".utf8), isReady: false)
            case .authenticating(let user): state = LinkState(text: Array("logging in as \(user)".utf8), isReady: false)
            case .starting: state = LinkState(text: Array("starting the executor".utf8), isReady: false)
            case .uploading(let done, let total):
                state = LinkState(text: Array("uploading the executor".utf8), isReady: false, progress: (UInt64(done), UInt64(total)))
            }
            progress = state
            for client in clients.values where !client.openRequests.isEmpty {
                client.send(.state(state))
                client.flush()
            }
        }
    }
}

/// The person behind the proxy's clients.
struct ProxyInteraction: Interaction {
    let proxy: Proxy
    let reached: @Sendable (ConnectPhase) -> Void

    func answer(_ question: PortalSSH.Question) async -> String? { try? await proxy.ask(question).get() }

    func progress(_ phase: ConnectPhase) {
        reached(phase)
        proxy.report(phase)
    }
}
