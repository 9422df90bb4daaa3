import DoorSupport
import PortalWire

/// OpenCode: an MCP server, and its own tools for files and commands denied, by a configuration that is merged into the user's.
enum OpenCodePreparation {
    /// Its permissions for what acts on the machine on which it runs; `edit` is for every tool that changes files.
    static let permissionsThatActHere = ["bash", "read", "edit", "grep", "glob", "list", "lsp"]

    static func prepare(_ arguments: [String], _ situation: LaunchSituation) throws(AgentLaunchError) -> Preparation {
        let variable = "OPENCODE_CONFIG_CONTENT"
        var configuration = JSONValue.object([JSONMember]())
        if let given = situation.environment[variable], !given.isEmpty {
            guard let value = try? JSONParser.parse(Array(given.utf8)), value.members != nil else {
                throw AgentLaunchError("\(variable) is set, and is no JSON object that portal could add its server to")
            }
            configuration = value
        }
        configuration = configuration.merged(with: Self.configuration(situation.portal))
        var preparation = Preparation(
            arguments,
            summary: "opencode: the tools of the MCP server \"portal\" act on \(situation.host.place), its own tools are denied")
        preparation.environment = [(variable, String(decoding: configuration.encoded, as: UTF8.self))]
        return preparation
    }

    static func configuration(_ portal: PortalCall) -> JSONValue {
        [
            "mcp": [
                "portal": [
                    "type": "local",
                    "command": .array(([portal.executable] + portal.arguments("mcp")).map { .text($0) }),
                    "enabled": true,
                ]
            ],
            "permission": .object(permissionsThatActHere.map { ($0, JSONValue.text("deny")) }),
        ]
    }
}

/// Gemini CLI: an MCP server, and its own tools excluded, by the settings that count more than all others.
enum GeminiPreparation {
    /// Its tools that act on the machine on which it runs, by their names of today and of before.
    static let toolsThatActHere = [
        "run_shell_command", "read_file", "read_many_files", "write_file", "replace", "glob", "grep_search", "search_file_content",
        "list_directory",
    ]

    /// - Parameter systemSettings: What this machine's administrator has in that place, if anything.
    static func prepare(
        _ arguments: [String], _ situation: LaunchSituation, systemSettings: [UInt8]?, path: String
    ) throws(AgentLaunchError) -> Preparation {
        var settings = JSONValue.object([JSONMember]())
        if let systemSettings {
            guard let value = try? JSONParser.parse(systemSettings), value.members != nil else {
                throw AgentLaunchError("\(path) is no JSON object that portal could add its server to")
            }
            settings = value
        }
        settings = settings.merged(with: configuration(situation.portal))
        var preparation = Preparation(
            arguments,
            summary: "gemini: the tools of the MCP server \"portal\" act on \(situation.host.place), its own tools are excluded")
        preparation.files = [("settings.json", String(decoding: settings.encoded, as: UTF8.self) + "\n")]
        preparation.environment = [("GEMINI_CLI_SYSTEM_SETTINGS_PATH", "\(situation.privateDirectory)/settings.json")]
        return preparation
    }

    static func configuration(_ portal: PortalCall) -> JSONValue {
        [
            "mcpServers": [
                "portal": ["command": .text(portal.executable), "args": .array(portal.arguments("mcp").map { .text($0) })]
            ],
            "tools": ["exclude": .array(toolsThatActHere.map { .text($0) })],
        ]
    }
}

/// Goose: an extension that is an MCP server, and none of those that it starts by itself, since its own tools are one of these.
enum GoosePreparation {
    static func prepare(_ arguments: [String], _ situation: LaunchSituation) throws(AgentLaunchError) -> Preparation {
        guard let command = arguments.first, command == "session" || command == "run" else {
            throw AgentLaunchError("portal prepares goose session and goose run; give one of them")
        }
        let server = ([situation.portal.executable] + situation.portal.arguments("mcp")).map(ShellWord.quoted).joined(separator: " ")
        return Preparation(
            [command, "--no-profile", "--with-extension", server] + arguments.dropFirst(),
            summary: "goose: the extension portal acts on \(situation.host.place), the configured extensions are off")
    }
}

extension JSONValue {
    /// Members of both; where both have one, objects are merged, arrays are joined without what is there already, and otherwise the other's counts.
    func merged(with other: JSONValue) -> JSONValue {
        if case .object(var members) = self, case .object(let more) = other {
            for member in more {
                if let index = members.firstIndex(where: { $0.name == member.name }) {
                    members[index].value = members[index].value.merged(with: member.value)
                } else {
                    members.append(member)
                }
            }
            return .object(members)
        }
        if case .array(let elements) = self, case .array(let more) = other {
            let known = Set(elements.map(\.encoded))
            return .array(elements + more.filter { !known.contains($0.encoded) })
        }
        return other
    }
}
