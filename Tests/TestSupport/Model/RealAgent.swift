import Foundation

/// An agent as its maker ships it, installed by Scripts/setup-agents.
public enum RealAgent: String, Sendable {
    case claude
    case codex

    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(".tools/agents").path

    /// A Python that has the official MCP client, `mcp`.
    public static let pythonWithMCP = folder + "/venv/bin/python"

    /// The program.
    public var path: String { "\(RealAgent.folder)/\(rawValue)" }

    /// Why it cannot be run here; nil where it can.
    public var obstacle: String? {
        access(path, X_OK) == 0 ? nil : "there is no \(path): run Scripts/setup-agents \(rawValue)"
    }
}

/// Where a real agent runs: a home of its own, a scripted model, and nothing else in its network where the machine allows that.
public final class AgentStage: Sendable {
    /// What a run gave.
    public struct Outcome: Sendable {
        /// The exit status; negative for the signal that ended it.
        public var status: Int32
        /// Standard output.
        public var output: String
        /// Standard error.
        public var errors: String
    }

    /// Everything of it; removed at the end.
    public let directory: URL
    /// The agents' HOME.
    public let home: URL
    /// The model of all agents here.
    public let model: ScriptedModel
    /// The network that agents, hosts and the model share; nil where the machine has no namespaces: then all are on its own loopback.
    public let namespace: LoopbackNamespace?

    /// Makes one with a model that says these turns.
    public convenience init(in namespace: LoopbackNamespace? = nil, _ turns: [ModelTurn]) throws {
        try self.init(in: namespace) { number, _ in number < turns.count ? turns[number] : .say("The script is over.") }
    }

    /// Makes one.
    /// - Parameter namespace: One that is there already, with a host in it; a new one where it is nil.
    public init(in namespace: LoopbackNamespace? = nil, script: @escaping ScriptedModel.Script) throws {
        let own = try namespace ?? (LoopbackNamespace.obstacle == nil ? LoopbackNamespace() : nil)
        self.namespace = own
        model = try ScriptedModel(in: own, script: script)
        directory = URL(fileURLWithPath: "/tmp/portal-agent-test-\(UUID().uuidString.prefix(8))")
        home = directory.appendingPathComponent("home")
        let codex = home.appendingPathComponent(".codex")
        try FileManager.default.createDirectory(at: codex, withIntermediateDirectories: true)
        let configuration = """
            model = "gpt-5.5"
            model_provider = "scripted"
            [model_providers.scripted]
            name = "scripted"
            base_url = "http://127.0.0.1:\(model.port)/v1"
            wire_api = "responses"
            env_key = "SCRIPTED_MODEL_KEY"
            request_max_retries = 0
            stream_max_retries = 0
            [features]
            plugins = false
            [analytics]
            enabled = false

            """
        try Data(configuration.utf8).write(to: codex.appendingPathComponent("config.toml"))
    }

    deinit { try? FileManager.default.removeItem(at: directory) }

    /// What an agent needs in its environment, besides what every program has.
    public var environment: [String: String] {
        [
            "HOME": home.path, "CODEX_HOME": home.path + "/.codex", "SCRIPTED_MODEL_KEY": "a-key-of-the-model",
            "ANTHROPIC_BASE_URL": "http://127.0.0.1:\(model.port)", "ANTHROPIC_API_KEY": "a-key-of-the-model",
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1", "IS_SANDBOX": "1", "DISABLE_TELEMETRY": "1",
        ]
    }

    /// Runs a program to its end, in the stage's network, with an environment of little more than `environment`.
    public func run(
        _ arguments: [String], in workingDirectory: String? = nil, environment more: [String: String] = [:], deadline: Double = 60
    ) async throws -> Outcome {
        let files = directory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: files, withIntermediateDirectories: true)
        let (output, errors) = (files.appendingPathComponent("out").path, files.appendingPathComponent("err").path)
        let own = ProcessInfo.processInfo.environment.filter { ["PATH", "LANG", "TERM", "USER", "LOGNAME"].contains($0.key) }
        let variables = own.merging(environment) { $1 }.merging(more) { $1 }
        let child = try Child(
            (namespace?.prefix ?? []) + ["env", "-C", workingDirectory ?? home.path, "setsid", "-w"] + arguments, environment: variables,
            output: output, errors: errors)
        let ended = await eventually(seconds: deadline) { !child.isRunning }
        let status = child.ended
        child.end()
        func text(_ path: String) -> String { String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self) }
        guard ended, let status else {
            throw TestFailure("\(arguments.joined(separator: " ")) did not end within \(deadline) s: \(text(output))\(text(errors))")
        }
        let signal = status & 0x7f
        return Outcome(status: signal == 0 ? (status >> 8) & 0xff : -signal, output: text(output), errors: text(errors))
    }
}
