import Foundation
import FrameFuzzer
import PortalWire
import Testing

/// Mutated frames, hundreds to an executor: what would end the link is mostly left to other tests, so that each meets one that has lived for a while.
///
/// `PORTAL_FUZZ_ITERATIONS` sets how many frames, `PORTAL_FUZZ_SEED` which.
@Suite struct LongFuzzTests {
    private static let framesOfAConversation = 2000
    private static let framesOfATurn = 100

    @Test func mutatedFramesThatTheLinkOutlives() throws {
        let program = try #require(ExecutorProgram.all.first { $0.description == "portal-executor" })
        var fuzzer = try FrameFuzzer.harmlessClient(seed: ExecutorFuzzTests.seed)
        var tree = try FuzzTree()
        let names = tree.names
        var counts = (frames: 0, conversations: 0, broken: 0, results: 0, failures: 0, data: 0)
        var rules: [String: Int] = [:]
        while counts.frames < ExecutorFuzzTests.iterations {
            let conversation = try LongConversation(program, directory: tree.path)
            while !conversation.hasEnded, conversation.frames < LongFuzzTests.framesOfAConversation {
                try conversation.turn((0..<LongFuzzTests.framesOfATurn).map { _ in conversation.next(&fuzzer) })
            }
            let status = try conversation.end()
            counts.frames += conversation.frames
            counts.conversations += 1
            counts.broken += Int(status)
            counts.results += conversation.results
            counts.failures += conversation.failures
            counts.data += conversation.dataFrames
            if let rule = conversation.rule { rules[rule, default: 0] += 1 }
            guard status == 0 || status == 1 else {
                Issue.record("it ended with \(status), seed \(ExecutorFuzzTests.seed), behind \(conversation.lastTurn)")
                return
            }
        }
        print("fuzz: \(counts), ends \(rules), seed \(ExecutorFuzzTests.seed)")
        #expect(tree.names == names, "nothing was changed")
        // Links that break and links that do not, answers of each kind: a fuzzer that meets only some of them tests nothing of the others.
        #expect(counts.frames < 100_000 || (counts.broken > 0 && counts.broken < counts.conversations), "\(counts)")
        #expect(counts.results > counts.frames / 50 && counts.failures > counts.frames / 50 && counts.data > 0, "\(counts)")
    }
}

/// What there is to read and to search, a few directories down: a mutated path may go up one or two.
private struct FuzzTree {
    let path: String
    private let root: String

    init() throws {
        root = FileManager.default.temporaryDirectory.appending(path: "portal-fuzz-\(UUID().uuidString)").path
        path = root + "/some/where/deep/home"
        try FileManager.default.createDirectory(atPath: path + "/a/b", withIntermediateDirectories: true)
        try Data("one\ntwo\r\nThree täxt\n\n\tfour".utf8).write(to: URL(filePath: path + "/a/text.txt"))
        try Data((0..<20_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }).write(to: URL(filePath: path + "/a/b/bytes"))
        try Data(repeating: 0x61, count: 200_000).write(to: URL(filePath: path + "/long.txt"))
        try Data("*.o\n!b/\n".utf8).write(to: URL(filePath: path + "/.gitignore"))
        try FileManager.default.createSymbolicLink(atPath: path + "/link", withDestinationPath: "a/text.txt")
    }

    var names: [String] {
        mutating get { (FileManager.default.subpaths(atPath: path) ?? []).sorted() }
    }
}

/// A link to one executor: every request's number is new, answers are checked and acknowledged, pings are answered.
private final class LongConversation {
    private let executor: ExecutorConnection
    private let opening = Sentinel.line(token: Array("f022".utf8))
    private var decoder = FrameDecoder()
    private var hasOpened = false
    private var requests: UInt64 = 0
    private var answered: Set<UInt64> = []
    private var sequenced: UInt64 = 0
    private var turns: UInt64 = 0
    private var pong: UInt64 = 0
    private var random = SystemRandomNumberGenerator()
    /// Frames of turns that the executor has looked at, and of the one that was its last.
    private(set) var frames = 0
    private(set) var results = 0
    private(set) var failures = 0
    private(set) var dataFrames = 0
    private(set) var lastTurn: [String] = []
    /// What the executor says that was broken, where something was.
    private(set) var rule: String?
    var hasEnded: Bool { executor.hasEnded }

    init(_ program: ExecutorProgram, directory: String) throws {
        executor = try ExecutorConnection(program, token: "f022", directory: directory)
        executor.send(Message.hello(Hello(build: Array("fuzz".utf8))).frame().bytes)
    }

    /// The next frame that is worth sending.
    func next(_ fuzzer: inout FrameFuzzer) -> [UInt8] {
        while true {
            // Most keep the link, so that an executor lives for hundreds; anything at all comes in between.
            let bytes = Int.random(in: 0..<20, using: &random) == 0 ? fuzzer.nextFrame() : fuzzer.nextMeaningfulFrame()
            if FrameFuzzer.isHarmful(bytes) { continue }
            switch Kind(bytes) {
            // The executor would wait for the rest of it.
            case .incomplete: continue
            // Nothing but the link's first steps sees it: now and then is enough.
            case .ends:
                if Int.random(in: 0..<2000, using: &random) == 0 { return bytes }
            // As rare, and with a number of its own: one that was answered may not be used again.
            case .endsSession:
                guard Int.random(in: 0..<2000, using: &random) == 0 else { continue }
                fallthrough
            case .request:
                if let numbered = numbered(bytes, requests + 1) {
                    requests += 1
                    return numbered
                }
            case .ofRequest:
                if let numbered = numbered(bytes, max(8, requests) - UInt64.random(in: 0..<8, using: &random)) { return numbered }
            case .other: return bytes
            }
        }
    }

    private enum Kind {
        case incomplete, ends, endsSession, request, ofRequest, other

        init(_ bytes: [UInt8]) {
            var decoder = FrameDecoder()
            bytes.withUnsafeBytes { decoder.receive($0) }
            do throws(WireError) {
                guard let frame = try decoder.next(), decoder.bufferedBytes == 0 else {
                    self = .incomplete
                    return
                }
                self.init(try Message(frame), payload: frame.payloadLength)
            } catch {
                self = .ends
            }
        }

        private init(_ message: Message, payload: Int) {
            switch message {
            case .hello, .goodbye, .acknowledge: self = .ends
            case .request(let request): self = request.operation == Array("session.end".utf8) ? .endsSession : .request
            // More than a request's credit ends the link, and every piece counts that the executor does not take.
            case .credit(_, let bytes): self = bytes > 100_000 ? .ends : .ofRequest
            case .data: self = payload > 10_000 ? .ends : .ofRequest
            case .starved, .cancel: self = .ofRequest
            default: self = .other
            }
        }
    }

    /// The frame with another number in the place of its first `id`, and all else as it is; nil where that is not its own number.
    private func numbered(_ bytes: [UInt8], _ number: UInt64) -> [UInt8]? {
        let headerEnd = Frame.prefixLength + bytes[4..<8].reduce(0) { $0 << 8 | Int($1) }
        var header = Array(bytes[Frame.prefixLength..<headerEnd])
        guard let name = Data(header).range(of: Data("\"id\":".utf8)) else { return nil }
        let end = header[name.upperBound...].firstIndex { !(0x30...0x39).contains($0) } ?? header.count
        header.replaceSubrange(name.upperBound..<end, with: Array(String(number).utf8))
        let frame = Frame(header: header, payload: Array(bytes[headerEnd...]))
        switch try? Message(frame) {
        case .request(let request): return request.id == number ? frame.bytes : nil
        case .data(let id, _, _), .credit(let id, _), .starved(let id), .cancel(let id, _): return id == number ? frame.bytes : nil
        default: return nil
        }
    }

    /// Sends frames and waits until the executor has looked at them, or is gone.
    func turn(_ turn: [[UInt8]]) throws {
        lastTurn = turn.map { String(decoding: $0, as: UTF8.self) }
        turns += 1
        for frame in turn { executor.send(frame) }
        executor.send(Message.ping(1_000_000_000 + turns).frame().bytes)
        do {
            try executor.wait(for: "the pong of turn \(turns), seed \(ExecutorFuzzTests.seed)") {
                try take()
                return pong == 1_000_000_000 + turns
            }
        } catch {
            Issue.record("behind \(lastTurn)")
            throw error
        }
        frames += turn.count
    }

    /// Closes the link in the middle of whatever is open, and returns the exit status.
    func end() throws -> Int32 {
        executor.closeInput()
        try executor.wait(for: "its exit") {
            try take()
            return false
        }
        try take()
        return try executor.exitStatus()
    }

    private func take() throws {
        if !hasOpened {
            guard executor.received.count >= opening.count else { return }
            hasOpened = true
            #expect(executor.received.starts(with: opening))
            Array(executor.takeReceived()[opening.count...]).withUnsafeBytes { decoder.receive($0) }
        } else {
            executor.takeReceived().withUnsafeBytes { decoder.receive($0) }
        }
        while let frame = try decoder.next() {
            let message = try Message(frame)
            if message.isSequenced {
                sequenced += 1
                if sequenced.isMultiple(of: 32) { executor.send(Message.acknowledge(sequenced).frame().bytes) }
            }
            switch message {
            case .ping(let number): executor.send(Message.pong(number).frame().bytes)
            case .pong(let number): pong = number
            case .goodbye(_, let text): rule = String(decoding: text, as: UTF8.self)
            case .data(let id, _, _):
                #expect(!answered.contains(id), "data behind the last frame")
                dataFrames += 1
            case .result(let id, _):
                #expect(answered.insert(id).inserted, "two last frames")
                results += 1
            case .failure(let id, _):
                #expect(answered.insert(id).inserted, "two last frames")
                failures += 1
            default: break
            }
        }
    }
}
