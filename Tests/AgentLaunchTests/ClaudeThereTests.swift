import DoorSupport
import Foundation
import PortalWire
import Synchronization
import TestSupport
import Testing

/// The real Claude Code, started by `portal ssh HOST -- claude`, with a scripted model.
@Suite(
    .serialized,
    .enabled(if: ThereStage.obstacle(.claude) == nil, Comment(rawValue: "not run: \(ThereStage.obstacle(.claude) ?? "")")))
struct ClaudeThereTests {
    private static let once = ["-p", "do it", "--dangerously-skip-permissions"]
    /// What is in the workspace, in sh.
    private static let content = """
        mkdir -p src && printf 'one\\ntwo\\nthree\\n' >src/a.txt && printf 'two again\\n' >src/b.txt && printf '# Title\\n' >README.md && seq 1 300 >numbers \
        && touch -d 2024-01-01 src/a.txt && touch -d 2024-02-02 src/b.txt
        """

    /// The calls of a session, with the names of Claude Code's own tools; the directory is where DIR stands.
    private static let calls: [(name: String, input: JSONValue)] = [
        ("Bash", ["command": "pwd; ls -1; cat src/a.txt", "description": "look"]),
        ("Read", ["file_path": "DIR/src/a.txt"]),
        ("Edit", ["file_path": "DIR/src/a.txt", "old_string": "two", "new_string": "zwei"]),
        ("Read", ["file_path": "DIR/src/a.txt", "offset": 2, "limit": 1]),
        ("Write", ["file_path": "DIR/src/new.txt", "content": "made by zwei\n"]),
        ("Bash", ["command": "cat src/a.txt src/new.txt; echo problem >&2; exit 3", "description": "fail"]),
        ("Bash", ["command": "true", "description": "say nothing"]),
        ("Grep", ["pattern": "zwei"]),
        ("Grep", ["pattern": "zwei|two", "output_mode": "content", "-n": true, "path": "DIR/src/a.txt"]),
        ("Grep", ["pattern": "^one", "output_mode": "count"]),
        ("Grep", ["pattern": "nowhere to be found"]),
        ("Glob", ["pattern": "**/*.md"]),
        ("Glob", ["pattern": "*.nothing"]),
        ("Edit", ["file_path": "DIR/src/b.txt", "old_string": "two", "new_string": "2"]),
        ("Edit", ["file_path": "DIR/src/a.txt", "old_string": "not in it", "new_string": "2"]),
        ("Write", ["file_path": "DIR/README.md", "content": "overwritten\n"]),
        ("Read", ["file_path": "DIR/nothing"]),
        ("Bash", ["command": "cd src && pwd", "description": "go"]),
        ("Bash", ["command": "pwd", "description": "where"]),
        ("Bash", ["command": "printf 'no line end'", "description": "print"]),
    ]

    /// The calls whose results are not equal: Docs/agents.md says why.
    private static let differences: Set<Int> = [13, 14, 15]

    private static func script(_ directory: String, prefix: String) -> ScriptedModel.Script {
        { turn, _ in
            guard turn < calls.count else { return .say("It is done.") }
            let text = String(decoding: calls[turn].input.encoded, as: UTF8.self).replacingOccurrences(of: "DIR", with: directory)
            guard let input = try? JSONParser.parse(Array(text.utf8)) else { return .say("The script is broken.") }
            return .call(prefix + calls[turn].name, input)
        }
    }

    /// The model is told there what it is told by Claude Code's own tools on the machine itself.
    @Test func whatTheModelSeesIsWhatItSeesOnTheMachineItself() async throws {
        let place = Mutex("")
        let stage = try await ThereStage { turn, request in
            Self.script(place.withLock { $0 }, prefix: "mcp__portal__")(turn, request)
        }
        place.withLock { $0 = stage.directory }
        try await stage.there("cd \(stage.directory) && \(Self.content)")
        let outcome = try await stage.launch(.claude, Self.once)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output == "It is done.\n")
        #expect(!FileManager.default.fileExists(atPath: stage.directory), "nothing of the workspace is here")

        let (local, here) = try await stage.here(
            [RealAgent.claude.path] + Self.once + ["--tools", "Bash,Read,Edit,Write,Grep,Glob"], setup: Self.content,
            script: Self.script(stage.directory, prefix: ""))
        #expect(here.status == 0, "\(here.errors)")
        let there = stage.agents.model.results
        let own = local.model.results
        try #require(there.count == Self.calls.count && own.count == Self.calls.count, "\(there.count) and \(own.count) results")
        for (index, call) in Self.calls.enumerated() {
            let what = "\(index): \(call.name) \(String(decoding: call.input.encoded, as: UTF8.self))"
            guard !Self.differences.contains(index) else {
                #expect(there[index].text != own[index].text, "the list of what differs is out of date: \(what)")
                continue
            }
            #expect(there[index].text == own[index].text, "\(what)")
            #expect(there[index].isError == own[index].isError, "\(what)")
        }
        print("claude: \(Self.calls.count - Self.differences.count) of \(Self.calls.count) results are equal")
        // The tools that would act here are not offered, the others are.
        let offered = Set(stage.agents.model.requests.first?.toolNames ?? [])
        #expect(
            offered.isDisjoint(with: ["Bash", "Read", "Write", "Edit", "Grep", "Glob", "NotebookEdit", "Monitor"]), "\(offered.sorted())")
        #expect(
            offered.isSuperset(of: ["mcp__portal__Bash", "mcp__portal__Read", "mcp__portal__Edit", "Agent", "ToolSearch"]),
            "\(offered.sorted())")
        #expect(stage.agents.model.requests.first?.instructions.contains("Your tools act on another machine") == true)
    }

    /// A model that asks for a tool that would act here gets none.
    @Test func noToolActsHere() async throws {
        let stage = try await ThereStage { turn, _ in
            let names = ["Bash", "Read", "Write", "Edit", "Grep", "Glob"]
            guard turn < names.count else { return .say("Nothing worked.") }
            let inputs: [JSONValue] = [
                ["command": "touch $HOME/canary"], ["file_path": "/etc/hostname"], ["file_path": "/tmp/portal-canary", "content": "x"],
                ["file_path": "/etc/hostname", "old_string": "a", "new_string": "b"], ["pattern": "root", "path": "/etc/passwd"],
                ["pattern": "/etc/host*"],
            ]
            return .call(names[turn], inputs[turn])
        }
        let outcome = try await stage.launch(.claude, Self.once)
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(stage.agents.model.results.count == 6)
        for result in stage.agents.model.results { #expect(result.isError && result.text.contains("No such tool"), "\(result.text)") }
        #expect(!FileManager.default.fileExists(atPath: stage.agents.home.path + "/canary"))
        #expect(!FileManager.default.fileExists(atPath: "/tmp/portal-canary"))
    }

    /// A helper that Claude Code starts for a part of the work has the same tools, and none that act here.
    @Test func helpersHaveTheSameTools() async throws {
        let task = "Count the files, as a helper does."
        let stage = try await ThereStage { turn, request in
            let isHelper = request.conversation.hasPrefix(task) || !request.toolNames.contains("Agent")
            switch (isHelper, turn) {
            case (false, 0): return .call("Agent", ["description": "count", "prompt": .text(task), "subagent_type": "general-purpose"])
            case (true, 0): return .call("mcp__portal__Bash", ["command": "ls | wc -l", "description": "count"])
            case (true, _): return .say("There are \(request.results.last?.text ?? "no results").")
            default: return .say("It is done.")
            }
        }
        try await stage.there("cd \(stage.directory) && touch a b && echo 'Always be brief.' >CLAUDE.md")
        let outcome = try await stage.launch(.claude, Self.once)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let helper = stage.agents.model.requests.filter { $0.conversation.contains(task) && $0.results.contains { $0.text == "3" } }
        #expect(stage.agents.model.requests.first?.instructions.contains("Always be brief.") == true)
        #expect(!helper.isEmpty, "\(stage.agents.model.requests.map(\.results))")
        for request in stage.agents.model.requests {
            #expect(Set(request.toolNames).isDisjoint(with: ["Bash", "Read", "Write", "Edit", "Grep", "Glob"]), "\(request.toolNames)")
        }
    }

    /// What `portal setup` writes has the same effect, in the directory in which it was written.
    @Test func lastingConfiguration() async throws {
        let stage = try await ThereStage([.call("mcp__portal__Bash", ["command": "touch made", "description": "touch"]), .say("Done.")])
        let project = stage.agents.directory.appendingPathComponent("project").path
        try FileManager.default.createDirectory(atPath: project, withIntermediateDirectories: true)
        let environment = ["PORTAL_RUNTIME_DIR": stage.portal.runtime.path]
        let setup = try await stage.agents.run(
            [PortalProgram.path, "setup", "--yes", "-F", stage.portal.config, "claude", "host:\(stage.directory)"], in: project,
            environment: environment)
        #expect(setup.status == 0, "\(setup.errors)")
        #expect(setup.output.contains("+++ \(project)/.mcp.json"))
        let outcome = try await stage.agents.run([RealAgent.claude.path] + Self.once, in: project, environment: environment)
        #expect(outcome.output == "Done.\n", "\(outcome.errors)")
        #expect(try await stage.there("ls \(stage.directory)") == "made\n", "\(stage.agents.model.results)")
        let offered = Set(stage.agents.model.requests.first?.toolNames ?? [])
        #expect(offered.isDisjoint(with: ["Bash", "Read", "Write", "Edit", "Grep", "Glob"]), "\(offered.sorted())")
        let removal = try await stage.agents.run([PortalProgram.path, "setup", "claude", "--remove", "--yes"], in: project)
        #expect(removal.status == 0, "\(removal.errors)")
        #expect(try FileManager.default.subpathsOfDirectory(atPath: project).filter { $0.hasSuffix(".json") } == [])
    }

    @Test func commandsInTheBackground() async throws {
        let stage = try await ThereStage { turn, request in
            switch turn {
            case 0:
                return .call(
                    "mcp__portal__Bash",
                    [
                        "command": "echo begun; while [ ! -e go ]; do sleep 0.02; done; echo over", "run_in_background": true,
                        "description": "wait",
                    ])
            case 1: return .call("mcp__portal__Bash", ["command": "touch go", "description": "let it go"])
            case 2:
                let text = request.results.first?.text ?? ""
                let identifier =
                    text.components(separatedBy: "ID: ").last?.prefix { $0.isLetter || $0.isNumber || $0 == "_" || $0 == "-" } ?? ""
                return .call("mcp__portal__Wait", ["bash_id": .text(String(identifier))])
            default: return .say("It is over.")
            }
        }
        let outcome = try await stage.launch(.claude, Self.once)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let results = stage.agents.model.results
        try #require(results.count == 3)
        #expect(results[0].text.contains("ID: "), "\(results[0].text)")
        #expect(results[2].text.contains("begun\nover"), "\(results[2].text)")
    }

    /// The user's own servers stay, and so do the settings of permissions: without a grant, nothing is done.
    @Test func theUsersSettingsStay() async throws {
        let stage = try await ThereStage([.call("mcp__portal__Bash", ["command": "touch granted", "description": "touch"]), .say("Done.")])
        _ = try await stage.launch(.claude, ["-p", "do it"])
        #expect(stage.agents.model.results.first?.isError == true)
        #expect(try await stage.there("ls \(stage.directory)") == "")
        let granted = try await stage.launch(.claude, ["-p", "do it", "--allowedTools", "mcp__portal__Bash"])
        #expect(granted.status == 0)
        #expect(try await stage.there("ls \(stage.directory)") == "granted\n")
    }

    /// On a terminal: it asks there before it does something, and leaving it leaves nothing.
    @Test func onATerminal() async throws {
        let stage = try await ThereStage([
            .call("mcp__portal__Bash", ["command": "pwd >where", "description": "look"]), .say("All is done there."),
        ])
        let settings = """
            {"hasCompletedOnboarding": true, "theme": "dark", "customApiKeyResponses": {"approved": ["a-key-of-the-model"], "rejected": []},
             "projects": {"\(stage.agents.home.path)": {"hasTrustDialogAccepted": true, "hasCompletedProjectOnboarding": true}}}
            """
        try Data(settings.utf8).write(to: stage.agents.home.appendingPathComponent(".claude.json"))
        var environment = stage.agents.environment
        environment["PORTAL_RUNTIME_DIR"] = stage.portal.runtime.path
        let prefix = (stage.agents.namespace?.prefix ?? []).joined(separator: " ")
        let screen = try TerminalDriver(
            "cd \(stage.agents.home.path); \(prefix) \(PortalProgram.path) ssh -F \(stage.portal.config) host:\(stage.directory) -- "
                + "\(RealAgent.claude.path) --permission-mode default \"do it\"; echo ended with $?",
            columns: 100, rows: 40, environment: environment)
        try await screen.wait(for: "Do you want to proceed?", seconds: 40)
        #expect(try await stage.there("ls \(stage.directory)") == "", "nothing is done before it is allowed")
        #expect(!screen.screen.contains("Deny rule"), "\(screen.screen)")
        try screen.press("Enter")
        try await screen.wait(for: "All is done there.", seconds: 40)
        #expect(try await stage.there("cat \(stage.directory)/where") == "\(stage.directory)\n")
        try screen.type("/exit")
        try await screen.wait(for: "/exit")
        try screen.press("Enter")
        try await screen.wait(for: "the end") { text in
            if !text.contains("ended with"), text.contains("/exit") { _ = try? screen.press("Enter") }
            return text.contains("ended with 0")
        }
        #expect(((try? FileManager.default.contentsOfDirectory(atPath: stage.portal.runtime.path + "/agents")) ?? []) == [])
    }
}
