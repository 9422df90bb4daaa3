import PortalLink
import PortalWire
import TestSupport
import Testing

@Suite struct LinkEndpointTests {
    @Test(arguments: [true, false])
    func byteByByte(isCounting: Bool) throws {
        var pair = Pair(isCounting: isCounting)
        pair.near.sayHello()
        pair.far.sayHello()
        pair.near.endpoint.send(.ping(5))
        pair.near.endpoint.send(.data(id: 1, stream: .stdin, end: true), payload: [1, 2, 3])
        try pair.pump { 1 }
        #expect(pair.near.hellos == 1 && pair.far.hellos == 1)
        #expect(pair.near.pongs == [5])
        guard case .data(1, .stdin, true)? = pair.far.messages.first?.message else {
            Issue.record("no data came")
            return
        }
        #expect(pair.far.messages.first.map { Array($0.frame.payload) } == [1, 2, 3])
        #expect(pair.far.endpoint.received == (isCounting ? 1 : 0))
    }

    /// Much traffic both ways in pieces of random sizes: everything comes, once and in its order, and in the end all of it is acknowledged.
    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func randomPieces(seed: UInt64) throws {
        var generator = SeededRandom(seed: seed)
        var pair = try Pair.connected()
        var sent: (near: [[UInt8]], far: [[UInt8]]) = ([], [])
        for round in 0..<120 {
            let payload = (0..<Int.random(in: 0...3000, using: &generator)).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            if Bool.random(using: &generator) {
                pair.near.endpoint.send(.data(id: UInt64(round), stream: .stdin, end: false), payload: payload)
                sent.near.append(payload)
            } else {
                pair.far.endpoint.send(.data(id: UInt64(round), stream: .stdout, end: false), payload: payload)
                sent.far.append(payload)
            }
            if round.isMultiple(of: 7) { try pair.pump { Int.random(in: 1...700, using: &generator) } }
        }
        try pair.pump { Int.random(in: 1...700, using: &generator) }
        #expect(pair.far.messages.map { Array($0.frame.payload) } == sent.near)
        #expect(pair.near.messages.map { Array($0.frame.payload) } == sent.far)
        pair.near.endpoint.acknowledgeIfNeeded()
        pair.far.endpoint.acknowledgeIfNeeded()
        try pair.pump { 100 }
        #expect(pair.near.endpoint.unacknowledgedBytes == 0 && pair.far.endpoint.unacknowledgedBytes == 0)
        #expect(pair.near.endpoint.sent == UInt64(sent.near.count) && pair.far.endpoint.received == UInt64(sent.near.count))
        pair.near.endpoint.acknowledgeIfNeeded()
        #expect(pair.near.endpoint.outboundBytes == 0, "nothing is acknowledged twice")
    }

    @Test func pingIsAnsweredBeforeTheHello() throws {
        var side = Side()
        try side.receive(Message.ping(9).frame().bytes)
        #expect(side.takeBytes() == Message.pong(9).frame().bytes)
    }

    @Test(arguments: [
        Message.request(Request(id: 1, operation: bytes("x"), parameters: .object([]), hasMore: false)),
        .data(id: 1, stream: .stdin, end: false), .credit(id: 1, bytes: 1),
        .cancel(id: 1, Cancellation()), .acknowledge(0), .unknown, .state(LinkState(text: [], isReady: true)),
    ])
    func helloComesFirst(message: Message) {
        var side = Side()
        var frame = message.frame()
        if case .request = message { frame = Request.frame(id: 1, operation: "x") { _ in } }
        #expect(broken { try side.receive(frame.bytes) } == .hello)
    }

    @Test func helloComesOnce() throws {
        var side = try Pair.connected().near
        #expect(broken { try side.receive(Message.hello(Hello(build: [])).frame().bytes) } == .hello)
    }

    @Test(arguments: [(2, 9), (0, 0)] as [(UInt64, UInt64)])
    func versionsThatDoNotMeet(minimum: UInt64, maximum: UInt64) {
        var hello = Hello(build: bytes("other"))
        hello.minimumVersion = minimum
        hello.maximumVersion = maximum
        var side = Side()
        #expect(broken { try side.receive(Message.hello(hello).frame().bytes) } == .version)
        #expect(side.hellos == 0)
        // The peer is told, and the link ends there with the reason.
        var other = Side()
        do {
            try other.receive(LinkEndpoint.goodbye(for: .version).bytes)
            Issue.record("the link goes on")
        } catch .goodbye(let code, let text) {
            #expect(code == .invalid)
            #expect(text == [UInt8](WireError.version.rule))
        } catch { Issue.record("\(error)") }
    }

    @Test func newerPeerThatSpeaksOurVersion() throws {
        var hello = Hello(build: bytes("newer"))
        hello.maximumVersion = 99
        var side = Side()
        let frame = Message.hello(hello).frame()
        frame.bytes.withUnsafeBytes { side.endpoint.receive($0) }
        guard case .hello(_, version: ProtocolVersion.maximum)? = try side.endpoint.nextEvent() else {
            Issue.record("no hello")
            return
        }
    }

    /// What came before a broken frame is reported; then the link is over, and says so as often as it is asked.
    @Test func brokenFrame() throws {
        var side = try Pair.connected().near
        #expect(
            broken { try side.receive(Message.credit(id: 1, bytes: 2).frame().bytes + Frame(header: bytes("{")).bytes) } == .json(offset: 1)
        )
        #expect(side.messages.count == 1)
    }

    @Test func unknownTypesAreCountedAndIgnored() throws {
        var pair = try Pair.connected()
        try pair.near.receive(Frame(header: bytes(#"{"type":"from the future","id":1}"#), payload: [1]).bytes)
        #expect(pair.near.messages.isEmpty)
        #expect(pair.near.endpoint.received == 1)
    }

    @Test func forwardedFramesKeepTheirBytes() throws {
        var pair = try Pair.connected()
        let frame = Frame(header: bytes(#"{ "type":"data", "new":1, "id":3,"stream":"stdout" }"#), payload: [7])
        pair.near.endpoint.send(sequenced: frame)
        #expect(pair.near.endpoint.outboundBytes == frame.bytes.count)
        try pair.pump { 3 }
        #expect(pair.far.messages.first?.frame.bytes == frame.bytes)
    }
}
