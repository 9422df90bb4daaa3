import DoorSupport
import PortalWire

/// Claude Code: an MCP server with the tools that it lacks when its own are switched off.
enum ClaudePreparation {
    /// Its tools that act on the machine on which it runs: files, commands, and what is about the repository in its directory. It complains of
    /// names that it does not know, so they are those of 2.1.
    static let toolsThatActHere = [
        "Bash", "BashOutput", "KillShell", "Monitor", "PowerShell", "Read", "Write", "Edit", "NotebookEdit", "Grep", "Glob", "LSP",
        "EnterWorktree", "ExitWorktree",
    ]

    /// Options by which claude returns at once, and the session goes on elsewhere, without what is prepared for it.
    private static let leaving: Set<String> = ["--bg", "--background", "--cloud", "--desktop", "--teleport"]

    /// - Parameter arguments: What the user gives to claude.
    static func prepare(_ arguments: [String], _ situation: LaunchSituation) throws(AgentLaunchError) -> Preparation {
        if let option = arguments.prefix(while: { $0 != "--" }).first(where: { leaving.contains($0) }) {
            throw AgentLaunchError(
                "claude \(option) starts a session that goes on without portal; for lasting settings: portal setup claude \(situation.portal.target)"
            )
        }
        let file = "mcp.json"
        let (given, rest) = takeSystemPrompt(arguments)
        // With "=", since these options take every word that follows, up to the next option: the user's prompt too.
        let own = [
            "--mcp-config=\(situation.privateDirectory)/\(file)",
            "--disallowedTools=\(toolsThatActHere.joined(separator: ","))",
            "--append-system-prompt=\(([prompt(situation.host)] + instructions(situation.host) + given).joined(separator: "\n\n"))",
        ]
        var preparation = Preparation(
            own + rest, summary: "claude: the tools of the MCP server \"portal\" act on \(situation.host.place), its own tools are off")
        preparation.files = [(file, String(decoding: configuration(situation.portal).encoded, as: UTF8.self) + "\n")]
        return preparation
    }

    static func configuration(_ portal: PortalCall) -> JSONValue { ["mcpServers": ["portal": server(portal)]] }

    static func server(_ portal: PortalCall) -> JSONValue {
        ["type": "stdio", "command": .text(portal.executable), "args": .array(portal.arguments("mcp").map { .text($0) })]
    }

    /// What the model is told, since Claude Code itself describes the machine on which it runs.
    static func prompt(_ host: HostDescription) -> String {
        "Your tools act on another machine: the mcp__portal__ tools read, write, search and run on \(host.name) (\(host.system) "
            + "\(host.machine)), in \(host.directory) unless a path is absolute. The working directory, platform and git status given elsewhere "
            + "are those of the machine at which the user sits; nothing there can be read, changed or run."
    }

    /// The project's own CLAUDE.md is there, where Claude Code does not look.
    static let instructionsName = "CLAUDE.md"

    private static func instructions(_ host: HostDescription) -> [String] {
        host.instructions.map { ["What \(host.directory)/\(instructionsName) there says:\n\n\($0)"] } ?? []
    }

    /// Takes out what the user appends to the system prompt: only the last of these options counts.
    private static func takeSystemPrompt(_ arguments: [String]) -> (prompts: [String], rest: [String]) {
        let option = "--append-system-prompt"
        var prompts: [String] = []
        var rest: [String] = []
        var index = 0
        while index < arguments.count {
            let argument = arguments[index]
            if argument == "--" {
                rest += arguments[index...]
                break
            }
            if argument == option, index + 1 < arguments.count {
                index += 1
                prompts.append(arguments[index])
            } else if argument.hasPrefix("\(option)=") {
                prompts.append(String(argument.dropFirst(option.utf8.count + 1)))
            } else {
                rest.append(argument)
            }
            index += 1
        }
        return (prompts, rest)
    }
}
