import PortalLink
import PortalWire
import TestSupport
import Testing

/// A proxy's end of a link: it acknowledges what its clients have, and not what it has processed.
@Suite struct SettlementTests {
    @Test func onlyTheLongestRunIsAcknowledged() throws {
        var pair = Pair()
        pair.near.endpoint = .settling()
        pair.near.sayHello()
        pair.far.sayHello()
        try pair.pump { Int.max }
        for number in 1...5 { pair.far.endpoint.send(.credit(id: 1, bytes: UInt64(number))) }
        try pair.pump { Int.max }
        #expect(pair.near.messages.count == 5 && pair.near.endpoint.processed == 5 && pair.near.endpoint.received == 0)
        for number in [2, 3, 5] as [UInt64] { pair.near.endpoint.settle(number) }
        #expect(pair.near.endpoint.received == 0)
        pair.near.endpoint.settle(1)
        #expect(pair.near.endpoint.received == 3)
        pair.near.endpoint.acknowledgeIfNeeded()
        try pair.pump { Int.max }
        #expect(pair.far.endpoint.kept.count == 2)
        for number in [4, 4, 1, 99] as [UInt64] { pair.near.endpoint.settle(number) }
        #expect(pair.near.endpoint.received == 5)
    }

    /// Links that are cut at random while frames are settled at random, late and in any order: each is processed once, and in the end the other
    /// side keeps nothing.
    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func cutsAndLateSettling(seed: UInt64) throws {
        var generator = SeededRandom(seed: seed)
        var pair = Pair()
        pair.near.endpoint = .settling()
        pair.near.sayHello()
        pair.far.sayHello()
        try pair.pump { Int.max }
        var open: [UInt64] = []
        var settled: UInt64 = 0
        for number in 1...600 as ClosedRange<UInt64> {
            pair.far.endpoint.send(.data(id: 1, stream: .stdout, end: false), payload: Array(repeating: UInt8(number % 251), count: 40))
            let bytes = pair.far.takeBytes()
            let isCut = Int.random(in: 0..<3, using: &generator) == 0
            try pair.near.receive(bytes.prefix(isCut ? Int.random(in: 0...bytes.count, using: &generator) : bytes.count))
            if isCut {
                pair.near.endpoint.detach()
                pair.far.endpoint.detach()
                try pair.link { Int.max }
            }
            open.append(contentsOf: (settled + UInt64(open.count) + 1)..<(pair.near.endpoint.processed + 1))
            open.shuffle(using: &generator)
            for _ in 0..<Int.random(in: 0...min(3, open.count), using: &generator) {
                pair.near.endpoint.settle(open.removeLast())
                settled += 1
            }
        }
        pair.near.endpoint.detach()
        pair.far.endpoint.detach()
        try pair.link { Int.max }
        #expect(pair.near.messages.map { $0.frame.payload.first } == (1...600).map { UInt8($0 % 251) })
        for number in 1...600 as ClosedRange<UInt64> { pair.near.endpoint.settle(number) }
        pair.near.endpoint.acknowledgeIfNeeded()
        try pair.pump { Int.max }
        #expect(pair.far.endpoint.kept.isEmpty && pair.far.endpoint.unacknowledgedBytes == 0)
    }
}
