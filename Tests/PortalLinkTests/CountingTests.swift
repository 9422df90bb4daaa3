import PortalLink
import PortalWire
import TestSupport
import Testing

@Suite struct CountingTests {
    @Test func acknowledgementIsDueByFrames() throws {
        var pair = try Pair.connected()
        for _ in 1..<Limits.acknowledgementFrames { pair.near.endpoint.send(.credit(id: 1, bytes: 1)) }
        try pair.pump { 50 }
        #expect(pair.near.endpoint.unacknowledgedBytes > 0)
        pair.near.endpoint.send(.credit(id: 1, bytes: 1))
        try pair.pump { 50 }
        #expect(pair.near.endpoint.unacknowledgedBytes == 0)
        #expect(pair.near.endpoint.sent == UInt64(Limits.acknowledgementFrames))
    }

    @Test func acknowledgementIsDueByBytes() throws {
        var pair = try Pair.connected()
        let overhead = Message.data(id: 1, stream: .stdin, end: false).frame().bytes.count
        pair.near.endpoint.send(
            .data(id: 1, stream: .stdin, end: false), payload: Array(repeating: 0, count: Limits.acknowledgementBytes - overhead - 1))
        try pair.pump { Int.max }
        #expect(pair.near.endpoint.unacknowledgedBytes == Limits.acknowledgementBytes - 1)
        pair.near.endpoint.send(.credit(id: 1, bytes: 1))
        try pair.pump { Int.max }
        #expect(pair.near.endpoint.unacknowledgedBytes == 0)
    }

    @Test func idleAcknowledgement() throws {
        var pair = try Pair.connected()
        pair.far.endpoint.acknowledgeIfNeeded()
        #expect(pair.far.endpoint.outboundBytes == 0, "hellos are not counted")
        pair.near.endpoint.send(.credit(id: 1, bytes: 1))
        try pair.pump { 1 }
        #expect(pair.near.endpoint.unacknowledgedBytes > 0)
        pair.far.endpoint.acknowledgeIfNeeded()
        try pair.pump { 1 }
        #expect(pair.near.endpoint.unacknowledgedBytes == 0)
    }

    @Test func controlFramesAreNotCounted() throws {
        var pair = try Pair.connected()
        for number in 0..<200 { pair.near.endpoint.send(.ping(UInt64(number))) }
        try pair.pump { 1000 }
        #expect(pair.near.endpoint.sent == 0 && pair.far.endpoint.received == 0 && pair.far.endpoint.sent == 0)
        #expect(pair.near.pongs.count == 200)
    }

    @Test func wrongAcknowledgements() throws {
        var pair = try Pair.connected()
        for _ in 0..<3 { pair.near.endpoint.send(.credit(id: 1, bytes: 1)) }
        _ = pair.near.takeBytes()
        func answer(_ received: UInt64, to side: inout Side) -> WireError? {
            broken { try side.receive(Message.acknowledge(received).frame().bytes) }
        }
        var ofTheFuture = pair.near
        #expect(answer(4, to: &ofTheFuture) == .acknowledgement)
        var greatest = pair.near
        #expect(answer(UInt64(Int64.max), to: &greatest) == .acknowledgement)
        #expect(answer(0, to: &pair.near) == nil)
        #expect(answer(2, to: &pair.near) == nil)
        #expect(answer(2, to: &pair.near) == nil, "the same again is no less than before")
        var backwards = pair.near
        #expect(answer(1, to: &backwards) == .acknowledgement)
        #expect(answer(3, to: &pair.near) == nil)
        #expect(pair.near.endpoint.unacknowledgedBytes == 0)
    }

    @Test func whereNothingIsCounted() throws {
        var pair = try Pair.connected(isCounting: false)
        for _ in 0..<1000 { pair.near.endpoint.send(.data(id: 1, stream: .stdin, end: false), payload: Array(repeating: 0, count: 10_000)) }
        try pair.pump { 100_000 }
        #expect(!pair.near.endpoint.isFull)
        #expect(pair.near.endpoint.unacknowledgedBytes == 0 && pair.near.endpoint.sent == 0)
        #expect(pair.near.arriving.isEmpty && pair.near.messages.isEmpty)
        #expect(broken { try pair.near.receive(Message.acknowledge(0).frame().bytes) } == .acknowledgement)
    }

    @Test func fullAtTheBound() throws {
        var pair = try Pair.connected()
        let payload = [UInt8](repeating: 0, count: Limits.preferredPayloadLength)
        var count = 0
        while !pair.near.endpoint.isFull {
            pair.near.endpoint.send(.data(id: 1, stream: .stdin, end: false), payload: payload)
            count += 1
        }
        #expect(pair.near.endpoint.unacknowledgedBytes >= Limits.replayBytes)
        #expect(pair.near.endpoint.unacknowledgedBytes - payload.count - 100 < Limits.replayBytes)
        // A full side still speaks, and nothing of what it was given is dropped.
        pair.near.endpoint.send(.ping(1 << 40))
        pair.near.endpoint.send(.cancel(id: 1, Cancellation()))
        try pair.pump { 1 << 20 }
        pair.far.endpoint.acknowledgeIfNeeded()
        try pair.pump { 1 << 20 }
        #expect(pair.near.pongs.contains(1 << 40))
        #expect(pair.far.messages.count == count + 1)
        #expect(!pair.near.endpoint.isFull && pair.near.endpoint.unacknowledgedBytes == 0)
    }

    // MARK: Replay

    /// A link that is cut at any byte: what the peer says it processed, and the frames that are sent again, are together everything once.
    @Test func replayAfterACutAnywhere() throws {
        let frames = (0..<12).map {
            Message.data(id: UInt64($0), stream: .stdout, end: false).frame(payload: Array(repeating: UInt8($0), count: $0 * 3))
        }
        let stream = frames.flatMap(\.bytes)
        for cut in 0...stream.count {
            var replay = ReplayBuffer()
            for frame in frames { replay.append(KeptFrame(frame)) }
            var counter = ReceiveCounter()
            var received: [[UInt8]] = []
            var decoder = FrameDecoder()
            Array(stream[..<cut]).withUnsafeBytes { decoder.receive($0) }
            while let frame = try decoder.next() {
                _ = counter.count(bytes: frame.bytes.count)
                received.append(frame.bytes)
            }
            let again = try replay.replay(after: counter.received)
            received += again.map(\.frame.bytes)
            #expect(received == frames.map(\.bytes), "cut at \(cut)")
            #expect(replay.bytes == again.reduce(0) { $0 + $1.frame.bytes.count })
        }
    }

    @Test func replayBufferThroughManyAcknowledgements() throws {
        var generator = SeededRandom(seed: 42)
        var replay = ReplayBuffer()
        var kept: [[UInt8]] = []
        var acknowledged: UInt64 = 0
        for round in 0..<3000 {
            for _ in 0..<Int.random(in: 0...4, using: &generator) {
                let frame = Message.credit(id: UInt64(round), bytes: replay.sent).frame()
                replay.append(KeptFrame(frame))
                kept.append(frame.bytes)
            }
            let count = UInt64.random(in: 0...UInt64(kept.count), using: &generator) / (round.isMultiple(of: 3) ? 1 : 8)
            acknowledged += count
            kept.removeFirst(Int(count))
            if round.isMultiple(of: 10) {
                #expect(try replay.replay(after: acknowledged).map(\.frame.bytes) == kept)
            } else {
                try replay.acknowledge(acknowledged)
            }
            #expect(replay.acknowledged == acknowledged)
            #expect(replay.bytes == kept.reduce(0) { $0 + $1.count })
        }
        #expect(throws: WireError.acknowledgement) { try replay.replay(after: replay.sent + 1) }
        if acknowledged > 0 { #expect(throws: WireError.acknowledgement) { try replay.replay(after: acknowledged - 1) } }
    }

    @Test func receiveCounter() {
        var counter = ReceiveCounter()
        #expect(!counter.hasUnacknowledged && counter.takeAcknowledgement() == 0)
        let frame = Message.credit(id: 1, bytes: 1).frame()
        for number in 1...Limits.acknowledgementFrames * 2 {
            let isDue = counter.count(bytes: frame.bytes.count)
            #expect(isDue == number.isMultiple(of: Limits.acknowledgementFrames))
            #expect(counter.hasUnacknowledged)
            if isDue { #expect(counter.takeAcknowledgement() == UInt64(number)) }
        }
        #expect(!counter.hasUnacknowledged)
    }
}
