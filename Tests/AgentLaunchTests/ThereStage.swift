import Foundation
import TestSupport

/// A host with a workspace that is not on this machine, real agents with a scripted model, and a network in which there is nothing else.
final class ThereStage: Sendable {
    /// In the place of this directory of every machine, which is empty here or somebody else's, the host has one of its own.
    static let mount = "/mnt"
    /// The workspace, a path that this machine does not have.
    let directory: String

    let host: TestHost
    let portal: PortalProgram
    let agents: AgentStage
    private let alone: LoopbackNamespace

    /// Why there can be none here; nil where there can.
    static func obstacle(_ agent: RealAgent) -> String? { agent.obstacle ?? LoopbackNamespace.obstacle }

    init(script: @escaping ScriptedModel.Script) async throws {
        alone = try LoopbackNamespace()
        var options = TestHost.Options()
        options.namespace = alone.name
        options.ownDirectories = [ThereStage.mount]
        host = try TestHost(options)
        portal = try PortalProgram(host, namespace: alone)
        agents = try AgentStage(in: alone, script: script)
        directory = "\(ThereStage.mount)/there-\(UUID().uuidString.prefix(8))/app"
        try await there("mkdir -p \(directory)")
    }

    /// With turns that are known beforehand.
    convenience init(_ turns: [ModelTurn]) async throws {
        try await self.init { number, _ in number < turns.count ? turns[number] : .say("The script is over.") }
    }

    /// Runs a line of sh on the host.
    @discardableResult
    func there(_ line: String) async throws -> String {
        let outcome = try await portal.exec("sh", "-c", line)
        guard outcome.status == 0 else { throw TestFailure("there, \(line) ended with \(outcome.status): \(outcome.errors)") }
        return outcome.text
    }

    /// `portal ssh TARGET -- AGENT ARGUMENTS`, from the agents' home.
    func launch(_ agent: RealAgent, _ arguments: [String], options: [String] = [], deadline: Double = 90) async throws -> AgentStage.Outcome
    {
        try await agents.run(
            [PortalProgram.path, "ssh", "-F", portal.config] + options + ["host:\(directory)", "--", agent.path] + arguments,
            environment: ["PORTAL_RUNTIME_DIR": portal.runtime.path], deadline: deadline)
    }

    /// Runs a program on this machine with a directory of the same path and content as the workspace.
    /// - Parameter setup: A line of sh that makes the content, in the directory.
    func here(_ command: [String], setup: String, script: @escaping ScriptedModel.Script) async throws -> (AgentStage, AgentStage.Outcome) {
        let stage = try AgentStage(in: alone, script: script)
        let outcome = try await stage.run(
            TestHost.mounting([ThereStage.mount])
                + ["sh", "-c", "mkdir -p \(directory) && cd \(directory) && { \(setup); } && exec \"$@\"", "sh"] + command, deadline: 90)
        return (stage, outcome)
    }
}
