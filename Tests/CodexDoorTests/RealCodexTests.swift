import DoorSupport
import Foundation
import NIOCore
import PortalWire
import TestSupport
import Testing

/// Codex as its maker ships it, through `portal codex` to a real sshd, with a scripted model.
///
/// The directory that Codex works in is empty here, and stands for another one there: what a tool found or made was there.
@Suite(.serialized, .enabled(if: RealAgent.codex.obstacle == nil, Comment(rawValue: RealAgent.codex.obstacle ?? "")))
struct RealCodexTests {
    let place: CodexPlace
    private var network: LoopbackNamespace? { place.network }

    init() throws { place = try CodexPlace() }

    /// Lets Codex work on the host, and returns what it printed. Nothing may have appeared here.
    @discardableResult
    private func work(
        _ stage: AgentStage, mode: String = "danger-full-access", prompt: [String] = ["do it"], relay: String? = nil, deadline: Double = 90
    ) async throws -> AgentStage.Outcome {
        try place.serve(stage, relay: relay)
        let outcome = try await stage.run(
            [RealAgent.codex.path, "exec", "--skip-git-repo-check", "-s", mode] + prompt, in: place.here, environment: place.environment,
            deadline: deadline)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: place.here).isEmpty)
        return outcome
    }

    private func texts(_ stage: AgentStage) -> [String] { stage.model.results.map(\.text) }

    @Test func commandsInstructionsAndTerminals() async throws {
        try place.write("AGENTS.md", "Words that stand only there.")
        try place.write("marker", "the marker")
        try place.write(
            ".agents/skills/measuring/SKILL.md", "---\nname: measuring\ndescription: How things are measured there.\n---\nWith care.\n")
        let stage = try AgentStage(in: network) { turn, request in
            switch turn {
            case 0: return .call("exec_command", ["cmd": "cat marker; pwd; echo err >&2; exit 7"])
            case 1:
                return .call(
                    "exec_command",
                    ["cmd": "read line; echo \"<$line>\"; tty >/dev/null && echo terminal", "tty": true, "yield_time_ms": 500])
            case 2:
                // The agent says by which number the command that waits is written to.
                let number = request.results.last?.text.firstMatch(of: /session ID (\d+)/).flatMap { Int64($0.1) } ?? -1
                return .call("write_stdin", ["session_id": .integer(number), "chars": "typed\n", "yield_time_ms": 2000])
            case 3:
                return .call([
                    ModelCall("exec_command", ["cmd": "echo one"]), ModelCall("exec_command", ["cmd": "seq 1 20000 | tail -n 1"]),
                ])
            default: return .say("done")
            }
        }
        try await work(stage)
        let texts = texts(stage)
        try #require(texts.count == 5, "\(texts)")
        #expect(
            texts[0].contains("the marker") && texts[0].contains(place.there) && texts[0].contains("err")
                && texts[0].contains("exited with code 7"))
        #expect(
            texts[2].contains("<typed>") && texts[2].contains("terminal") && texts[2].contains("exited with code 0"),
            "\(texts[1]) \(texts[2])")
        #expect(texts[3].contains("one") && texts[4].contains("20000"))
        let conversation = stage.model.requests.first?.conversation ?? ""
        #expect(conversation.contains("Words that stand only there.") && conversation.contains("How things are measured there."))
    }

    /// What is there for the model there, and not only for commands.
    @Test func anMCPServerOfTheHost() async throws {
        try place.write("server.py", RealCodexTests.server)
        let stage = try AgentStage(in: network, [.call("where", ["word": "asked"], namespace: "mcp__there"), .say("done")])
        let file = stage.home.appendingPathComponent(".codex/config.toml")
        let more = """

            [mcp_servers.there]
            command = "/usr/bin/env"
            args = ["python3", "\(place.there)/server.py"]
            environment_id = "box"
            cwd = "\(place.here)"

            """
        try (String(contentsOf: file, encoding: .utf8) + more).write(to: file, atomically: true, encoding: .utf8)
        try await work(stage)
        #expect(
            texts(stage).first?.contains("asked in \(place.there)") == true,
            "\(texts(stage)) \(stage.model.requests.first?.toolNames ?? [])")
    }

    /// A server of MCP, as small as one can be: it says where it runs.
    private static let server = """
        import json, os, sys
        for line in sys.stdin:
            call = json.loads(line)
            if "id" not in call:
                continue
            answer = {"tools": [{"name": "where", "description": "Says where it is.", "inputSchema": {"type": "object", "properties": {"word": {"type": "string"}}}}]}
            if call["method"] == "initialize":
                answer = {"protocolVersion": call["params"]["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": {"name": "there", "version": "1"}}
            elif call["method"] == "tools/call":
                answer = {"content": [{"type": "text", "text": call["params"]["arguments"]["word"] + " in " + os.getcwd()}]}
            print(json.dumps({"jsonrpc": "2.0", "id": call["id"], "result": answer}), flush=True)

        """

    @Test func patchesAndImages() async throws {
        try place.write("old.txt", "one\ntwo\nthree\n")
        try place.write("gone.txt", "gone\n")
        try place.write("moved.txt", "first\nsecond\n")
        let image = try #require(
            Data(base64Encoded: "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="))
        try image.write(to: URL(fileURLWithPath: place.there + "/dot.png"))
        let patch = """
            *** Begin Patch
            *** Add File: deep/er/new.txt
            +added
            *** Update File: old.txt
            @@
             one
            -two
            +2
             three
            *** Update File: moved.txt
            *** Move to: new-place.txt
            @@
            -first
            +1st
            *** Delete File: gone.txt
            *** End Patch

            """
        let stage = try AgentStage(
            in: network, [.call("apply_patch", .text(patch)), .call("view_image", ["path": "dot.png"]), .say("done")])
        try await work(stage)
        #expect(
            place.content("deep/er/new.txt") == "added\n" && place.content("old.txt") == "one\n2\nthree\n"
                && place.content("new-place.txt") == "1st\nsecond\n")
        #expect(place.content("gone.txt") == nil && place.content("moved.txt") == nil, "\(texts(stage))")
        #expect(stage.model.results.count == 2)
        let seen = String(decoding: stage.model.results.last?.content.encoded ?? [], as: UTF8.self)
        #expect(seen.contains("data:image/png;base64,"), "\(seen.prefix(300))")
    }

    @Test func aPatchToTwentyMegabytes() async throws {
        let line = "a line of a large file that is not changed\n"
        let half = String(repeating: line, count: 240_000)
        try place.write("large.txt", half + "the middle\n" + half)
        let patch = "*** Begin Patch\n*** Update File: large.txt\n@@\n-the middle\n+the new middle\n*** End Patch\n"
        let stage = try AgentStage(in: network, [.call("apply_patch", .text(patch)), .say("done")])
        try await work(stage, deadline: 240)
        #expect(place.content("large.txt") == half + "the new middle\n" + half, "\(texts(stage))")
    }

    @Test func sandboxModesHold() async throws {
        try FileManager.default.createDirectory(atPath: place.there + "/.git", withIntermediateDirectories: true)
        try place.write(".git/config", "git's own\n")
        // Not in /tmp, which is writable in one of the modes, and where the home is.
        let outside = "/var/tmp/portal-outside-\(getpid())"
        let script = "echo x > inside; echo x > \(outside); echo x >> .git/config; echo x > .codex/config.toml; cat .git/config; echo end"
        for mode in ["workspace-write", "read-only"] {
            let stage = try AgentStage(in: network, [.call("exec_command", ["cmd": .text(script)]), .say("done")])
            try await work(stage, mode: mode)
            #expect(
                texts(stage).first?.contains("git's own") == true && texts(stage).first?.contains("end") == true, "\(mode): \(texts(stage))"
            )
            #expect(!FileManager.default.fileExists(atPath: outside))
            #expect(place.content(".git/config") == "git's own\n")
            #expect((place.content("inside") == "x\n") == (mode == "workspace-write"))
            #expect(await eventually(seconds: 20) { !FileManager.default.fileExists(atPath: place.there + "/.codex") })
            try? FileManager.default.removeItem(atPath: place.there + "/inside")
        }
        // A patch outside of what may be written fails there, and one inside does not.
        let patch = "*** Begin Patch\n*** Add File: patched.txt\n+yes\n*** End Patch\n"
        let stage = try AgentStage(in: network, [.call("apply_patch", .text(patch)), .say("done")])
        try await work(stage, mode: "workspace-write")
        #expect(place.content("patched.txt") == "yes\n", "\(texts(stage))")
    }

    @Test func aSessionThatGoesOn() async throws {
        let first = try AgentStage(in: network) { turn, _ in
            turn == 0
                ? .call("exec_command", ["cmd": "echo first > first.txt"])
                : turn == 1
                    ? .say("one")
                    : turn == 2
                        ? .call("exec_command", ["cmd": "cat first.txt"]) : .say("two")
        }
        try await work(first)
        let outcome = try await work(first, prompt: ["resume", "--last", "go on"])
        #expect(outcome.output.contains("two"))
        #expect(texts(first).last?.contains("first") == true)
    }

    /// The agent never starts its environment again: cuts must not be seen by it.
    @Test func threeCuts() async throws {
        // The relay is in this machine's own network, and so is what reaches the host through it.
        let host = try TestHost()
        let relay = try await NetworkRelay(to: host.port, seed: 7)
        let config = host.directory.appendingPathComponent("relayed").path
        try Data(host.sshConfig(alias: "host", port: relay.port).utf8).write(to: URL(fileURLWithPath: config))
        let script = "for i in $(seq 1 40); do echo number $i; touch seen-$i; sleep 0.1; done; echo whole"
        let stage = try AgentStage(in: network, [.call("exec_command", ["cmd": .text(script), "yield_time_ms": 30_000]), .say("done")])
        async let done = work(stage, relay: config)
        for number in [5, 15, 30] {
            #expect(await eventually(seconds: 60) { FileManager.default.fileExists(atPath: "\(place.there)/seen-\(number)") })
            try await relay.apply(.cut)
        }
        _ = try await done
        let text = texts(stage).first ?? ""
        #expect(text.contains((1...40).map { "number \($0)\n" }.joined() + "whole"), "\(text)")
        await relay.stop()
    }
}
