import CodexDoor
import DoorSupport
import Foundation
import NIOCore
import PortalWire
import TestSupport
import Testing

/// The door's own life: how it begins, what holds it up, and what it lives through.
@Suite(.serialized) struct LifeTests {
    let stage: DoorHost

    init() throws { stage = try DoorHost() }

    @Test func theHostIsDescribed() async throws {
        let client = DoorClient(target: "host:\(stage.directory)", sshConfig: stage.host.configFile)
        #expect(try await client.call("fs/getMetadata", ["path": "file:///", "sandbox": .null]).code == -32600)
        let answer = try await client.result("initialize", ["clientName": "codex-environment", "resumeSessionId": .null])
        #expect(answer.text("sessionId")?.isEmpty == false)
        let info = try #require(answer["environmentInfo"])
        #expect(info["shell"]?.text("path")?.hasPrefix("/") == true && info["shell"]?.text("name")?.isEmpty == false)
        #expect(info.text("cwd") == "file://\(stage.directory)" && info.text("userHomeDir") == "file://\(stage.host.home.path)")
        #expect(info.text("platformOs") == "linux" && info["capabilities"]?.bool("fileWriteStreaming") == true)
        #expect(try await client.result("environment/info", .null).text("cwd") == info.text("cwd"))
        #expect(try await client.result("environment/status", .null).text("status") == "ready")
        let configuration = try await client.result(
            "environmentConfig/read",
            ["cwd": .file(stage.directory), "configPaths": [["mcp_servers"]], "requirementsPaths": [["mcp_servers"]]])
        #expect(configuration["config"]?.array("layers")?.isEmpty == true && configuration.text("hostname")?.isEmpty == false)
        #expect(try await client.call("initialize", ["clientName": "codex-environment", "resumeSessionId": "old"]).code == -32600)
    }

    /// Nothing else of the agent's shows why it has no tools.
    @Test func aHostThatCannotBeReachedIsSaid() async throws {
        stage.host.stop()
        let client = DoorClient(target: "host:\(stage.directory)", sshConfig: stage.host.configFile)
        let answer = try await client.call("initialize", ["clientName": "codex-environment", "resumeSessionId": .null])
        #expect(answer.code == -32603, "\(answer)")
        let message = try #require(answer.message)
        #expect(message.hasPrefix("portal: host:") && message.contains("run `portal ssh host:"), "\(message)")
    }

    /// One that takes longer than the agent waits is waited for by what comes next.
    @Test func aHostThatAnswersLate() async throws {
        stage.host.freeze()
        var options = CodexDoor.Options()
        options.deadlines.initialize = 0.5
        let client = DoorClient(target: "host:\(stage.directory)", sshConfig: stage.host.configFile, options: options)
        let answer = try await client.result("initialize", ["clientName": "codex-environment", "resumeSessionId": .null])
        #expect(answer["environmentInfo"] == nil)
        let info = client.send("environment/info", .null)
        let metadata = client.send("fs/getMetadata", ["path": .file(stage.directory), "sandbox": .null])
        stage.host.thaw()
        #expect(try await client.answer(info, seconds: 60).result?.text("platformOs") == "linux")
        #expect(try await client.answer(metadata, seconds: 60).result?.bool("isDirectory") == true)
    }

    /// A disk that hangs would hold the agent for good: it has no deadlines of its own.
    @Test func aCallThatIsNotAnswered() async throws {
        var options = CodexDoor.Options()
        options.deadlines.start = 0.3
        options.deadlines.long = 0.3
        let client = try await stage.client(options)
        try stage.write("file", "content")
        stage.host.freeze()
        let frozen = try await client.call("fs/readFile", ["path": .file(stage.directory + "/file"), "sandbox": .null])
        #expect(frozen.code == -32603 && frozen.message?.contains("no answer") == true, "\(frozen)")
        let started = try await client.call("process/start", .start("p", ["/bin/true"], in: stage.directory))
        #expect(started.code == -32603 && started.message?.contains("no answer") == true, "\(started)")
        stage.host.thaw()
        #expect(try await client.result("fs/getMetadata", ["path": .file(stage.directory), "sandbox": .null]).bool("isDirectory") == true)
    }

    /// The agent never starts this program again: what is lost below must not be seen above.
    @Test func threeCuts() async throws {
        let relay = try await NetworkRelay(to: stage.host.port, seed: 5)
        let config = stage.host.directory.appendingPathComponent("relayed").path
        try Data(stage.host.sshConfig(alias: "host", port: relay.port).utf8).write(to: URL(fileURLWithPath: config))
        let client = try await DoorClient.ready(target: "host:\(stage.directory)", sshConfig: config)
        let script = "for i in $(seq 1 60); do echo $i; sleep 0.05; done; exit 5"
        _ = try await client.result("process/start", .start("p", ["/bin/sh", "-c", script], in: stage.directory))
        for number in [5, 20, 40] {
            #expect(await eventually(seconds: 30) { client.printed(by: "p").contains("\n\(number)\n") })
            try await relay.apply(.cut)
            let written = try await client.result(
                "fs/writeFile", ["path": .file(stage.directory + "/\(number)"), "dataBase64": "aGk=", "sandbox": .null])
            #expect(written.members?.isEmpty == true)
        }
        #expect(try await client.end(of: "p", seconds: 60) == 5)
        #expect(client.printed(by: "p") == (1...60).map { "\($0)\n" }.joined())
        await relay.stop()
    }

    @Test func theEndWithAHostThatHangs() async throws {
        let client = try await stage.client()
        _ = try await client.result("process/start", .start("p", ["sleep", "1000"], in: stage.directory))
        stage.host.freeze()
        let end = ContinuousClock.now + .seconds(10)
        await client.door.end()
        #expect(ContinuousClock.now < end)
        stage.host.thaw()
    }

    // MARK: What is looked for at the start

    @Test func whatIsLookedForAtTheStartIsToldUntilSomethingIsStarted() async throws {
        try stage.write("AGENTS.md", "first")
        try FileManager.default.createDirectory(atPath: stage.directory + "/.git", withIntermediateDirectories: true)
        let client = try await stage.client()
        func size() async throws -> Int64? {
            try await client.call("fs/getMetadata", ["path": .file(stage.directory + "/AGENTS.md"), "sandbox": .null]).result?.integer(
                "size")
        }
        let git = try await client.result("fs/getMetadata", ["path": .file(stage.directory + "/.git"), "sandbox": .null])
        #expect(git.bool("isDirectory") == true)
        #expect(try await size() == 5)
        // This is what was there when the start was looked at, as long as nothing was done.
        try stage.write("AGENTS.md", "the second")
        #expect(try await size() == 5)
        let early = try await client.result("fs/readFile", ["path": .file(stage.directory + "/AGENTS.md"), "sandbox": .null])
        #expect(early.string("dataBase64") == Base64.encode(Array("first".utf8)))
        #expect(
            try await client.call("fs/getMetadata", ["path": .file(stage.directory + "/.agents/skills"), "sandbox": .null]).code == -32004)
        _ = try await client.result("process/start", .start("p", ["/bin/true"], in: stage.directory))
        #expect(try await size() == 10)
        let late = try await client.result("fs/readFile", ["path": .file(stage.directory + "/AGENTS.md"), "sandbox": .null])
        #expect(late.string("dataBase64") == Base64.encode(Array("the second".utf8)))
    }

    @Test func linesThatAreNone() async throws {
        let client = try await stage.client()
        for line in [
            "", "  ", "no JSON", "[]", "{}", #"{"id":1}"#, #"{"method":7}"#, #"{"method":"unknown/notification"}"#,
            "[{\"id\":5,\"method\":\"x\"}]",
        ] {
            client.door.receive(Array(line.utf8))
        }
        #expect(try await client.result("environment/status", .null).text("status") == "ready")
    }
}
