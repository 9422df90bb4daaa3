import DoorSupport
import PortalWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension Agent {
    /// What the agent is run with. Reads what of the user's own configuration it must know, and changes nothing.
    /// - Parameter arguments: What the user gives to the agent.
    /// - Throws: `AgentLaunchError` for a command that would not act on the host.
    public func prepare(_ arguments: [String], _ situation: LaunchSituation) throws(AgentLaunchError) -> Preparation {
        switch self {
        case .claude: return try ClaudePreparation.prepare(arguments, situation)
        case .codex:
            let home = situation.path("CODEX_HOME") ?? "\(situation.path("HOME") ?? "/")/.codex"
            return try CodexPreparation.prepare(arguments, situation, entries: Files.entries(of: home), isDirectory: Files.isDirectory)
        case .opencode: return try OpenCodePreparation.prepare(arguments, situation)
        case .gemini:
            let settings = situation.path("GEMINI_CLI_SYSTEM_SETTINGS_PATH") ?? "/etc/gemini-cli/settings.json"
            return try GeminiPreparation.prepare(arguments, situation, systemSettings: Files.read(settings), path: settings)
        case .goose: return try GoosePreparation.prepare(arguments, situation)
        }
    }
}

extension AgentLaunchError {
    /// The program is no agent that portal knows.
    public static func unknown(_ program: String, target: String) -> AgentLaunchError {
        let known = Agent.allCases.map(\.rawValue).joined(separator: ", ")
        return AgentLaunchError(
            "\(program) is no agent that portal knows how to put to work on a host; it knows \(known). Where it is one of them under another "
                + "name: --via NAME. Any client of MCP can use the host: give it the command \"portal mcp \(target)\" as a server. To run "
                + "\(program) there instead: portal exec [-t] \(target) -- \(program)")
    }
}

extension Preparation {
    /// What would be done, for a person: lines.
    public func description(program: String, privateDirectory: String) -> String {
        var lines = [summary, "", "runs:", "  " + ([program] + arguments).map(ShellWord.quoted).joined(separator: " ")]
        for (name, value) in environment { lines.append("  with \(name)=\(ShellWord.quoted(value))") }
        if !files.isEmpty || !links.isEmpty || !directories.isEmpty {
            lines += ["", "in \(privateDirectory), which is removed afterwards:"]
            for name in directories { lines.append("  \(name)/") }
            for (name, target) in links { lines.append("  \(name) -> \(target)") }
            for (name, content) in files {
                lines.append("  \(name):")
                lines += content.split(separator: "\n").map { "    \($0)" }
            }
        }
        return lines.joined(separator: "\n")
    }
}

/// A word as a shell reads it.
enum ShellWord {
    static func quoted(_ word: String) -> String {
        let plain = word.utf8.allSatisfy { byte in
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "-_./=:,@%+".utf8.contains(byte)
        }
        if plain, !word.isEmpty { return word }
        return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: #"'\''"#) + "'"
    }
}
