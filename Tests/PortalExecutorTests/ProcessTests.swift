import PortalWire
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

@Suite struct ProcessTests {
    private func run(_ client: ExecutorClient, _ text: String) throws -> ExecutorClient.Outcome {
        try client.call("process.start") { $0.set("shell", text) }
    }

    /// The process numbers that a command printed, one a line.
    private func numbers(_ bytes: [UInt8]) -> [Int32] {
        String(decoding: bytes, as: UTF8.self).split(separator: "\n").compactMap { Int32($0) }
    }

    // A zombie of another parent still answers kill; what it runs is empty.
    private func isAlive(_ process: Int32) -> Bool {
        guard let file = fopen("/proc/\(process)/stat", "r") else { return false }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 512)
        guard fgets(&line, 512, file) != nil else { return false }
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.split(separator: ")").last?.split(separator: " ").first.map { $0 != "Z" && $0 != "X" } ?? false
    }

    @Test func keepsStreamsApartAndReportsTheCode() throws {
        let outcome = try run(try ExecutorClient(), "echo out; echo err >&2; exit 7")
        #expect(outcome.data[.stdout] == Array("out\n".utf8))
        #expect(outcome.data[.stderr] == Array("err\n".utf8))
        #expect(outcome.result?["code"]?.integer == 7)
    }

    @Test func tellsWhatCannotStart() throws {
        let client = try ExecutorClient()
        func start(_ program: String, _ directory: String) throws -> OperationError? {
            try client.call("process.start") {
                $0.name("argv")
                $0.beginArray()
                $0.string(Array(program.utf8))
                $0.endArray()
                $0.set("cwd", directory)
            }.error
        }
        let missing = try start("no-such-command", "/")
        #expect(missing?.code == .notFound)
        #expect(missing?.details.first?.value.integer == 127)
        let refused = try start("/etc/passwd", "/")
        #expect(refused?.code == .permissionDenied)
        #expect(refused?.details.first?.value.integer == 126)
        let nowhere = try start("true", "/no-such-directory")
        #expect(nowhere?.code == .notFound)
        #expect(nowhere?.path == Array("/no-such-directory".utf8))
        #expect(nowhere?.details.isEmpty == true)
    }

    @Test func deliversEveryByteBeforeTheEnd() throws {
        let outcome = try run(try ExecutorClient(), "head -c 1000000 /dev/zero")
        #expect(outcome.data[.stdout]?.count == 1_000_000)
        #expect(outcome.result?["code"]?.integer == 0)
    }

    @Test func writesItsInput() throws {
        let client = try ExecutorClient()
        let id = try client.send("process.start", payload: Array("ab".utf8), more: true) {
            $0.set("shell", "cat")
            $0.set("stdin", "stream")
        }
        try client.send(.data(id: id, stream: .stdin, end: true), payload: Array("cd".utf8))
        #expect(try client.wait(id).data[.stdout] == Array("abcd".utf8))
    }

    @Test func reportsAGrandchildThatKeepsTheOutput() throws {
        let client = try ExecutorClient()
        let outcome = try run(client, "sleep 1000 & echo $!")
        #expect(outcome.result?["left"]?.integer == 1)
        let child = try #require(numbers(outcome.data[.stdout] ?? []).first)
        #expect(isAlive(child))
        #expect(try client.close() == 0)
        #expect(!isAlive(child))
    }

    @Test func cancellingKillsTheWholeTree() throws {
        let client = try ExecutorClient()
        // One in the group, one in another session, one that is an orphan in another session.
        let id = try client.send("process.start") {
            $0.set(
                "shell",
                "sleep 1000 & echo $!; setsid sh -c 'echo $$; exec sleep 1000' & (setsid sh -c 'echo $$; exec sleep 1000' &) ; wait")
        }
        try client.waitForData(id, .stdout, count: 1)
        while numbers(client.received(id, .stdout)).count < 3 {
            try client.waitForData(id, .stdout, count: client.received(id, .stdout).count + 1)
        }
        let tree = numbers(client.received(id, .stdout))
        try client.send(.cancel(id: id, Cancellation()))
        let error = try client.wait(id).error
        #expect(error?.code == .cancelled)
        #expect(error?.details.first?.value.integer == 9)
        for process in tree { #expect(!isAlive(process)) }
    }

    /// An orphan in another session is known by its environment, of which the kernel tells nothing while it exchanges one program for another.
    @Test func cancellingFindsWhoIsBetweenTwoPrograms() throws {
        let scratch = try Scratch()
        let program = try scratch.file("again", "#!/bin/sh\nexec \"$0\"\n")
        chmod(program, 0o755)
        let client = try ExecutorClient()
        for _ in 0..<8 {
            // Of each tree only the orphan is left, so that nobody else in it is a reason to look again.
            let requests = try (0..<12).map { _ in
                try client.send("process.start") { $0.set("shell", "(setsid sh -c 'echo $$; exec \(program)' &)") }
            }
            for id in requests { _ = try client.waitForText(id, "\n") }
            for id in requests { try client.send(.cancel(id: id, Cancellation())) }
            for id in requests {
                // On a slow machine it may have come to its own end first, with the orphan left to the executor's.
                guard try client.wait(id).error?.code == .cancelled else { continue }
                for process in numbers(client.received(id, .stdout)) { #expect(!isAlive(process)) }
            }
        }
    }

    @Test func timeoutEndsTheTree() throws {
        let outcome = try ExecutorClient().call("process.start") {
            $0.set("shell", "sleep 1000")
            $0.set("timeout_ms", number: 50)
        }
        #expect(outcome.result?["timed_out"]?.bool == true)
        #expect(outcome.result?["signal"]?.integer == 15)
    }

    @Test func whatToRunMustBeSaid() throws {
        let error = try #require(try ExecutorClient().call("process.start") { $0.set("cwd", "/") }.error)
        #expect(error.code == .invalid)
        #expect(String(decoding: error.message, as: UTF8.self) == "parameter argv or shell is needed, where there is no pty")
    }

    /// A limit holds for accounts other than root only.
    @Test(.enabled(if: geteuid() == 0)) func aHostWithoutProcessesLeftIsSaidToBeThat() throws {
        let client = try ExecutorClient(isStranger: true)
        func start(_ text: String) throws -> ExecutorClient.Outcome {
            try client.call("process.start") {
                $0.set("shell", text)
                $0.set("login", false)
                $0.set("cwd", "/")
            }
        }
        // By its own account: a lower limit is one's own affair.
        #expect(try start("prlimit --pid $PPID --nproc=1").result?["code"]?.integer == 0)
        let error = try #require(try start("true").error)
        #expect(error.code == .internal && error.errno == EAGAIN)
        #expect(String(decoding: error.message, as: UTF8.self).contains("the host has no processes or threads left"), "\(error)")
    }

    @Test func namedProcessesAreWrittenSignalledAndAwaited() throws {
        let client = try ExecutorClient()
        let name: (inout JSONWriter) -> Void = { $0.set("process", "cat") }
        let id = try client.send("process.start") {
            $0.set("shell", "cat")
            $0.set("stdin", "requests")
            name(&$0)
        }
        let twice = try client.call("process.start") {
            $0.set("shell", "true")
            name(&$0)
        }
        #expect(twice.error?.code == .exists)
        #expect(try client.call("process.write", payload: Array("hi".utf8), name).error == nil)
        try client.waitForData(id, .stdout, count: 2)
        let waiting = try client.send("process.wait", name)
        let signalled = try client.call("process.signal") {
            name(&$0)
            $0.set("signal", number: 15)
        }
        #expect(signalled.error == nil)
        #expect(try client.wait(waiting).result?["signal"]?.integer == 15)
        #expect(try client.wait(id).result?["signal"]?.integer == 15)
        #expect(try client.call("process.wait", name).result?["signal"]?.integer == 15)
        #expect(try client.call("process.wait") { $0.set("process", "other") }.error?.code == .notFound)
    }

    @Test func twoHundredAtOnce() throws {
        let client = try ExecutorClient()
        let requests = try (0..<200).map { number in
            (number, try client.send("process.start") { $0.set("shell", "echo \(number); exit \(number % 100)") })
        }
        for (number, id) in requests {
            let outcome = try client.wait(id)
            #expect(outcome.data[.stdout] == Array("\(number)\n".utf8))
            #expect(outcome.result?["code"]?.integer == Int64(number % 100))
        }
    }
}
