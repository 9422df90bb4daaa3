import Foundation
import GoldenCaptures
import PortalWire
import TestSupport

/// Makes broken conversations out of the golden captures: the same ones for the same seed.
///
/// Half of the mutations keep frames whole and change what is in them, so that they get past the frame's lengths and reach what is behind.
public struct FrameFuzzer: Sendable {
    /// What the numbers began with; printed by whoever finds something.
    public let seed: UInt64
    private var generator: SeededRandom
    /// Conversations to mutate: each a list of frames, or of bytes that are none.
    private let corpus: [[[UInt8]]]

    /// A fuzzer over conversations.
    public init(seed: UInt64, corpus: [[[UInt8]]]) {
        precondition(!corpus.isEmpty)
        self.seed = seed
        self.corpus = corpus
        generator = SeededRandom(seed: seed)
    }

    /// A fuzzer over what the clients of the captures send, for a codec. Captures that repeat a frame a thousand times are shortened.
    ///
    /// Never for an executor: a removal of `tree` becomes one of `..`.
    public static func client(seed: UInt64) throws -> FrameFuzzer { FrameFuzzer(seed: seed, corpus: try clientConversations()) }

    /// A fuzzer over those conversations of clients that change nothing on a host and start nothing there, for executors.
    public static func harmlessClient(seed: UInt64) throws -> FrameFuzzer {
        let corpus =
            try clientConversations().map { $0.filter { $0.count < 1024 && !isHarmful($0) } } + harmlessRequests.map { [hello, $0] }
        return FrameFuzzer(seed: seed, corpus: corpus.filter { $0.count > 1 })
    }

    /// Whether a frame names an operation that changes a host or starts something there, also in a batch. An operation that is added counts as one
    /// until it is called read-only. Those of processes that are left do nothing where none was started.
    public static func isHarmful(_ frame: [UInt8]) -> Bool {
        // Foundation's own search: what is generic is slow in a build for sanitizers.
        let data = Data(frame)
        return harmful.contains { data.range(of: $0) != nil }
    }

    private static let harmful: [Data] = OperationNames.executor.map { [UInt8]("\($0)".utf8) }
        .filter { !OperationNames.isReadOnly($0) && !harmlessThoughNotReadOnly.contains($0) }.map { Data($0) }

    private static let harmlessThoughNotReadOnly = ["batch", "session.end", "process.write", "process.signal", "process.resize"]
        .map { Array($0.utf8) }

    private static let hello = Message.hello(Hello(build: Array("fuzz".utf8))).frame().bytes

    /// Requests that no capture has: what they answer depends on more than the executor.
    private static let harmlessRequests: [[UInt8]] = [
        #""op":"search.grep","pattern":"(a|b)*\\w+[^x]{2,3}$","before":1,"after":2,"globs":["*.txt","!z*"],"max_columns":9,"max_count":3"#,
        #""op":"search.grep","pattern":"o","fixed":true,"invert":true,"mode":"count","sort":"modified","no_ignore":true,"limit":5"#,
        #""op":"search.grep","pattern":"\\bT","ignore_case":true,"word":true,"line":false,"mode":"files","sort":"path","hidden":true"#,
        #""op":"search.glob","pattern":"**/*.{c,txt}","ignore_case":true,"sort":"modified","attributes":true,"limit":100,"kind":"any""#,
        #""op":"search.glob","patterns":["[a-z]*","!b?"],"paths":["a","."],"no_require_git":true,"sort":"name""#,
        #""op":"fs.list","path":".","depth":3,"ignore":true,"exclude":["*.o","a/"],"limit":20"#,
        #""op":"fs.read","path":"a/text.txt","first_line":2,"lines":3,"hash":true"#,
        #""op":"fs.read","path":"a/text.txt","offset":3,"length":70000,"if_none_match":"00""#,
        #""op":"fs.readlink","path":"link""#, #""op":"fs.realpath","path":"link""#,
        #""op":"watch.start","path":".","recursive":true,"ignore":true,"exclude":["*.o"],"settle_ms":1"#,
        #""op":"batch","requests":[{"op":"fs.stat","path":"a"},{"op":"fs.read","path":"link"},{"op":"search.grep","pattern":"t"},7],"stop_on_error":false"#,
        #""op":"process.output","process":"p","from":1,"tail":9,"follow":true,"limit":5"#, #""op":"process.list""#,
        #""op":"process.resize","process":"p","rows":24,"columns":80"#, #""op":"process.signal","process":"p","signal":15,"tree":true"#,
        #""op":"process.write","process":"p","eof":true"#, #""op":"process.wait","process":"p","timeout_ms":5"#, #""op":"session.info""#,
    ].map { Frame(header: Array(#"{"type":"request","id":3,\#($0)}"#.utf8)).bytes }

    private static func clientConversations() throws -> [[[UInt8]]] {
        try Capture.all().map { $0.clientBytes.filter { $0.count < 8192 }.prefix(40).map { $0 } }.filter { !$0.isEmpty }
    }

    /// A fuzzer over what the executors of the captures answer.
    public static func executor(seed: UInt64) throws -> FrameFuzzer {
        let corpus = try Capture.all().map { capture in
            capture.steps.compactMap { step -> [UInt8]? in
                switch step.action {
                case .expect(let pattern): return Frame(header: Array(Pattern.text(Pattern.sample(pattern)).utf8)).bytes
                case .expectData(let id, let stream, let bytes):
                    return Frame(
                        header: Array(#"{"type":"data","id":\#(id),"stream":"\#(stream)"}"#.utf8), payload: Array(bytes.prefix(4096))
                    ).bytes
                default: return nil
                }
            }
        }
        return FrameFuzzer(seed: seed, corpus: corpus.filter { !$0.isEmpty })
    }

    // MARK: Numbers

    private mutating func random() -> UInt64 { generator.next() }

    private mutating func random(below bound: Int) -> Int { generator.below(bound) }

    // MARK: Conversations

    /// One frame of the corpus, mutated.
    public mutating func nextFrame() -> [UInt8] {
        let conversation = corpus[random(below: corpus.count)]
        return mutate(conversation[random(below: conversation.count)])
    }

    /// One conversation of the corpus with some of its frames mutated, taken out, repeated or replaced by another's.
    /// Its first frame, the hello, is mostly left alone: behind a broken one nothing is looked at.
    public mutating func nextConversation() -> [[UInt8]] {
        var frames = corpus[random(below: corpus.count)]
        for _ in 0...random(below: 3) {
            let index = frames.count > 1 && random(below: 8) > 0 ? 1 + random(below: frames.count - 1) : random(below: frames.count)
            switch random(below: 8) {
            case 0: if frames.count > 1 { frames.remove(at: index) }
            case 1: frames.insert(frames[index], at: random(below: frames.count + 1))
            case 2:
                let other = corpus[random(below: corpus.count)]
                frames.insert(other[random(below: other.count)], at: index)
            default: frames[index] = mutate(frames[index])
            }
        }
        return frames
    }

    /// One frame of the corpus with some of its values exchanged for others: nearly always one that the link outlives.
    public mutating func nextMeaningfulFrame() -> [UInt8] {
        let conversation = corpus[random(below: corpus.count)]
        let frame = conversation[random(below: conversation.count)]
        guard frame.count > Frame.prefixLength else { return frame }
        let headerLength = min(frame.count - Frame.prefixLength, Int(number(at: 4, of: frame)))
        var header = Array(frame[Frame.prefixLength..<Frame.prefixLength + headerLength])
        for _ in 0...random(below: 3) { exchangeValue(&header) }
        return Frame(header: header, payload: Array(frame[(Frame.prefixLength + headerLength)...])).bytes
    }

    /// Another value in the place of one, or another name in the place of a member's.
    private mutating func exchangeValue(_ text: inout [UInt8]) {
        var tokens: [(start: Int, end: Int)] = []
        var index = 0
        while index < text.count {
            let start = index
            if text[start] == 0x22 {
                index += 1
                while index < text.count, text[index] != 0x22 { index += text[index] == 0x5C ? 2 : 1 }
                index += 1
                if index <= text.count { tokens.append((start, index)) }
            } else if text[start] == 0x2D || (0x30...0x39).contains(text[start]) {
                while index < text.count, text[index] == 0x2D || (0x30...0x39).contains(text[index]) { index += 1 }
                tokens.append((start, index))
            } else {
                index += 1
            }
        }
        guard !tokens.isEmpty else { return }
        let token = tokens[random(below: tokens.count)]
        let isName = token.end < text.count && text[token.end] == 0x3A
        let isNumber = text[token.start] != 0x22
        var value = FrameFuzzer.values[random(below: FrameFuzzer.values.count)]
        if isNumber, random(below: 4) > 0 { value = FrameFuzzer.numbers[random(below: FrameFuzzer.numbers.count)] }
        if isName || random(below: 8) == 0 {
            // Of the same frame, which has names that mean something in it.
            let other = tokens[random(below: tokens.count)]
            value = Array(text[other.start..<other.end])
        }
        if isName, value.first != 0x22 { return }
        text.replaceSubrange(token.start..<token.end, with: value)
    }

    // MARK: Mutations

    /// The bytes of a frame with one to four changes.
    public mutating func mutate(_ frame: [UInt8]) -> [UInt8] {
        var bytes = frame
        let keepsLengths = bytes.count > Frame.prefixLength && random(below: 2) == 0
        for _ in 0...random(below: keepsLengths ? 3 : 4) {
            if keepsLengths {
                var header = Array(bytes[Frame.prefixLength...])
                changeText(&header)
                // Payload and header are not told apart: the whole rest is the header, or a part of it.
                let headerLength =
                    random(below: 16) == 0 ? random(below: header.count + 1) : min(header.count, Int(number(at: 4, of: frame)))
                bytes = Frame(header: Array(header.prefix(headerLength)), payload: Array(header.dropFirst(headerLength))).bytes
                if header.isEmpty { break }
            } else {
                change(&bytes)
            }
        }
        return bytes
    }

    private func number(at index: Int, of bytes: [UInt8]) -> UInt32 {
        guard bytes.count >= index + 4 else { return 0 }
        return bytes[index..<index + 4].reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Anything at all.
    private mutating func change(_ bytes: inout [UInt8]) {
        guard !bytes.isEmpty else {
            bytes.append(UInt8(truncatingIfNeeded: random()))
            return
        }
        let index = random(below: bytes.count)
        switch random(below: 8) {
        case 0: bytes[index] ^= 1 << UInt8(random(below: 8))
        case 1: bytes[index] = UInt8(truncatingIfNeeded: random())
        case 2: bytes.removeSubrange(index..<min(bytes.count, index + 1 + random(below: 16)))
        case 3: bytes.removeLast(bytes.count - index)
        case 4:
            let end = min(bytes.count, index + 1 + random(below: 32))
            bytes.insert(contentsOf: Array(bytes[index..<end]), at: random(below: bytes.count + 1))
        case 5: bytes.insert(contentsOf: (0...random(below: 8)).map { _ in UInt8(truncatingIfNeeded: random()) }, at: index)
        default:
            // A length: near what it was, near a bound, or anything.
            guard bytes.count >= 8 else { return }
            let place = random(below: 2) * 4
            let interesting: [UInt32] = [
                0, 1, 3, 4, 5, 8, UInt32(Limits.headerLength), UInt32(Limits.headerLength) + 1, UInt32(Limits.payloadLength) + 5,
                0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF,
            ]
            let was = number(at: place, of: bytes)
            let value: UInt32
            switch random(below: 3) {
            case 0: value = was &+ UInt32(random(below: 9)) &- 4
            case 1: value = interesting[random(below: interesting.count)]
            default: value = UInt32(truncatingIfNeeded: random()) >> UInt32(random(below: 32))
            }
            for offset in 0..<4 { bytes[place + offset] = UInt8(truncatingIfNeeded: value >> UInt32(24 - 8 * offset)) }
        }
    }

    private static let scraps: [[UInt8]] =
        [
            "{", "}", "[", "]", "\"", ",", ":", "\\", "\\u", "\\ud800", "\\u0000", "null", "true", "-", "1e9", "0.5", "-1", "{\"b64\":\"",
            "{\"b64\":\"/w==\"}", "\"type\":",
            "\"id\":", "\"data\"", "\"request\"", "\"cancel\"", "\"credit\"", "\"ack\"", "\"hello\"", "\"more\":true", "\"end\":true",
            "\"path\":", "\"..\"", "{}", "[]", "\"\"",
        ].map { Array($0.utf8) } + [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0x00]]

    // No operation that changes a host may stand here: see `harmlessClient`.
    private static let values = [
        "\"type\"", "\"id\"", "\"op\"", "\"more\"", "\"end\"", "\"path\"", "\"cwd\"", "\"argv\"", "\"shell\"", "\"stdin\"", "\"stream\"",
        "\"process\"", "\"signal\"",
        "\"bytes\"", "\"received\"", "\"number\"", "\"request\"", "\"data\"", "\"credit\"", "\"cancel\"", "\"ack\"", "\"ping\"",
        "\"hello\"", "\"content\"", "\"stdout\"",
        "\"fs.stat\"", "\"fs.read\"", "\"process.wait\"", "\"session.stats\"", "\"\"", "\".\"", "\"a/b\"", "\"\\u0000\"",
        "\"\\ud83d\\ude00\"", "{\"b64\":\"/w==\"}",
        "{\"b64\":\"\"}", "{\"b64\":\"/\"}", "null", "true", "7", "[]", "[1,[2]]", "{}",
    ].map { Array($0.utf8) }

    private static let numbers = [
        "0", "1", "-1", "2", "63", "64", "65", "255", "256", "4095", "4096", "65535", "65536", "262144", "262145", "2147483647",
        "2147483648", "4294967295", "4294967296",
        "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616", "-9223372036854775808", "1.0", "1e3",
    ].map { Array($0.utf8) }

    /// Something that a header is made of.
    private mutating func changeText(_ text: inout [UInt8]) {
        guard !text.isEmpty else { return }
        let index = random(below: text.count)
        switch random(below: 10) {
        case 0: text.insert(contentsOf: FrameFuzzer.scraps[random(below: FrameFuzzer.scraps.count)], at: index)
        case 1: change(&text)
        case 2...5:
            // Another number in the place of one.
            guard let start = text[index...].firstIndex(where: { (0x30...0x39).contains($0) }) else { return }
            let end = text[start...].firstIndex { !(0x30...0x39).contains($0) } ?? text.count
            text.replaceSubrange(start..<end, with: FrameFuzzer.numbers[random(below: FrameFuzzer.numbers.count)])
        default:
            // Another name or value in the place of a member's: mostly still JSON, but another message.
            guard let start = text[index...].firstIndex(of: 0x22), let end = text[(start + 1)...].firstIndex(of: 0x22) else { return }
            text.replaceSubrange(start...end, with: FrameFuzzer.values[random(below: FrameFuzzer.values.count)])
        }
    }
}
