import PortalWire
import Testing

@Suite struct FrameTests {
    static let frames = [
        Frame(#"{"type":"ping","number":1}"#), Frame("{}", payload: [0]),
        Frame(#"{"type":"data"}"#, payload: Array(repeating: 7, count: 300)),
        Frame("[]"), Frame(#"{"type":"ö"}"#, payload: Array(0...255)),
    ]

    @Test func layout() {
        let frame = Frame("{}", payload: [9, 8, 7])
        #expect(frame.bytes == [0, 0, 0, 9, 0, 0, 0, 2, 0x7B, 0x7D, 9, 8, 7])
        #expect(frame.headerLength == 2)
        #expect(Array(frame.payload) == [9, 8, 7])
        #expect(frame.payloadLength == 3)
    }

    @Test func cutAtEveryByte() throws {
        let stream = FrameTests.frames.flatMap(\.bytes)
        for cut in 0...stream.count {
            var decoder = FrameDecoder()
            var decoded: [Frame] = []
            for piece in [stream[..<cut], stream[cut...]] {
                decoder.receive(piece)
                while let frame = try decoder.next() { decoded.append(frame) }
            }
            #expect(decoded.map(\.bytes) == FrameTests.frames.map(\.bytes))
            #expect(decoded.map(\.headerText) == FrameTests.frames.map(\.headerText))
            #expect(decoder.bufferedBytes == 0)
        }
    }

    @Test func byteByByte() throws {
        var decoder = FrameDecoder()
        var decoded: [Frame] = []
        for byte in FrameTests.frames.flatMap(\.bytes) {
            decoder.receive([byte])
            while let frame = try decoder.next() { decoded.append(frame) }
        }
        #expect(decoded.map(\.bytes) == FrameTests.frames.map(\.bytes))
    }

    /// Many frames through one decoder: what it consumed does not pile up, and nothing is lost when it makes room.
    @Test func longStream() throws {
        var decoder = FrameDecoder()
        let frame = Frame(#"{"type":"data"}"#, payload: Array(repeating: 1, count: 10_000))
        var count = 0
        var pending: [UInt8] = []
        for _ in 0..<500 {
            pending += frame.bytes
            let piece = pending.prefix(7_777)
            pending.removeFirst(piece.count)
            decoder.receive(piece)
            while let next = try decoder.next() {
                #expect(next.bytes == frame.bytes)
                count += 1
            }
        }
        decoder.receive(pending)
        while try decoder.next() != nil { count += 1 }
        #expect(count == 500)
    }

    @Test func greatestFrame() throws {
        let frame = Frame(
            header: [0x7B] + Array(repeating: 0x20, count: Limits.headerLength - 2) + [0x7D],
            payload: Array(repeating: 3, count: Limits.payloadLength))
        var decoder = FrameDecoder()
        decoder.receive(frame.bytes)
        let decoded = try #require(try decoder.next())
        #expect(decoded.bytes == frame.bytes)
        #expect(text(try decoded.parseHeader()) == "{}")
    }

    /// A decoder's buffer is as long as the most that came at once; a short frame that waits somewhere must not keep it.
    @Test func aFrameKeepsNoMoreThanItself() throws {
        var decoder = FrameDecoder()
        let short = Frame("{}", payload: Array(repeating: 1, count: 100))
        decoder.receive((0..<1000).flatMap { _ in short.bytes })
        while let frame = try decoder.next() { #expect(frame.bytes.capacity < 1024) }
        for _ in 0..<10 {
            decoder.receive(short.bytes)
            let frame = try #require(try decoder.next())
            #expect(frame.bytes == short.bytes && frame.bytes.capacity < 1024)
        }
    }

    /// Refused from the prefix alone: nothing behind it was received, so nothing can have been taken for it.
    @Test(
        arguments: [
            ([0xFF, 0xFF, 0xFF, 0xFF], WireError.frameLength), ([0x80, 0, 0, 0], .frameLength), ([0x7F, 0xFF, 0xFF, 0xFF], .frameLength),
            ([0, 0, 0, 0], .frameLength),
            ([0, 0, 0, 3], .frameLength), (bigEndian(4 + Limits.headerLength + Limits.payloadLength + 1), .frameLength),
            ([0, 0, 0, 4, 0, 0, 0, 0], .headerLength), ([0, 0, 0, 9, 0, 0, 0, 6], .headerLength),
            ([0, 0, 0, 9, 0xFF, 0xFF, 0xFF, 0xFF], .headerLength),
            (bigEndian(4 + Limits.headerLength + 1) + bigEndian(Limits.headerLength + 1), .headerLength),
            (bigEndian(4 + 2 + Limits.payloadLength + 1) + bigEndian(2), .frameLength),
        ] as [([UInt8], WireError)])
    func refusedFromThePrefix(prefix: [UInt8], error: WireError) throws {
        var decoder = FrameDecoder()
        for byte in prefix.dropLast() {
            decoder.receive([byte])
            #expect(try decoder.next()?.bytes == nil)
        }
        decoder.receive(prefix.suffix(1))
        #expect(throws: error) { _ = try decoder.next() }
        #expect(decoder.bufferedBytes == prefix.count)
        #expect(throws: error) { _ = try decoder.next() }
    }

    @Test func framesBeforeABrokenOneAreGiven() throws {
        var decoder = FrameDecoder()
        decoder.receive(Frame("{}").bytes + [0, 0, 0, 1])
        #expect(try decoder.next()?.headerText == "{}")
        #expect(throws: WireError.frameLength) { _ = try decoder.next() }
    }
}

func bigEndian(_ number: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) } }
