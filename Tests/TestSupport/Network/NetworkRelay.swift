import NIOCore
import NIOPosix

/// A network between a client and a server on this machine: a TCP relay with a round trip, a rate and jitter, and everything that goes wrong in
/// a network.
///
/// Bytes leave at the rate, one after another, and arrive half a round trip later, never in another order. What does not fit in the line's
/// buffer is not read, so that the sender feels it as it would feel a slow network.
public final class NetworkRelay: Sendable {
    /// What the network is like.
    public struct Line: Sendable, CustomStringConvertible {
        /// The time there and back.
        public var roundTrip: TimeAmount
        /// Bytes a second in each direction; nil for as fast as the machine.
        public var bytesPerSecond: Int?
        /// The most that a piece may be late, by chance; what is behind it waits for it.
        public var jitter: TimeAmount

        /// Makes a line.
        public init(roundTrip: TimeAmount, bytesPerSecond: Int? = nil, jitter: TimeAmount = .zero) {
            self.roundTrip = roundTrip
            self.bytesPerSecond = bytesPerSecond
            self.jitter = jitter
        }

        /// What a log says of it.
        public var description: String {
            let rate = bytesPerSecond.map { ", \($0 / 1000) KB/s" } ?? ""
            return "a round trip of \(roundTrip.milliseconds) ms\(rate), jitter of \(jitter.milliseconds) ms"
        }
    }

    /// Something that the relay saw.
    public struct Sighting: Sendable {
        /// What there is to see.
        public enum What: Sendable {
            case connected
            /// Bytes that a side sent, as they came to the relay, with the first of them.
            case bytes(Direction, count: Int, first: [UInt8])
            case ended
        }
        /// When.
        public var time: NIODeadline
        /// Connections are counted from 1.
        public var connection: Int
        /// What.
        public var what: What
    }

    /// The port to connect to.
    public let port: Int
    private let core: RelayCore
    private let group: MultiThreadedEventLoopGroup

    /// Listens on a random loopback port and relays each connection to another port of this machine.
    /// - Parameter seed: Of what is left to chance.
    public init(to destination: Int, line: Line = Line(roundTrip: .zero), seed: UInt64 = 1) async throws {
        group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        core = RelayCore(loop: group.next(), destination: destination, line: line, seed: seed)
        do { port = try await core.listen().get() } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    /// Ends every connection.
    public func stop() async {
        try? await onLoop { $0.stop() }
        try? await group.shutdownGracefully()
    }

    /// The connections that were relayed so far.
    public var connections: Int { get async throws { try await onLoop { $0.accepted } } }

    /// The connections that live.
    public var openConnections: Int { get async throws { try await onLoop { $0.connections.count } } }

    /// Holds back what comes in these directions until it is called with others; none lets everything pass again.
    public func hold(_ directions: Set<Direction>) async throws { try await onLoop { $0.hold(directions) } }

    /// Another line from now on.
    public func setLine(_ line: Line) async throws { try await onLoop { $0.line = line } }

    /// Begins to write down what passes, anew.
    public func beginRecord() async throws { try await onLoop { $0.record = [] } }

    /// What passed since `beginRecord`.
    public var record: [Sighting] { get async throws { try await onLoop { $0.record ?? [] } } }

    func onLoop<Value: Sendable>(_ body: @escaping @Sendable (RelayCore) throws -> Value) async throws -> Value {
        let core = core
        return try await core.loop.submit { try body(core) }.get()
    }
}
