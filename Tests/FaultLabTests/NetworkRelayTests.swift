import NIOCore
import NIOPosix
import TestSupport
import Testing

/// Every fault of the relay is what its name says, at both ends.
@Suite(.serialized) struct NetworkRelayTests {
    /// How an end saw its connection close.
    enum Close: Sendable {
        case finished
        case reset
    }

    /// One end of a connection: what came, and how it ended.
    ///
    /// `@unchecked Sendable`: touched on its channel's event loop only, where `look` goes, too.
    final class Peer: ChannelInboundHandler, @unchecked Sendable {
        typealias InboundIn = ByteBuffer

        private var received: [UInt8] = []
        private var arrivals: [NIODeadline] = []
        private var close: Close?
        private(set) var channel: (any Channel)!

        func handlerAdded(context: ChannelHandlerContext) { channel = context.channel }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            received += unwrapInboundIn(data).readableBytesView
            arrivals.append(.now())
        }

        func channelInactive(context: ChannelHandlerContext) { if close == nil { close = .finished } }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            close = .reset
            context.close(promise: nil)
        }

        struct Seen: Sendable {
            var bytes: [UInt8]
            var close: Close?
            var arrivals: [NIODeadline]
        }

        var seen: Seen {
            get async throws {
                try await channel.eventLoop.submit { [self] in Seen(bytes: received, close: close, arrivals: arrivals) }.get()
            }
        }

        func send(_ bytes: [UInt8]) async throws { try await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get() }

        /// Waits until it has so many bytes or was closed.
        func wait(bytes: Int = .max, seconds: Double = 5) async throws -> Seen {
            var last = try await seen
            _ = await eventually(seconds: seconds) {
                guard let now = try? await seen else { return true }
                last = now
                return now.bytes.count >= bytes || now.close != nil
            }
            return last
        }
    }

    /// A server, a relay before it, and clients.
    final class Network: Sendable {
        let relay: NetworkRelay
        private let server: any Channel
        private let accepted = NIOLoopBoundBox<[Peer]>.makeBoxSendingValue([], eventLoop: NetworkRelayTests.group.next())

        init(line: NetworkRelay.Line = .init(roundTrip: .zero)) async throws {
            let accepted = accepted
            server = try await ServerBootstrap(group: accepted.eventLoop)
                .childChannelInitializer { channel in
                    let peer = Peer()
                    return channel.pipeline.addHandler(peer).flatMap { accepted.eventLoop.submit { accepted.value.append(peer) } }
                }
                .bind(host: "127.0.0.1", port: 0).get()
            relay = try await NetworkRelay(to: server.localAddress!.port!, line: line)
        }

        func connect() async throws -> Peer {
            let peer = Peer()
            _ = try await ClientBootstrap(group: NetworkRelayTests.group)
                .channelInitializer { $0.pipeline.addHandler(peer) }
                .connect(host: "127.0.0.1", port: relay.port).get()
            return peer
        }

        /// A client and the server's end of its connection.
        func pair() async throws -> (client: Peer, server: Peer) {
            let before = try await count
            let client = try await connect()
            guard await eventually(seconds: 5, { (try? await count) == before + 1 }) else { throw TestFailure("nothing was relayed") }
            return (client, try await accepted.eventLoop.submit { [accepted] in accepted.value.last! }.get())
        }

        private var count: Int { get async throws { try await accepted.eventLoop.submit { [accepted] in accepted.value.count }.get() } }

        func end() async {
            await relay.stop()
            try? await server.close()
        }
    }

    static let group = MultiThreadedEventLoopGroup.singleton

    private func withNetwork(line: NetworkRelay.Line = .init(roundTrip: .zero), _ body: (Network) async throws -> Void) async throws {
        let network = try await Network(line: line)
        do { try await body(network) } catch {
            await network.end()
            throw error
        }
        await network.end()
    }

    private let pattern = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

    @Test func itPassesEverythingOnUntilAnEndCloses() async throws {
        try await withNetwork { network in
            let (client, server) = try await network.pair()
            try await client.send(pattern)
            try await server.send(Array(pattern.reversed()))
            #expect(try await server.wait(bytes: pattern.count).bytes == pattern)
            #expect(try await client.wait(bytes: pattern.count).bytes == Array(pattern.reversed()))
            try await client.channel.close()
            #expect(try await server.wait().close == .finished)
            #expect(await eventually(seconds: 5) { (try? await network.relay.openConnections) == 0 })
        }
    }

    @Test func aCutFinishesBothEnds() async throws {
        try await withNetwork { network in
            let (client, server) = try await network.pair()
            try await network.relay.apply(.cut)
            #expect(try await client.wait().close == .finished)
            #expect(try await server.wait().close == .finished)
        }
    }

    @Test(arguments: [0, 1, 7, 65536, 199_999]) func aCutAtAByte(_ place: Int) async throws {
        try await withNetwork { network in
            let (client, server) = try await network.pair()
            try await network.relay.apply(.cutAfter(bytes: place, .toServer))
            _ = try? await client.send(pattern)
            let end = try await server.wait()
            #expect(end.bytes == Array(pattern.prefix(place)))
            #expect(end.close == .finished)
            // It may still be writing, and is then told with a reset.
            #expect(try await client.wait().close != nil)
        }
    }

    @Test func aCutThatWaitsForAConnection() async throws {
        try await withNetwork { network in
            try await network.relay.apply(.cutAfter(bytes: 3, .toClient))
            let (client, server) = try await network.pair()
            try await server.send([1, 2, 3, 4])
            let end = try await client.wait()
            #expect(end.bytes == [1, 2, 3] && end.close == .finished)
        }
    }

    @Test func aResetIsOneAtBothEnds() async throws {
        try await withNetwork { network in
            let (client, server) = try await network.pair()
            try await network.relay.apply(.reset)
            #expect(try await client.wait().close == .reset)
            #expect(try await server.wait().close == .reset)
        }
    }

    @Test func halfOfAnOpenConnection() async throws {
        for side in NetworkRelay.Side.allCases {
            try await withNetwork { network in
                let (client, server) = try await network.pair()
                try await network.relay.apply(.halfOpen(keeping: side))
                let (kept, dropped) = side == .client ? (client, server) : (server, client)
                #expect(try await dropped.wait().close == .finished)
                try await kept.send(pattern)
                let seen = try await kept.wait(seconds: 0.3)
                #expect(seen.close == nil && seen.bytes.isEmpty)
            }
        }
    }

    @Test func aStallHoldsOneDirectionAndLosesNothing() async throws {
        try await withNetwork { network in
            let (client, server) = try await network.pair()
            try await network.relay.hold([.toServer])
            try await client.send([1, 2, 3])
            try await server.send([4, 5])
            #expect(try await client.wait(bytes: 2).bytes == [4, 5])
            #expect(try await server.wait(bytes: 1, seconds: 0.3).bytes == [])
            try await network.relay.hold([])
            #expect(try await server.wait(bytes: 3).bytes == [1, 2, 3])
            let start = NIODeadline.now()
            try await network.relay.apply(.stall(NetworkRelay.Direction.allCases, .milliseconds(200)))
            try await client.send([6])
            let seen = try await server.wait(bytes: 4)
            #expect(seen.bytes == [1, 2, 3, 6])
            #expect(try #require(seen.arrivals.last) - start >= .milliseconds(190))
        }
    }

    @Test func oneBitIsTurnedOver() async throws {
        try await withNetwork { network in
            let (client, server) = try await network.pair()
            try await network.relay.apply(.flip(afterBytes: 1000, .toServer))
            try await client.send(pattern)
            let seen = try await server.wait(bytes: pattern.count).bytes
            #expect(zip(seen, pattern).enumerated().filter { $1.0 != $1.1 }.map(\.offset) == [1000])
            #expect(seen[1000] ^ pattern[1000] == 0x10)
        }
    }

    @Test func newConnectionsAreRefusedAndOldOnesStay() async throws {
        try await withNetwork { network in
            let (client, server) = try await network.pair()
            try await network.relay.apply(.refuse(.milliseconds(300)))
            await #expect(throws: (any Error).self) { _ = try await network.connect() }
            try await client.send([1])
            #expect(try await server.wait(bytes: 1).bytes == [1])
            #expect(await eventually(seconds: 5) { (try? await network.pair()) != nil })
        }
    }

    @Test func delayRateAndJitterKeepTheOrder() async throws {
        let line = NetworkRelay.Line(roundTrip: .milliseconds(60), bytesPerSecond: 1_000_000, jitter: .milliseconds(30))
        try await withNetwork(line: line) { network in
            let (client, server) = try await network.pair()
            let start = NIODeadline.now()
            for part in stride(from: 0, to: pattern.count, by: 1000) { try await client.send(Array(pattern[part..<part + 1000])) }
            let seen = try await server.wait(bytes: pattern.count, seconds: 10)
            #expect(seen.bytes == pattern)
            #expect(try #require(seen.arrivals.first) - start >= .milliseconds(30))
            #expect(try #require(seen.arrivals.last) - start >= .milliseconds(225))
            // Of a new connection the handshake comes before everything else: a round trip, and half of one for the first byte.
            let connecting = NIODeadline.now()
            let (other, otherServer) = try await network.pair()
            try await other.send([1])
            #expect(try #require(try await otherServer.wait(bytes: 1).arrivals.first) - connecting >= .milliseconds(90))
        }
    }

    @Test func theRecordHasWhatPassed() async throws {
        try await withNetwork { network in
            try await network.relay.beginRecord()
            let (client, server) = try await network.pair()
            try await client.send([1, 2, 3])
            _ = try await server.wait(bytes: 3)
            try await network.relay.apply(.cut)
            _ = try await client.wait()
            _ = try await server.wait()
            #expect(await eventually(seconds: 5) { (try? await network.relay.openConnections) == 0 })
            let kinds = try await network.relay.record.map { sighting in
                switch sighting.what {
                case .connected: "connected"
                case .bytes(let direction, let count, let first): "\(direction) \(count) \(first)"
                case .ended: "ended"
                }
            }
            #expect(kinds == ["connected", "toServer 3 [1, 2, 3]", "ended"])
        }
    }

    @Test func aScriptIsTheSameForTheSameSeed() {
        func script(_ seed: UInt64) -> [String] { FaultScript(seed: seed, interval: 2).prefix(200).map { "\($0.pause) \($0.fault)" } }
        #expect(script(7) == script(7))
        #expect(script(7) != script(8))
        let faults = Array(FaultScript(seed: 7, interval: 2).prefix(2000))
        #expect(Set(faults.map(\.fault.kind)).count == 7)
        #expect((1.8...2.2).contains(faults.map(\.pause).reduce(0, +) / 2000))
        for (name, kind) in zip(
            FaultScript.Mix.kinds, ["cut after bytes", "reset", "stall", "half-open", "flipped bit", "refused", "slow line"])
        {
            let mix = FaultScript.Mix(only: [name])!
            #expect(Set(FaultScript(seed: 7, interval: 2, mix: mix).prefix(200).map(\.fault.kind)) == [kind])
        }
        #expect(FaultScript.Mix(only: ["cuts", "x"]) == nil)
    }
}
