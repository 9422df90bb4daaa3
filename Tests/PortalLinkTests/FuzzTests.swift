import Foundation
import FrameFuzzer
import PortalLink
import PortalWire
import TestSupport
import Testing

/// Broken frames by the million: the near side never traps, never holds more than it may, and gives every broken link a reason.
///
/// `PORTAL_FUZZ_ITERATIONS` sets how many frames are made, `PORTAL_FUZZ_SEED` which.
@Suite struct FuzzTests {
    static let iterations = ProcessInfo.processInfo.environment["PORTAL_FUZZ_ITERATIONS"].flatMap { Int($0) } ?? 100_000
    static let seed = ProcessInfo.processInfo.environment["PORTAL_FUZZ_SEED"].flatMap { UInt64($0) } ?? 20_261_121

    @Test func decoderAndMessages() throws {
        var fuzzer = try FrameFuzzer.client(seed: FuzzTests.seed)
        print("fuzz: \(FuzzTests.iterations) frames of seed \(FuzzTests.seed)")
        var outcomes = (messages: 0, broken: 0, incomplete: 0)
        for _ in 0..<FuzzTests.iterations {
            let bytes = fuzzer.nextFrame()
            var decoder = FrameDecoder()
            bytes.withUnsafeBytes { decoder.receive($0) }
            do throws(WireError) {
                guard let frame = try decoder.next() else {
                    outcomes.incomplete += 1
                    continue
                }
                let message = try Message(frame)
                outcomes.messages += 1
                try check(message, frame)
            } catch {
                outcomes.broken += 1
            }
        }
        // Each of the three is worth something only if it happens often.
        #expect(outcomes.messages > FuzzTests.iterations / 20, "\(outcomes)")
        #expect(outcomes.broken > FuzzTests.iterations / 20, "\(outcomes)")
        #expect(outcomes.incomplete > FuzzTests.iterations / 50, "\(outcomes)")
    }

    /// What was read can be written, and what was written reads as the same.
    private func check(_ message: Message, _ frame: Frame) throws(WireError) {
        if case .unknown = message { return }
        let once = message.frame()
        let twice = try Message(once).frame()
        if once.bytes != twice.bytes { Issue.record("\(String(decoding: frame.header, as: UTF8.self))") }
        if case .request(let request) = message { readParameters(of: request) }
        if case .result(_, let value) = message {
            _ = FileStatus(value)
            _ = FileReadResult(value)
            _ = ProcessEnd(value)
            _ = ProxyStatus(value)
        }
    }

    /// Whatever the operation is called, every operation's parameters are read.
    private func readParameters(of request: Request) {
        let value = request.parameters
        _ = try? FileStatRequest(value)
        _ = try? FileListRequest(value)
        _ = try? FileReadRequest(value)
        _ = try? FileWriteRequest(value)
        _ = try? FileRemoveRequest(value)
        _ = try? FileMakeDirectoryRequest(value)
        _ = try? FileRenameRequest(value)
        _ = try? ProcessStartRequest(value)
        _ = try? ProcessWriteRequest(value)
        _ = try? ProcessSignalRequest(value)
        _ = try? ProcessWaitRequest(value)
    }

    @Test(arguments: [true, false])
    func linkEndpoint(isCounting: Bool) throws {
        var fuzzer = try isCounting ? FrameFuzzer.executor(seed: FuzzTests.seed) : FrameFuzzer.client(seed: FuzzTests.seed)
        var generator = SeededRandom(seed: FuzzTests.seed)
        let hello = Message.hello(Hello(build: bytes("fuzz"))).frame().bytes
        var frames = 0
        var events = 0
        var ends = 0
        while frames < FuzzTests.iterations {
            var endpoint = LinkEndpoint(isCounting: isCounting)
            var conversation = fuzzer.nextConversation()
            if Bool.random(using: &generator) { conversation.insert(hello, at: 0) }
            frames += conversation.count
            let stream = conversation.flatMap { $0 }
            var position = 0
            do throws(LinkError) {
                while position < stream.count {
                    let end = min(stream.count, position + Int.random(in: 1...4096, using: &generator))
                    stream[position..<end].withUnsafeBytes { endpoint.receive($0) }
                    position = end
                    while try endpoint.nextEvent() != nil { events += 1 }
                    // Nothing is kept but what is not yet acknowledged, and answers are small.
                    if endpoint.outboundBytes > stream.count * 2 + 1024 { Issue.record("\(endpoint.outboundBytes) bytes to send") }
                }
            } catch {
                ends += 1
                if error.text.isEmpty, case .broken = error { Issue.record("no reason") }
                // A link that is over stays over, whatever comes.
                hello.withUnsafeBytes { endpoint.receive($0) }
                var isOver = false
                do throws(LinkError) { _ = try endpoint.nextEvent() } catch { isOver = true }
                if case .broken(.frameLength) = error, !isOver { Issue.record("it goes on behind a broken length") }
            }
        }
        #expect(events > 0 && ends > 0)
    }
}
