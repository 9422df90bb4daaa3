/// The agents that portal knows how to put to work on another machine.
public enum Agent: String, Sendable, CaseIterable {
    /// Claude Code.
    case claude
    /// OpenAI's Codex.
    case codex
    /// OpenCode.
    case opencode
    /// Gemini CLI.
    case gemini
    /// Goose.
    case goose

    /// The file in which a project speaks to it, for an agent that must be told what is in it there.
    public var instructionsName: String? { self == .claude ? ClaudePreparation.instructionsName : nil }

    /// The agent that a program is.
    /// - Parameter names: The paths by which the program is known: as it was typed, each link that leads to the file, and the file.
    public init?(programAt names: [String]) {
        // The name that was typed says less than the file that it leads to, but the file may be named for a version or for a machine.
        for name in names.reversed() {
            if let agent = Agent.allCases.first(where: { $0.isMeant(by: name) }) {
                self = agent
                return
            }
        }
        return nil
    }

    private func isMeant(by path: String) -> Bool {
        // npm's packages have programs that are called index.js or cli.js.
        if packages.contains(where: { path.contains("/node_modules/\($0)/") }) { return true }
        var name = String(path.split(separator: "/").last ?? "")
        for ending in [".js", ".mjs", ".cjs", ".exe"] where name.hasSuffix(ending) { name.removeLast(ending.count) }
        if name == rawValue { return true }
        // A file of a release: codex-x86_64-unknown-linux-musl, opencode-linux-x64.
        let machines = ["x86_64", "aarch64", "linux", "darwin"]
        return machines.contains { name.hasPrefix("\(rawValue)-\($0)") }
    }

    private var packages: [String] {
        switch self {
        case .claude: ["@anthropic-ai/claude-code"]
        case .codex: ["@openai/codex"]
        case .opencode: ["opencode-ai"]
        case .gemini: ["@google/gemini-cli"]
        case .goose: []
        }
    }
}
