import DoorSupport
import PortalWire
import TestSupport
import Testing

/// The rig itself: real agents, each with one scripted turn.
@Suite(.serialized) struct RigTests {
    @Test(.enabled(if: RealAgent.claude.obstacle == nil, Comment(rawValue: RealAgent.claude.obstacle ?? "")))
    func claudeUsesAToolAndAnswers() async throws {
        let stage = try AgentStage([
            .call("Bash", ["command": "echo six times seven: $((6 * 7))", "description": "multiply"]), .say("It is 42."),
        ])
        let outcome = try await stage.run([RealAgent.claude.path, "-p", "multiply", "--allowedTools", "Bash"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output == "It is 42.\n")
        #expect(stage.model.requests.count == 2)
        #expect(stage.model.results.map(\.text) == ["six times seven: 42"])
        #expect(stage.model.requests.first?.toolNames.contains("Bash") == true)
    }

    @Test(.enabled(if: RealAgent.codex.obstacle == nil, Comment(rawValue: RealAgent.codex.obstacle ?? "")))
    func codexUsesAToolAndAnswers() async throws {
        let stage = try AgentStage([.call("exec_command", ["cmd": "echo six times seven: $((6 * 7))"]), .say("It is 42.")])
        let outcome = try await stage.run([
            RealAgent.codex.path, "exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "multiply",
        ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(outcome.output.contains("It is 42."))
        #expect(stage.model.requests.count == 2)
        #expect(stage.model.results.count == 1)
        #expect(stage.model.results.first?.text.contains("six times seven: 42") == true)
    }
}
