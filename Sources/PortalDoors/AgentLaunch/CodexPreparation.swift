/// Codex: portal serves its exec-server protocol, so that its own tools act on the host.
///
/// A CODEX_HOME of its own has the environment, and beside it links to everything in the user's: configuration, login and sessions are theirs.
enum CodexPreparation {
    /// Where Codex keeps what, beside files. They are made in the user's directory, so that a link to them works.
    static let folders = ["sessions", "archived_sessions", "log"]
    /// Files that Codex makes when it needs them: a link that leads nowhere yet makes them where they belong.
    static let files = ["auth.json", "config.toml", "history.jsonl", "AGENTS.md", "version.json", "models_cache.json"]

    /// - Parameters:
    ///   - arguments: What the user gives to codex.
    ///   - entries: The names in the user's own CODEX_HOME.
    ///   - isDirectory: Whether a directory is on this machine too.
    static func prepare(
        _ arguments: [String], _ situation: LaunchSituation, entries: [String], isDirectory: (String) -> Bool
    ) throws(AgentLaunchError) -> Preparation {
        let command = try CodexArguments(arguments)
        let directory = command.directory.map { $0.hasPrefix("/") ? $0 : "\(situation.host.directory)/\($0)" } ?? situation.host.directory
        var preparation = Preparation(
            [], summary: "codex: exec-server on \(situation.host.name) in \(directory), local execution off")
        var more: [String] = []
        switch command.kind {
        case .interactive:
            // The shared server of all sessions would keep this environment for the others, and beyond the end of this one.
            preparation.arguments = command.arguments(with: ["--no-daemon", "--cd", directory])
        case .once:
            // It insists on a directory that is here. One that stands for the directory there is enough: no file is in it. Its path is the
            // same each time, since a session is found by it.
            var here = directory
            if !isDirectory(directory) {
                here = "\(situation.standIns)/\(identifier(for: situation.host.name))\(directory)"
                preparation.standIn = here
                more = ["--map", "\(here)=\(directory)"]
            }
            var options = ["--cd", here]
            // It looks for a repository on this machine, where it is not.
            if situation.host.isRepository == true, !arguments.contains("--skip-git-repo-check") { options.append("--skip-git-repo-check") }
            preparation.arguments = command.arguments(with: options)
        case .other:
            preparation.arguments = arguments
        }
        let original = situation.path("CODEX_HOME") ?? "\(situation.path("HOME") ?? "/")/.codex"
        let home = "codex"
        let own = "\(situation.privateDirectory)/\(home)"
        // Its database has the paths of sessions, and those of this run are gone with it: it gets one for the run, and finds the sessions anew.
        preparation.environment = [("CODEX_HOME", own), ("CODEX_SQLITE_HOME", own)]
        preparation.files = [("\(home)/environments.toml", environments(situation.portal, situation.host, more, in: preparation.standIn))]
        let linked = Set(entries).union(folders).union(files).subtracting(["environments.toml"]).filter { !isDatabase($0) }
        preparation.links = linked.sorted().map { ("\(home)/\($0)", "\(original)/\($0)") }
        preparation.overlay = Preparation.Overlay(name: home, original: original, own: ["environments.toml", "tmp"], folders: folders)
        return preparation
    }

    /// Whether an entry of CODEX_HOME is a database, or belongs to one.
    static func isDatabase(_ name: String) -> Bool { name.contains(".sqlite") }

    /// The file that says where tools act.
    ///
    /// `include_local` is off: with it the model would be offered this machine as a second environment. What it costs: MCP servers of the
    /// user's that are programs do not start, and a line that begins with `!` ends the interactive Codex 0.163 with an error.
    /// - Parameter directory: Where Codex starts portal, so that portal knows what is asked for first.
    static func environments(_ portal: PortalCall, _ host: HostDescription, _ more: [String], in directory: String?) -> String {
        let identifier = identifier(for: host.name)
        return """
            default = \(TOML.string(identifier))
            include_local = false

            \(environment(portal, identifier, more))\(directory.map { "cwd = \(TOML.string($0))\n" } ?? "")
            """
    }

    /// The environment itself.
    static func environment(_ portal: PortalCall, _ identifier: String, _ more: [String] = []) -> String {
        """
        [[environments]]
        id = \(TOML.string(identifier))
        program = \(TOML.string(portal.executable))
        args = [\(portal.arguments("codex", more).map(TOML.string).joined(separator: ", "))]
        initialize_timeout_sec = 60

        """
    }

    /// What Codex takes as an environment's name: no dots, and neither of two words.
    static func identifier(for host: String) -> String {
        let name = String(
            host.unicodeScalars.map { scalar -> Character in
                scalar.isASCII && (scalar.properties.isAlphabetic || scalar == "_" || ("0"..."9").contains(scalar))
                    ? Character(scalar) : "-"
            }.prefix(64))
        return ["local", "none", ""].contains(name.lowercased()) ? "host-\(name)" : name
    }
}

/// Text as TOML has it.
enum TOML {
    /// A basic string.
    static func string(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.utf8.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
