import PortalLink
import PortalWire
import TestSupport
import Testing

/// Conversations over links that are cut: with however many links and wherever they are cut, each side sees what it sees over one.
@Suite struct ResumeTests {
    @Test func framesAreKeptUntilThereIsALink() throws {
        var pair = Pair()
        pair.near.endpoint.send(.credit(id: 1, bytes: 1))
        pair.near.endpoint.ping()
        #expect(pair.near.takeBytes() == Message.ping(1).frame().bytes, "what belongs to the link needs no session")
        pair.near.sayHello()
        pair.far.sayHello()
        try pair.pump { 1 }
        #expect(pair.far.messages.count == 1)
    }

    @Test func aNewSessionForgets() throws {
        var pair = try Pair.connected()
        pair.near.endpoint.send(.credit(id: 1, bytes: 1))
        pair.near.endpoint.detach()
        #expect(pair.near.endpoint.unacknowledgedBytes > 0)
        pair.near.endpoint.begin()
        #expect(pair.near.endpoint.unacknowledgedBytes == 0 && pair.near.endpoint.outboundBytes == 0 && pair.near.endpoint.sent == 0)
    }

    /// A peer cannot have less than it said it has, nor more than was sent.
    @Test(arguments: [2, 5] as [UInt64])
    func impossibleCounts(received: UInt64) throws {
        var pair = try Pair.connected()
        for _ in 0..<3 { pair.near.endpoint.send(.credit(id: 1, bytes: 1)) }
        try pair.pump { Int.max }
        pair.far.endpoint.acknowledgeIfNeeded()
        pair.near.endpoint.send(.credit(id: 1, bytes: 1))
        try pair.pump { Int.max }
        pair.near.endpoint.detach()
        #expect(throws: WireError.acknowledgement) { try pair.near.endpoint.resume(after: received) }
    }

    /// Without a link streams go on until what is kept reaches its bound; nothing is dropped.
    @Test func whatIsKeptIsBounded() throws {
        var pair = try Pair.connected()
        pair.far.endpoint.detach()
        var sent = 0
        while pair.far.endpoint.hasRoom {
            pair.far.endpoint.send(.data(id: 1, stream: .stdout, end: false), payload: Array(repeating: UInt8(sent % 251), count: 65_536))
            sent += 1
        }
        #expect(pair.far.endpoint.unacknowledgedBytes >= Limits.replayBytes && sent * 65_536 <= Limits.replayBytes)
        #expect(pair.far.endpoint.outboundBytes == 0)
        pair.near.endpoint.detach()
        try pair.link { Int.max }
        #expect(pair.near.messages.map { $0.frame.payload.first } == (0..<sent).map { UInt8($0 % 251) })
        pair.near.endpoint.acknowledgeIfNeeded()
        try pair.pump { Int.max }
        #expect(pair.far.endpoint.unacknowledgedBytes == 0 && pair.far.endpoint.hasRoom)
    }

    /// A conversation of 200 calls, cut once at every boundary between two frames.
    @Test func cutAtEveryFrame() throws {
        let whole = try Conversation.run()
        #expect(whole.calls == 200)
        var cuts = 0
        _ = try Conversation.run { conversation, frame, isForFar in
            var cut = conversation
            try cut.arrive(frame[...], isForFar)
            try cut.link()
            cuts += 1
            if cut.outcome != whole.outcome { Issue.record("cut behind \(conversation.bytes) bytes: another outcome") }
        }
        #expect(cuts > 1000)
    }

    /// The same conversation, cut at 5,000 places of the bytes of both directions; and in every tenth run cut four times more.
    @Test func cutAnywhere() throws {
        let whole = try Conversation.run()
        var generator = SeededRandom(seed: 4711)
        var places = (0..<5000).map { _ in Int.random(in: 0..<whole.bytes, using: &generator) }.sorted()[...]
        var cuts = 0
        _ = try Conversation.run { conversation, frame, isForFar in
            while let place = places.first, place < conversation.bytes + frame.count {
                places.removeFirst()
                var cut = conversation
                try cut.arrive(frame[..<(place - conversation.bytes)], isForFar)
                cuts += 1
                let more = cuts.isMultiple(of: 10) ? (0..<4).map { _ in Int.random(in: 1...2000, using: &generator) } : []
                try cut.link(cutAfter: more)
                if cut.outcome != whole.outcome { Issue.record("cut after \(place) bytes, then after \(more): another outcome") }
            }
        }
        #expect(cuts == 5000)
    }
}

/// Two hundred calls and their answers between two endpoints in memory, all of it decided by what arrives: requests with and without data,
/// answers of several frames, credit and cancelling.
private struct Conversation {
    /// What each side saw, in its order.
    struct Outcome: Equatable {
        var near: [[UInt8]] = []
        var far: [[UInt8]] = []
    }

    private static let calls = 200
    private var pair = Pair()
    private var begun = 0
    private(set) var outcome = Outcome()
    /// The bytes that arrived, of both directions.
    private(set) var bytes = 0
    private(set) var calls = 0

    /// Runs it over one link. Before each frame arrives, `look` may copy the conversation and go on otherwise.
    static func run(_ look: (Conversation, [UInt8], Bool) throws -> Void = { _, _, _ in }) throws -> Conversation {
        var conversation = Conversation()
        for _ in 0..<8 { conversation.begin() }
        conversation.pair.sayHellos()
        while let (toFar, toNear) = conversation.takeOutbound() {
            for frame in toFar {
                try look(conversation, frame.bytes, true)
                try conversation.arrive(frame.bytes[...], true)
            }
            for frame in toNear {
                try look(conversation, frame.bytes, false)
                try conversation.arrive(frame.bytes[...], false)
            }
        }
        return conversation
    }

    private mutating func takeOutbound() -> (toFar: [Frame], toNear: [Frame])? {
        let frames = (pair.near.endpoint.takeOutbound(), pair.far.endpoint.takeOutbound())
        return frames.0.isEmpty && frames.1.isEmpty ? nil : frames
    }

    private mutating func begin() {
        guard begun < Conversation.calls else { return }
        begun += 1
        let id = UInt64(begun)
        pair.near.endpoint.send(sequenced: Request.frame(id: id, operation: "test.call", hasMore: begun.isMultiple(of: 3)) { _ in })
        guard begun.isMultiple(of: 3) else { return }
        pair.near.endpoint.send(.data(id: id, stream: .stdin, end: true), payload: Array(repeating: UInt8(begun % 256), count: begun * 3))
    }

    /// A frame, or its first bytes, arrives on the link.
    mutating func arrive(_ arriving: ArraySlice<UInt8>, _ isForFar: Bool) throws {
        bytes += arriving.count
        if isForFar {
            try pair.far.receive(arriving)
            for (message, frame) in pair.far.messages { answer(message, frame) }
            pair.far.messages = []
        } else {
            try pair.near.receive(arriving)
            for (message, frame) in pair.near.messages { take(message, frame) }
            pair.near.messages = []
        }
    }

    /// The link is lost, with all that is on its way. New ones follow, which are lost after so many bytes each, and at last one that stays.
    mutating func link(cutAfter lengths: [Int] = []) throws {
        links: for length in lengths + [.max] {
            pair.near.endpoint.detach()
            pair.far.endpoint.detach()
            pair.sayHellos()
            var left = length
            while let (toFar, toNear) = takeOutbound() {
                for (frame, isForFar) in toFar.map({ ($0, true) }) + toNear.map({ ($0, false) }) {
                    try arrive(frame.bytes.prefix(left), isForFar)
                    left -= min(left, frame.bytes.count)
                    if left == 0 { continue links }
                }
            }
        }
    }

    private mutating func answer(_ message: Message, _ frame: Frame) {
        outcome.far.append(frame.bytes)
        let id: UInt64
        switch message {
        case .request(let request):
            if request.hasMore { return }
            id = request.id
        case .data(let request, _, true): id = request
        default: return
        }
        for piece in 0..<Int(id % 5) {
            pair.far.endpoint.send(
                .data(id: id, stream: .stdout, end: false), payload: Array(repeating: UInt8(piece), count: Int(id) * 7 % 900))
        }
        pair.far.endpoint.send(.result(id: id, .object([])))
    }

    private mutating func take(_ message: Message, _ frame: Frame) {
        outcome.near.append(frame.bytes)
        switch message {
        case .data(let id, _, _): pair.near.endpoint.send(.credit(id: id, bytes: UInt64(frame.payloadLength)))
        case .result(let id, _):
            calls += 1
            if id.isMultiple(of: 11) { pair.near.endpoint.send(.cancel(id: id, Cancellation())) }
            begin()
        default: break
        }
    }
}
