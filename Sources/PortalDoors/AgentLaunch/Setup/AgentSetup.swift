import DoorSupport
import PortalWire

/// The lasting configuration of an agent: that its tools act on a host whenever it is started in a directory, and for Codex wherever it is started.
public enum AgentSetup: String, Sendable, CaseIterable {
    /// Claude Code: `.mcp.json` and `.claude/settings.local.json` of the directory.
    case claude
    /// Codex: `environments.toml` in its home, since a directory has none.
    case codex
    /// OpenCode: `opencode.json` of the directory.
    case opencode
    /// Gemini CLI: `.gemini/settings.json` of the directory.
    case gemini
    /// Cursor: `.cursor/mcp.json` of the directory.
    case cursor

    /// A member of portal's server that says what else was added, so that the same can be removed.
    private static let record = "PORTAL_SETUP_ADDED"

    /// What changes where the tools shall act on the host that the call is for; nil for a call removes that again.
    /// - Parameters:
    ///   - directory: The directory that is configured, absolute.
    ///   - environment: Where the user's own configuration is.
    public func changes(
        _ call: PortalCall?, directory: String, environment: [String: String]
    ) throws(AgentLaunchError) -> [FileChange] {
        switch self {
        case .claude:
            return try changes(
                call.map { ClaudePreparation.server($0) }, servers: ("\(directory)/.mcp.json", ["mcpServers", "portal"], "env"),
                lists: [
                    ("\(directory)/.claude/settings.local.json", ["permissions", "deny"], ClaudePreparation.toolsThatActHere),
                    ("\(directory)/.claude/settings.local.json", ["enabledMcpjsonServers"], ["portal"]),
                ])
        case .gemini:
            let file = "\(directory)/.gemini/settings.json"
            return try changes(
                call.map { GeminiPreparation.configuration($0)["mcpServers"]?["portal"] ?? .null },
                servers: (file, ["mcpServers", "portal"], "env"), lists: [(file, ["tools", "exclude"], GeminiPreparation.toolsThatActHere)])
        case .cursor:
            return try changes(
                call.map { ClaudePreparation.server($0) }, servers: ("\(directory)/.cursor/mcp.json", ["mcpServers", "portal"], "env"),
                lists: [])
        case .opencode: return [try openCode(call, directory: directory)]
        case .codex: return [try codex(call, directory: directory, environment: environment)]
        }
    }

    /// What a person must know besides, in lines.
    public func notes(_ call: PortalCall, directory: String) -> [String] {
        switch self {
        case .claude, .gemini, .opencode: ["\(rawValue) in \(directory) now acts on \(call.target)."]
        case .cursor:
            [
                "Cursor in \(directory) now has portal's tools for \(call.target). Its own tools still act here: it has no setting that switches "
                    + "them off, so tell it in its rules to use portal's."
            ]
        case .codex:
            [
                "codex now acts on \(call.target), wherever it is started. What runs already does not know: codex app-server daemon restart",
                AgentSetup.directory(of: call.target).map { "\(directory) stands for \($0) there." }
                    ?? "It takes the directory in which it is started for one of the same path there: give it -C /DIRECTORY/THERE.",
            ]
        }
    }

    // MARK: JSON

    /// A server in one file, and names in lists of the same or of others.
    private func changes(
        _ server: JSONValue?, servers: (file: String, path: [String], variables: String),
        lists: [(file: String, path: [String], names: [String])]
    ) throws(AgentLaunchError) -> [FileChange] {
        var texts: [(path: String, old: [UInt8]?, text: JSONText)] = []
        for file in [servers.file] + lists.map(\.file) where !texts.contains(where: { $0.path == file }) {
            let old = Files.read(file)
            texts.append((file, old, try JSONText(old ?? JSONText.empty, path: file)))
        }
        func index(_ file: String) -> Int { texts.firstIndex { $0.path == file } ?? 0 }
        let known = texts[index(servers.file)].text.value(servers.path + [servers.variables, Self.record])?.text ?? ""
        var added = Set(known.split(separator: ",").map(String.init))
        if let server {
            for list in lists { added.formUnion(texts[index(list.file)].text.add(list.path, list.names)) }
            let record = added.sorted().joined(separator: ",")
            let value =
                lists.isEmpty ? server : server.merged(with: .object([(servers.variables, .object([(Self.record, .text(record))]))]))
            texts[index(servers.file)].text.set(servers.path, value)
        } else {
            texts[index(servers.file)].text.remove(servers.path)
            for list in lists { texts[index(list.file)].text.remove(list.path, elements: list.names.filter { added.contains($0) }) }
        }
        return texts.map { file in
            let isGone = server == nil && file.text.isEmpty
            return FileChange(path: file.path, old: file.old, new: isGone ? nil : file.text.bytes)
        }
    }

    private func openCode(_ call: PortalCall?, directory: String) throws(AgentLaunchError) -> FileChange {
        // The one with comments, where it is there.
        let names = ["opencode.jsonc", "opencode.json"]
        let name = names.first { Files.read("\(directory)/\($0)") != nil } ?? names[1]
        let path = "\(directory)/\(name)"
        let old = Files.read(path)
        var text = try JSONText(old ?? JSONText.empty, path: path)
        let record = ["mcp", "portal", "environment", Self.record]
        var added = Set((text.value(record)?.text ?? "").split(separator: ",").map(String.init))
        guard let call else {
            for tool in added.sorted() { text.remove(["permission", tool]) }
            text.remove(["mcp", "portal"])
            return FileChange(path: path, old: old, new: text.isEmpty ? nil : text.bytes)
        }
        let configuration = OpenCodePreparation.configuration(call)
        if text.value(["permission"])?.members == nil, text.value(["permission"]) != nil {
            throw AgentLaunchError("\(path) has one permission for all tools: make it an object, with one for each, and do this again")
        }
        for tool in OpenCodePreparation.permissionsThatActHere where text.value(["permission", tool])?.text != "deny" {
            // What is there is more than a word for all, and would be lost.
            guard text.value(["permission", tool]) == nil else {
                throw AgentLaunchError("\(path) has a permission of its own for \(tool): remove it, or make it \"deny\", and do this again")
            }
            text.set(["permission", tool], "deny")
            added.insert(tool)
        }
        let server = (configuration["mcp"]?["portal"] ?? .null).merged(
            with: ["environment": .object([(Self.record, .text(added.sorted().joined(separator: ",")))])])
        text.set(["mcp", "portal"], server)
        return FileChange(path: path, old: old, new: text.bytes)
    }

    // MARK: Codex

    private func codex(_ call: PortalCall?, directory: String, environment: [String: String]) throws(AgentLaunchError) -> FileChange {
        func path(_ name: String) -> String? { environment[name].flatMap { $0.hasPrefix("/") ? $0 : nil } }
        guard let home = path("CODEX_HOME") ?? path("HOME").map({ "\($0)/.codex" }) else {
            throw AgentLaunchError("neither CODEX_HOME nor HOME says where Codex's configuration is")
        }
        let file = "\(home)/environments.toml"
        let old = Files.read(file)
        var text = TOMLText(String(decoding: old ?? [], as: UTF8.self))
        if let call {
            let name = HostName.of(call.target)
            let identifier = CodexPreparation.identifier(for: name)
            guard !text.hasEnvironment(identifier) else {
                throw AgentLaunchError(
                    "\(file) has an environment \(identifier) that is not portal's: rename or remove it, and do this again")
            }
            let map = AgentSetup.directory(of: call.target).map { ["--map", "\(directory)=\($0)"] } ?? []
            text.insert(
                keys: "default = \(TOML.string(identifier))\ninclude_local = false",
                environment: CodexPreparation.environment(call, identifier, map))
        } else {
            text.remove()
        }
        let new = Array(text.text.utf8)
        return FileChange(path: file, old: old, new: new.isEmpty ? nil : new)
    }

    /// The absolute directory that a target names.
    private static func directory(of target: String) -> String? {
        let directory = HostName.directory(of: target)
        return directory?.hasPrefix("/") == true ? directory : nil
    }
}
