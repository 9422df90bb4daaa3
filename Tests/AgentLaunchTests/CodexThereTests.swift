import DoorSupport
import Foundation
import PortalWire
import TestSupport
import Testing

/// The real Codex, started by `portal ssh HOST -- codex`, with a scripted model.
@Suite(
    .serialized,
    .enabled(if: ThereStage.obstacle(.codex) == nil, Comment(rawValue: "not run: \(ThereStage.obstacle(.codex) ?? "")")))
struct CodexThereTests {
    private static let once = ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]

    @Test func itsToolsActThere() async throws {
        let stage = try await ThereStage([
            .call("exec_command", ["cmd": "pwd; cat greeting; echo $((6 * 7)) >answer; echo $SCRIPTED_MODEL_KEY"]),
            .call(
                "apply_patch",
                "*** Begin Patch\n*** Add File: new.txt\n+written there\n*** Update File: greeting\n@@\n-hello\n+goodbye\n*** End Patch"),
            .call("exec_command", ["cmd": "cat new.txt greeting; cat nothing"]),
            .say("It is done."),
        ])
        try await stage.there("cd \(stage.directory) && echo hello >greeting && echo 'Always be brief.' >AGENTS.md")
        let outcome = try await stage.launch(.codex, Self.once + ["do it"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("It is done."))
        #expect(outcome.errors.contains("portal: codex: exec-server on host in \(stage.directory), local execution off"))
        let results = stage.agents.model.results.map(\.text)
        try #require(results.count == 3)
        #expect(results[0].hasSuffix("\(stage.directory)\nhello\n\n"), "the secret is not there: \(results[0])")
        #expect(results[2].contains("written there\ngoodbye\ncat: nothing: No such file or directory"))
        #expect(try await stage.there("cat \(stage.directory)/answer") == "42\n")
        #expect(!FileManager.default.fileExists(atPath: stage.directory))
        // Instructions of the project are those there.
        #expect(stage.agents.model.requests.first?.conversation.contains("Always be brief.") == true)
        // The session is the user's.
        let sessions = FileManager.default.enumerator(atPath: stage.agents.home.path + "/.codex/sessions")?.allObjects ?? []
        #expect(sessions.contains { "\($0)".hasSuffix(".jsonl") })
    }

    @Test func aSessionGoesOn() async throws {
        let stage = try await ThereStage { turn, request in
            switch turn {
            case 0: .call("exec_command", ["cmd": "echo first >>log"])
            case 1: .say("The first is done.")
            case 2: .call("exec_command", ["cmd": "echo second >>log; cat log"])
            default: .say("The second is done.")
            }
        }
        #expect(try await stage.launch(.codex, Self.once + ["first"]).status == 0)
        let outcome = try await stage.launch(
            .codex, ["exec", "resume", "--last", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "second"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(stage.agents.model.results.last?.text.contains("first\nsecond\n") == true, "\(outcome.errors)")
    }

    /// On a terminal: keys are Codex's, tools act there, and leaving it leaves nothing.
    @Test func onATerminal() async throws {
        let stage = try await ThereStage([.call("exec_command", ["cmd": "hostname; pwd >where"]), .say("All is done there.")])
        var environment = stage.agents.environment
        environment["PORTAL_RUNTIME_DIR"] = stage.portal.runtime.path
        let configuration = stage.agents.home.appendingPathComponent(".codex/config.toml")
        let trusted =
            try String(contentsOf: configuration, encoding: .utf8) + "[projects.\"\(stage.directory)\"]\ntrust_level = \"trusted\"\n"
        try Data(trusted.utf8).write(to: configuration)
        let prefix = (stage.agents.namespace?.prefix ?? []).joined(separator: " ")
        let screen = try TerminalDriver(
            "cd \(stage.agents.home.path); \(prefix) \(PortalProgram.path) ssh -F \(stage.portal.config) host:\(stage.directory) -- \(RealAgent.codex.path) "
                + "--dangerously-bypass-approvals-and-sandbox \"do it\"; echo ended with $?",
            columns: 100, rows: 40, environment: environment)
        try await screen.wait(for: "the answer, or a question", seconds: 40) {
            $0.contains("All is done there.") || $0.contains("Use existing model")
        }
        if screen.screen.contains("Use existing model") { try screen.press("Escape") }
        try await screen.wait(for: "All is done there.", seconds: 40)
        #expect(try await stage.there("cat \(stage.directory)/where") == "\(stage.directory)\n")
        try screen.press("C-c")
        try await screen.wait(for: "the end") { text in
            if !text.contains("ended with"), text.contains("again to quit") { _ = try? screen.press("C-c") }
            return text.contains("ended with 0")
        }
        #expect(!FileManager.default.fileExists(atPath: stage.directory))
    }
}
