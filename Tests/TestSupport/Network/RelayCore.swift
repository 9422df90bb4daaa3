import NIOCore
import NIOPosix

/// A relay's inside.
///
/// `@unchecked Sendable`: what is not constant is touched on `loop` only.
final class RelayCore: @unchecked Sendable {
    /// Below the ports that the system gives to clients: nobody gets it while new connections are refused.
    private static let ports = 20000..<32000

    let loop: any EventLoop
    private let destination: Int
    var line: NetworkRelay.Line
    var random: SeededRandom
    private(set) var connections: [Int: RelayConnection] = [:]
    private(set) var accepted = 0
    private(set) var held: Set<NetworkRelay.Direction> = []
    var record: [NetworkRelay.Sighting]?
    private var port = 0
    private var server: (any Channel)?
    private var isRefusing = false
    private var isStopped = false
    /// What is to happen to the next connection.
    private var pending: NetworkRelay.Fault?

    init(loop: any EventLoop, destination: Int, line: NetworkRelay.Line, seed: UInt64) {
        self.loop = loop
        self.destination = destination
        self.line = line
        random = SeededRandom(seed: seed)
    }

    // MARK: Connections

    /// Listens on a port that is free, and gives it.
    func listen() -> EventLoopFuture<Int> {
        loop.flatSubmit { [self] in listen(attempts: 50) }
    }

    private func listen(attempts: Int) -> EventLoopFuture<Int> {
        let candidate = Int.random(in: RelayCore.ports)
        return bind(candidate).map { candidate }.flatMapError { [self] error in
            attempts > 1 ? listen(attempts: attempts - 1) : loop.makeFailedFuture(error)
        }
    }

    private func bind(_ port: Int) -> EventLoopFuture<Void> {
        ServerBootstrap(group: loop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            // Nothing is read before the other side is connected.
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { [self] inbound in
                ClientBootstrap(group: loop)
                    .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                    .channelOption(.autoRead, value: false)
                    .connect(host: "127.0.0.1", port: destination)
                    .flatMapThrowing { [self] outbound in try adopt(inbound, outbound) }
            }
            .bind(host: "127.0.0.1", port: port)
            .map { [self] channel in
                server = channel
                self.port = port
                if isStopped { channel.close(promise: nil) }
            }
    }

    private func adopt(_ client: any Channel, _ server: any Channel) throws {
        accepted += 1
        let connection = RelayConnection(number: accepted, relay: self, client: client, server: server)
        connections[accepted] = connection
        see(.connected, of: accepted)
        try connection.begin()
        if let fault = pending {
            pending = nil
            connection.apply(fault)
        }
    }

    func ended(_ connection: RelayConnection) {
        guard connections.removeValue(forKey: connection.number) != nil else { return }
        see(.ended, of: connection.number)
    }

    func see(_ what: NetworkRelay.Sighting.What, of connection: Int) {
        record?.append(NetworkRelay.Sighting(time: .now(), connection: connection, what: what))
    }

    func stop() {
        isStopped = true
        server?.close(promise: nil)
        for connection in connections.values { connection.close() }
    }

    // MARK: Faults

    func hold(_ directions: Set<NetworkRelay.Direction>) {
        held = directions
        for connection in connections.values { connection.pump() }
    }

    /// The connections that are still relayed: one that a fault has taken is nobody's.
    private var living: [RelayConnection] { connections.values.filter { !$0.isTaken }.sorted { $0.number < $1.number } }

    func apply(_ fault: NetworkRelay.Fault) throws {
        switch fault {
        case .cut, .reset, .halfOpen: for connection in living { connection.apply(fault) }
        case .cutAfter, .flip: if let newest = living.last { newest.apply(fault) } else { pending = fault }
        case .stall(let directions, let time):
            hold(held.union(directions))
            loop.assumeIsolated().scheduleTask(in: time) { [self] in hold(held.subtracting(directions)) }
        case .refuse(let time): refuse(time)
        case .line(let line, let time):
            let usual = self.line
            self.line = line
            loop.assumeIsolated().scheduleTask(in: time) { [self] in self.line = usual }
        }
    }

    private func refuse(_ time: TimeAmount) {
        guard !isRefusing, let server else { return }
        isRefusing = true
        server.close(promise: nil)
        loop.assumeIsolated().scheduleTask(in: time) { [self] in listenAgain(attempts: 100) }
    }

    /// The port is ours alone unless another test took it meanwhile, which then gives it back soon or never.
    private func listenAgain(attempts: Int) {
        guard !isStopped else { return }
        bind(port).whenComplete { [self] result in
            if case .failure(let error) = result {
                precondition(attempts > 0, "the relay's port \(port) was taken by another program: \(error)")
                loop.assumeIsolated().scheduleTask(in: .milliseconds(50)) { [self] in listenAgain(attempts: attempts - 1) }
            } else {
                isRefusing = false
            }
        }
    }
}
