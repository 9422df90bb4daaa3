import CodexDoor
import Foundation
import PortalWire
import TestSupport
import Testing

/// The agent's commands, on a real sshd.
@Suite(.serialized) struct ProcessCallTests {
    let stage: DoorHost

    init() throws { stage = try DoorHost() }

    @Test func streamsAndTheEndAreNumberedWithoutAGap() async throws {
        let client = try await stage.client()
        let script = "echo out; echo err >&2; exit 7"
        let answer = try await client.result("process/start", .start("p", ["/bin/sh", "-c", script], in: stage.directory))
        #expect(answer.text("processId") == "p" && answer.text("sandboxType") == "none")
        #expect(try await client.end(of: "p") == 7)
        #expect(client.printed(by: "p", on: "stdout") == "out\n" && client.printed(by: "p", on: "stderr") == "err\n")
        #expect(try await client.result("process/terminate", ["processId": "p"]).bool("running") == false)
        let kept = try await client.result("process/read", ["processId": "p", "afterSeq": 1, "maxBytes": .null, "waitMs": 0])
        #expect(
            kept.array("chunks")?.count == 1 && kept.integer("nextSeq") == 5 && kept.integer("exitCode") == 7 && kept.bool("closed") == true
        )
    }

    @Test func outputComesWhileTheCommandRuns() async throws {
        let client = try await stage.client()
        _ = try await client.result(
            "process/start", .start("p", ["/bin/sh", "-c", "echo one; read answer; echo \"got $answer\""], in: stage.directory, pipe: true))
        #expect(await eventually(seconds: 20) { client.printed(by: "p") == "one\n" })
        let write: JSONValue = ["processId": "p", "chunk": .string(Base64.encode(Array("yes\n".utf8))), "writeId": "1"]
        #expect(try await client.result("process/write", write).text("status") == "accepted")
        #expect(try await client.end(of: "p") == 0)
        #expect(client.printed(by: "p") == "one\ngot yes\n")
        #expect(try await client.result("process/write", write).text("status") == "stdinClosed")
        #expect(
            try await client.result("process/write", ["processId": "q", "chunk": "", "writeId": "1"]).text("status") == "unknownProcess")
    }

    /// A write that comes again was not lost; one that comes with the start waits for it.
    @Test func writesAreDoneOnceAndInTheirOrder() async throws {
        let client = try await stage.client()
        let start = client.send("process/start", .start("p", ["/bin/sh", "-c", "head -c 6"], in: stage.directory, pipe: true))
        let writes = [("ab", "1"), ("ab", "1"), ("cd", "2"), ("ef", "3")].map { text, id in
            client.send("process/write", ["processId": "p", "chunk": .string(Base64.encode(Array(text.utf8))), "writeId": .text(id)])
        }
        #expect(try await client.answer(start).result != nil)
        for write in writes { #expect(try await client.answer(write).result?.text("status") == "accepted") }
        #expect(try await client.end(of: "p") == 0)
        #expect(client.printed(by: "p") == "abcdef")
    }

    /// A command that does not read holds up its writer, for a time, and nobody else.
    @Test func inputThatIsNotTaken() async throws {
        var options = CodexDoor.Options()
        options.deadlines.short = 0.3
        let client = try await stage.client(options)
        _ = try await client.result("process/start", .start("p", ["sleep", "1000"], in: stage.directory, pipe: true))
        let piece = JSONValue.string(Base64.encode([UInt8](repeating: 0x61, count: 400_000)))
        var answers: [DoorClient.Answer] = []
        for number in 1...5 {
            answers.append(try await client.call("process/write", ["processId": "p", "chunk": piece, "writeId": .text("\(number)")]))
        }
        #expect(answers[0].result?.text("status") == "accepted")
        #expect(answers[4].code == -32603 && answers[4].message?.contains("takes no input") == true, "\(answers[4])")
        #expect(try await client.result("process/terminate", ["processId": "p"]).bool("running") == true)
        #expect(try await client.end(of: "p") == 137)
    }

    @Test func aTerminal() async throws {
        let client = try await stage.client()
        let script = "test -t 0 && stty size && echo $TERM; read line; echo \"<$line>\""
        _ = try await client.result(
            "process/start", .start("p", ["/bin/sh", "-c", script], in: stage.directory, tty: true, environment: ["TERM": "dumb"]))
        #expect(await eventually(seconds: 20) { client.printed(by: "p") == "24 80\r\ndumb\r\n" })
        _ = try await client.result(
            "process/write", ["processId": "p", "chunk": .string(Base64.encode(Array("typed\r".utf8))), "writeId": "1"])
        #expect(try await client.end(of: "p") == 0)
        #expect(client.printed(by: "p", on: "pty") == "24 80\r\ndumb\r\ntyped\r\n<typed>\r\n")
    }

    @Test func anInterruptAndATermination() async throws {
        let client = try await stage.client()
        _ = try await client.result(
            "process/start",
            .start("p", ["/bin/sh", "-c", "trap 'echo caught; exit 3' INT; echo here; while :; do sleep 0.05; done"], in: stage.directory))
        #expect(await eventually(seconds: 20) { client.printed(by: "p") == "here\n" })
        _ = try await client.result("process/signal", ["processId": "p", "signal": "interrupt"])
        #expect(try await client.end(of: "p") == 3)
        #expect(try await client.call("process/signal", ["processId": "nobody", "signal": "interrupt"]).result != nil)

        _ = try await client.result("process/start", .start("q", ["/bin/sh", "-c", "sleep 1000 & sleep 1000"], in: stage.directory))
        #expect(try await client.result("process/terminate", ["processId": "q"]).bool("running") == true)
        #expect(try await client.end(of: "q") == 137)
    }

    @Test func whatCannotBeStarted() async throws {
        let client = try await stage.client()
        let missing = try await client.call("process/start", .start("p", ["/no/such/program"], in: stage.directory))
        #expect(missing.code == -32603 && missing.message == "No such file or directory (os error 2)", "\(missing)")
        let nowhere = try await client.call("process/start", .start("p", ["/bin/true"], in: "/no/such/directory"))
        #expect(nowhere.result == nil && nowhere.message == "No such file or directory (os error 2)", "\(nowhere)")
        // The name is free again.
        _ = try await client.result("process/start", .start("p", ["/bin/true"], in: stage.directory))
        #expect(try await client.end(of: "p") == 0)
        #expect(try await client.call("process/start", .start("r", [], in: stage.directory)).code == -32602)
        #expect(try await client.call("process/read", ["processId": "nobody"]).code == -32600)
    }

    @Test func theEnvironmentIsTheLoginsThere() async throws {
        setenv("PORTAL_TEST_SECRET", "of this machine", 1)
        let client = try await stage.client()
        _ = try await client.result(
            "process/start", .start("p", ["env"], in: stage.directory, environment: ["CODEX_CI": "1", "PAGER": "cat"]))
        #expect(try await client.end(of: "p") == 0)
        let lines = client.printed(by: "p").split(separator: "\n")
        #expect(
            lines.contains("CODEX_CI=1") && lines.contains("HOME=\(stage.host.home.path)")
                && lines.contains { $0.hasPrefix("SSH_CONNECTION=") })
        #expect(!lines.contains { $0.contains("PORTAL_TEST_SECRET") })

        let nothing: JSONValue = ["inherit": "none", "ignoreDefaultExcludes": true, "exclude": [], "set": ["A": "1"], "includeOnly": []]
        _ = try await client.result("process/start", .start("q", ["/usr/bin/env"], in: stage.directory, policy: nothing))
        #expect(try await client.end(of: "q") == 0)
        let names = client.printed(by: "q").split(separator: "\n").map { $0.prefix { $0 != "=" } }.sorted()
        #expect(names == ["A", "PORTAL_PROCESS"])
    }

    @Test func muchOutputIsWhole() async throws {
        let client = try await stage.client()
        _ = try await client.result("process/start", .start("p", ["seq", "1", "300000"], in: stage.directory))
        #expect(try await client.end(of: "p") == 0)
        #expect(client.printed(by: "p") == (1...300_000).map { "\($0)\n" }.joined())
    }

    @Test func theEndOfTheAgentKillsWhatRunsThere() async throws {
        let client = try await stage.client()
        let script = "echo $$; exec sleep 1000"
        _ = try await client.result("process/start", .start("p", ["/bin/sh", "-c", script], in: stage.directory))
        #expect(await eventually(seconds: 20) { client.printed(by: "p").hasSuffix("\n") })
        let pid = try #require(pid_t(client.printed(by: "p").dropLast()))
        await client.door.end()
        #expect(await eventually(seconds: 20) { kill(pid, 0) != 0 })
    }
}
