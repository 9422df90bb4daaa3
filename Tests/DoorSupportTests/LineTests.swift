import NIOPosix
import PortalWire
import Synchronization
import Testing

@testable import DoorSupport

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

@Suite(.timeLimit(.minutes(1))) struct LineTests {
    private func lines(_ text: String, pieces: Int, maximum: Int = 20) -> [InputLines.Line] {
        var splitter = LineSplitter(maximumLength: maximum)
        var lines: [InputLines.Line] = []
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: pieces) {
            splitter.add(Array(bytes[start..<min(bytes.count, start + pieces)]))
            while let line = splitter.next(atEnd: false) { lines.append(line) }
        }
        while let line = splitter.next(atEnd: true) { lines.append(line) }
        return lines
    }

    @Test func linesDoNotDependOnWhereTheyAreCut() {
        let long = String(repeating: "x", count: 21)
        let text = "one\n\ntwo\r\n\(long)\nthree\n\(long)\(long)\nlast"
        let expected: [InputLines.Line] = [
            .bytes(Array("one".utf8)), .bytes([]), .bytes(Array("two".utf8)), .tooLong(21), .bytes(Array("three".utf8)), .tooLong(42),
            .bytes(Array("last".utf8)),
        ]
        for pieces in 1...text.utf8.count { #expect(lines(text, pieces: pieces) == expected, "in pieces of \(pieces)") }
        #expect(lines("", pieces: 1) == [])
        #expect(lines("a\n", pieces: 1) == [.bytes([0x61])])
        #expect(lines("\(long)", pieces: 3) == [.tooLong(21)])
        #expect(lines(String(long.dropLast()), pieces: 3) == [.bytes(Array(long.utf8.dropLast()))])
    }

    /// Through a pipe that holds less than a line, and back.
    @Test func linesThroughAPipe() async throws {
        var descriptors: [Int32] = [0, 0]
        #expect(pipe(&descriptors) == 0)
        let (reading, writing) = (descriptors[0], descriptors[1])
        let output = OutputLines(descriptor: writing) { _ in Issue.record("the pipe broke") }
        let input = InputLines(descriptor: reading, maximumLength: 1 << 20)
        let sent = (0..<200).map { [UInt8](repeating: UInt8(ascii: "a") + UInt8($0 % 26), count: $0 * 1000 % 99_991) }
        async let received: [InputLines.Line] = {
            var received: [InputLines.Line] = []
            while let line = await input.next() { received.append(line) }
            return received
        }()
        for line in sent { await output.write(line) }
        await output.flush()
        close(writing)
        #expect(await received == sent.map { .bytes($0) })
        close(reading)
    }

    @Test func aBrokenPipeIsSaidOnce() async throws {
        signal(SIGPIPE, SIG_IGN)
        var descriptors: [Int32] = [0, 0]
        #expect(pipe(&descriptors) == 0)
        close(descriptors[0])
        let broken = Mutex<[Int32]>([])
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        let output = OutputLines(descriptor: descriptors[1]) { code in
            broken.withLock { $0.append(code) }
            continuation.yield()
        }
        await output.write(Array("one".utf8))
        for await _ in stream { break }
        for _ in 0..<100 { await output.write([UInt8](repeating: 0x61, count: 100_000)) }
        await output.flush()
        #expect(broken.withLock { $0 } == [EPIPE])
        close(descriptors[1])
    }
}

@Suite struct MessageTests {
    private func message(_ text: String) -> IncomingMessage { IncomingMessage(Array(text.utf8)) }

    @Test func kindsOfMessages() {
        guard case .request(.integer(1), "a", let parameters) = message(#"{"jsonrpc":"2.0","id":1,"method":"a","params":{"x":"\ud83d!"}}"#)
        else { return #expect(Bool(false), "no request") }
        #expect(parameters.text("x") == "\u{FFFD}!")
        guard case .request(.string(let id), "b", .object(let none)) = message(#"{"id":"q","method":"b"}"#) else {
            return #expect(Bool(false), "no request")
        }
        #expect(id == Array("q".utf8) && none.isEmpty)
        guard case .notification("c", _) = message(#"{"method":"c","params":[1]}"#) else { return #expect(Bool(false), "no notification") }
        guard case .response(.integer(2), _) = message(#"{"id":2,"result":{}}"#) else { return #expect(Bool(false), "no response") }
    }

    @Test(arguments: [
        ("{", -32700), ("", -32700), ("[1,2", -32700), ("[]", -32600), ("3", -32600), (#"{"id":1}"#, -32600),
        (#"{"id":1,"method":3}"#, -32600),
        (#"{"id":{},"method":"a"}"#, -32600), ("{\"a\":\"\u{1}\"}", -32700), (String(repeating: "[", count: 200), -32700),
    ]) func whatIsNoMessage(text: String, code: Int) {
        guard case .malformed(let actual, let reason, _) = message(text) else {
            return #expect(Bool(false), "taken for a message: \(text)")
        }
        #expect(actual == Int64(code) && !reason.isEmpty)
    }

    @Test func surrogatesInAHeaderAreAnError() {
        for text in [#""\ud83d""#, #""\ud83d\u0041""#, #""\udc00""#, #""\ud83dx""#] {
            #expect(throws: WireError.self) { try JSONParser.parse(Array(text.utf8)) }
        }
        #expect((try? JSONParser.parse(Array(#""\ud83d\ude00""#.utf8)))?.text == "😀")
        var bounds = JSONBounds()
        bounds.replacesLoneSurrogates = true
        for (text, expected) in [(#""\ud83d\u0041""#, "\u{FFFD}A"), (#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"), (#""a\ud83d""#, "a\u{FFFD}")] {
            #expect((try? JSONParser.parse(Array(text.utf8), bounds))?.text == expected)
        }
    }
}

@Suite struct ForwardedEnvironmentTests {
    @Test func onlyWhatIsAllowedGoesThere() {
        let here = [
            "TERM": "xterm", "LC_ALL": "C", "GIT_PAGER": "cat", "CI": "1", "PATH": "/bin", "HOME": "/root", "ANTHROPIC_API_KEY": "k",
            "SSH_AUTH_SOCK": "/s", "LD_PRELOAD": "x", "CLAUDECODE": "1", "MINE": "m", "_PAGER": "x", "LC_": "y",
        ]
        let there = ForwardedEnvironment.forwarded(from: here, named: ["MINE"])
        #expect(there.map(\.name) == ["CI", "GIT_PAGER", "LC_ALL", "MINE", "TERM"])
    }

    @Test func namesOfSecrets() {
        for name in ["OPENAI_API_KEY", "GITHUB_TOKEN", "aws_secret_access_key", "SSH_AUTH_SOCK", "PGPASSWORD_PASSWORD", "X_CREDENTIALS"] {
            #expect(ForwardedEnvironment.isSecret(name), "\(name)")
        }
        for name in ["TERM", "KEYBOARD", "MONKEY", "TOKENIZERS_PARALLELISM", "LC_ALL"] {
            #expect(!ForwardedEnvironment.isSecret(name), "\(name)")
        }
    }
}
