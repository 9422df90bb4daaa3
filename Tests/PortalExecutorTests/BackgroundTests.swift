import PortalWire
import Testing

@Suite struct BackgroundTests {
    private func parsed<Value>(_ value: Value?) throws -> Value { try #require(value) }

    private func start(_ client: ExecutorClient, _ text: String, _ name: String? = nil, input: Bool = false) throws -> ProcessStarted {
        let outcome = try client.call("process.start") {
            $0.set("shell", text)
            $0.set("shell_program", "/bin/sh")
            $0.set("background", true)
            if let name { $0.set("process", name) }
            if input { $0.set("stdin", "requests") }
        }
        return try parsed(ProcessStarted(outcome.value()))
    }

    private func output(_ client: ExecutorClient, _ request: ProcessOutputRequest) throws -> (ProcessOutputResult, String, String) {
        let outcome = try client.call(ProcessOutputRequest.operation) { request.write(to: &$0) }
        let result = try parsed(ProcessOutputResult(outcome.value()))
        let text = { (stream: StreamName) in String(decoding: outcome.data[stream] ?? [], as: UTF8.self) }
        return (result, text(.stdout), text(.stderr))
    }

    private func end(_ client: ExecutorClient, _ name: [UInt8]) throws -> ProcessEnd {
        let value = try client.call("process.wait") { $0.member("process", bytes: name) }.value()
        return try #require(ProcessEnd(value))
    }

    private func list(_ client: ExecutorClient) throws -> [ProcessListing] {
        let outcome = try client.call(ProcessListRequest.operation)
        #expect(outcome.error == nil)
        return try (outcome.data[.content] ?? []).split(separator: 0x0A).map { line in
            let value = try JSONParser.parse(Array(line))
            return try #require(ProcessListing(value))
        }
    }

    @Test func itsOutputIsReadAgainAndFollowed() throws {
        let client = try ExecutorClient()
        let started = try start(client, "echo one; read x; echo two >&2; read x; echo three; exit 3", input: true)
        #expect(started.process == Array("p1".utf8))
        let follower = try client.send(ProcessOutputRequest.operation) {
            ProcessOutputRequest(process: started.process, follow: true).write(to: &$0)
        }
        try client.waitForText(follower, "one\n")
        let write: () throws -> Void = {
            let answer = try client.call("process.write", payload: [0x0A]) { $0.member("process", bytes: started.process) }
            #expect(answer.error == nil)
        }
        try write()
        try client.waitForText(follower, "two\n", on: .stderr)
        let (now, _, errors) = try output(client, ProcessOutputRequest(process: started.process, from: 4))
        #expect(now == ProcessOutputResult(from: 4, next: 8, running: true))
        #expect(errors == "two\n")
        try write()
        let outcome = try client.wait(follower)
        #expect(outcome.data[.stdout] == Array("one\nthree\n".utf8))
        let result = try parsed(ProcessOutputResult(outcome.value()))
        #expect(result.from == 0 && result.next == 14 && result.lost == 0 && !result.running)
        #expect(result.end?.code == 3)
        #expect(try end(client, started.process) == result.end)
        // Of an ended one too, from anywhere, as much as is wanted.
        let (part, text, _) = try output(client, ProcessOutputRequest(process: started.process, from: 2, limit: 4))
        #expect(part.from == 2 && part.next == 6 && !part.running && text == "e\n")
        let (tail, last, _) = try output(client, ProcessOutputRequest(process: started.process, tail: 3))
        #expect(tail.from == 11 && last == "ee\n")
        let (none, empty, _) = try output(client, ProcessOutputRequest(process: started.process, from: 99, follow: true))
        #expect(none.from == 14 && none.next == 14 && empty.isEmpty)
    }

    @Test func outputBeyondTheMemoryIsOnTheDisk() throws {
        let client = try ExecutorClient()
        let started = try start(client, "seq 1 400000")
        let (result, text, _) = try output(client, ProcessOutputRequest(process: started.process, follow: true))
        let expected = (1...400_000).map { "\($0)\n" }.joined()
        #expect(result.lost == 0 && result.next == UInt64(expected.utf8.count))
        #expect(text == expected)
        let middle = expected.utf8.count / 2
        let (part, piece, _) = try output(client, ProcessOutputRequest(process: started.process, from: UInt64(middle), limit: 200_000))
        #expect(part.from == UInt64(middle) && part.next == UInt64(middle + 200_000))
        #expect(Array(piece.utf8) == Array(Array(expected.utf8)[middle..<middle + 200_000]))
    }

    /// The ninth file has 1 MiB only: the oldest is forgotten, and said to be.
    @Test func theOldestIsForgottenAndSaid() throws {
        let client = try ExecutorClient()
        for _ in 1...8 {
            _ = try end(client, try start(client, "head -c 100000 /dev/zero").process)
        }
        let started = try start(client, "seq 1 400000")
        #expect(try end(client, started.process).code == 0)
        let expected = Array((1...400_000).map { "\($0)\n" }.joined().utf8)
        let (result, text, _) = try output(client, ProcessOutputRequest(process: started.process, from: 10))
        #expect(result.next == UInt64(expected.count))
        #expect(result.lost == result.from - 10)
        #expect(text.utf8.count >= 1 << 20 && text.utf8.count <= (1 << 20) + 192 * 1024)
        #expect(Array(text.utf8) == Array(expected[Int(result.from)...]))
    }

    @Test func namesAndErrors() throws {
        let client = try ExecutorClient()
        _ = try start(client, "sleep 1000", "p1")
        #expect(try start(client, "sleep 1000").process == Array("p2".utf8))
        let twice = try client.call("process.start") {
            $0.set("shell", "true")
            $0.set("process", "p1")
            $0.set("background", true)
        }
        #expect(twice.error?.code == .exists)
        let missing = try client.call("process.start") {
            $0.name("argv")
            $0.beginArray()
            $0.string("no-such-command")
            $0.endArray()
            $0.set("background", true)
        }
        #expect(missing.error?.code == .notFound)
        _ = try client.send("process.start") {
            $0.set("shell", "sleep 1000")
            $0.set("process", "foreground")
        }
        let read: (String) throws -> ErrorCode? = { name in
            try client.call(ProcessOutputRequest.operation) { $0.set("process", name) }.error?.code
        }
        #expect(try read("foreground") == .invalid)
        #expect(try read("nobody") == .notFound)
        let listed = try list(client)
        #expect(listed.map { String(decoding: $0.process, as: UTF8.self) } == ["p1", "p2", "foreground"])
        #expect(listed.allSatisfy { $0.running } && listed.map(\.background) == [true, true, false])
    }

    @Test func followingIsCancelled() throws {
        let client = try ExecutorClient()
        let started = try start(client, "echo here; sleep 1000")
        let follower = try client.send(ProcessOutputRequest.operation) {
            ProcessOutputRequest(process: started.process, follow: true).write(to: &$0)
        }
        try client.waitForText(follower, "here")
        try client.send(.cancel(id: follower, Cancellation()))
        #expect(try client.wait(follower).error?.code == .cancelled)
        #expect(try list(client).first?.running == true)
    }

    @Test func aDeadlineEndsItToo() throws {
        let client = try ExecutorClient()
        let outcome = try client.call("process.start") {
            $0.set("shell", "sleep 1000")
            $0.set("background", true)
            $0.set("timeout_ms", number: 30)
        }
        let started = try parsed(ProcessStarted(outcome.value()))
        let ended = try end(client, started.process)
        #expect(ended.timedOut && ended.signal == 15)
        let listed = try list(client)
        let listing = try #require(listed.first)
        #expect(listing.end == ended && !listing.running && listing.command == Array("sleep 1000".utf8))
    }

    @Test func fiveHundredAreListedReadAndKilled() throws {
        let client = try ExecutorClient()
        var starts: [UInt64] = []
        for number in 1...500 {
            starts.append(
                try client.send("process.start") {
                    $0.set("shell", "echo number \(number); exec sleep 1000")
                    $0.set("shell_program", "/bin/sh")
                    $0.set("background", true)
                })
        }
        let names = try starts.map { id in
            let value = try client.wait(id, seconds: 60).value()
            return try #require(ProcessStarted(value)).process
        }
        #expect(Set(names).count == 500)
        let listed = try list(client)
        #expect(listed.count == 500 && listed.allSatisfy(\.running))
        for (index, name) in names.enumerated() {
            let id = try client.send(ProcessOutputRequest.operation) {
                ProcessOutputRequest(process: name, follow: true).write(to: &$0)
            }
            try client.waitForText(id, "number \(index + 1)\n")
        }
        let stats = try client.call("session.stats").value()
        #expect(stats["processes"]?.integer == 500)
        let waits = try names.map { name in try client.send("process.wait") { $0.member("process", bytes: name) } }
        let signals = try names.map { name in
            try client.send("process.signal") { ProcessSignalRequest(process: name, signal: 9, tree: true).write(to: &$0) }
        }
        for signal in signals { #expect(try client.wait(signal, seconds: 60).error == nil) }
        for wait in waits { #expect(try client.wait(wait, seconds: 60).value()["signal"]?.integer == 9) }
        // The ends of 256 are kept.
        #expect(try list(client).count == 256)
        print("500 background processes: resident_kb \(stats["resident_kb"]?.integer ?? 0)")
    }
}
