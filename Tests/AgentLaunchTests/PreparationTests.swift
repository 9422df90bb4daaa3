import DoorSupport
import Foundation
import PortalWire
import Testing

@testable import AgentLaunch

/// What agents are run with, without running any.
struct PreparationTests {
    private var situation: LaunchSituation {
        LaunchSituation(
            portal: PortalCall(executable: "/usr/bin/portal", options: ["-F", "/etc/ssh.conf"], variables: ["CI"], target: "box:/srv/app"),
            host: HostDescription(name: "box", system: "Linux", machine: "aarch64", directory: "/srv/app"),
            privateDirectory: "/run/portal/agents/x", environment: ["HOME": "/home/ann", "PATH": "/usr/bin"])
    }

    // MARK: Which agent it is

    @Test(arguments: [
        ("claude", Agent.claude), ("/usr/local/bin/codex", .codex), ("/opt/codex-x86_64-unknown-linux-musl", .codex),
        ("/usr/lib/node_modules/@google/gemini-cli/dist/index.js", .gemini), ("gemini.js", .gemini), ("opencode-linux-x64", .opencode),
        ("goose", .goose),
    ])
    func aNameSaysWhatItIs(_ name: String, _ agent: Agent) { #expect(Agent(programAt: [name]) == agent) }

    @Test(arguments: ["ls", "claudette", "/home/codex/bin/vim", "codex-helper", ""])
    func anotherNameDoesNot(_ name: String) { #expect(Agent(programAt: [name]) == nil) }

    @Test func aProgramIsWhatItsLinksLeadTo() throws {
        let folder = try Folder()
        let versions = folder.path + "/versions"
        try FileManager.default.createDirectory(atPath: versions, withIntermediateDirectories: true)
        try folder.program("versions/claude")
        try folder.program("versions/2.1.329")
        try FileManager.default.createSymbolicLink(atPath: folder.path + "/helper", withDestinationPath: "versions/claude")
        try FileManager.default.createSymbolicLink(atPath: folder.path + "/claude", withDestinationPath: "versions/2.1.329")
        #expect(Agent(programAt: try AgentProgram("helper", searchPath: "/nowhere:" + folder.path).names) == .claude)
        #expect(Agent(programAt: try AgentProgram("claude", searchPath: folder.path).names) == .claude)
        #expect(Agent(programAt: try AgentProgram(versions + "/2.1.329", searchPath: "").names) == nil)
    }

    @Test func aProgramThatIsNotThereOrCannotBeRun() throws {
        let folder = try Folder()
        try Data().write(to: URL(fileURLWithPath: folder.path + "/claude"))
        #expect(throws: AgentLaunchError.self) { try AgentProgram("nothing-of-this-name", searchPath: folder.path) }
        do throws(AgentLaunchError) { _ = try AgentProgram("claude", searchPath: folder.path) } catch { #expect(error.status == 126) }
        do throws(AgentLaunchError) { _ = try AgentProgram("codex", searchPath: folder.path) } catch { #expect(error.status == 127) }
    }

    // MARK: Claude Code

    @Test func claudeGetsAServerAndLosesItsTools() throws {
        let preparation = try Agent.claude.prepare(["-p", "do it"], situation)
        #expect(preparation.arguments.first == "--mcp-config=/run/portal/agents/x/mcp.json")
        #expect(preparation.arguments.suffix(2) == ["-p", "do it"])
        let denied = try #require(preparation.arguments.first { $0.hasPrefix("--disallowedTools=") }).dropFirst(18).split(separator: ",")
        for tool in ["Bash", "Read", "Write", "Edit", "Grep", "Glob", "NotebookEdit", "Monitor"] {
            #expect(denied.contains(Substring(tool)))
        }
        for tool in ["Task", "WebFetch", "TodoWrite"] { #expect(!denied.contains(Substring(tool))) }
        let file = try #require(preparation.files.first { $0.name == "mcp.json" })
        let server = try JSONParser.parse(Array(file.content.utf8))["mcpServers"]?["portal"]
        #expect(server?.text("command") == "/usr/bin/portal")
        #expect(server?["args"]?.array?.compactMap(\.text) == ["mcp", "-F", "/etc/ssh.conf", "--env", "CI", "box:/srv/app"])
        #expect(!preparation.arguments.contains("--strict-mcp-config"))
        #expect(preparation.summary.contains("box:/srv/app"))
    }

    /// Claude Code takes the last of these options only.
    @Test(arguments: [["--append-system-prompt", "be brief", "-p", "x"], ["-p", "--append-system-prompt=be brief", "x"]])
    func whatTheUserAddsToTheSystemPromptIsKept(_ arguments: [String]) throws {
        let preparation = try Agent.claude.prepare(arguments, situation)
        let prompts = preparation.arguments.filter { $0.hasPrefix("--append-system-prompt") }
        #expect(prompts.count == 1)
        #expect(prompts.first?.contains("box (Linux aarch64)") == true)
        #expect(prompts.first?.hasSuffix("\n\nbe brief") == true)
        #expect(preparation.arguments.suffix(2) == ["-p", "x"])
    }

    @Test func claudeInTheBackgroundIsRefused() {
        #expect(throws: AgentLaunchError.self) { try Agent.claude.prepare(["--bg", "x"], situation) }
    }

    // MARK: Codex

    /// - Parameter there: Whether the directory is on this machine too.
    private func codex(_ arguments: [String], there: Bool = false, isRepository: Bool? = false) throws -> Preparation {
        var situation = situation
        situation.host.isRepository = isRepository
        return try CodexPreparation.prepare(
            arguments, situation, entries: ["config.toml", "auth.json", "environments.toml", "skills"], isDirectory: { _ in there })
    }

    @Test func codexGetsAnEnvironmentAndKeepsTheRest() throws {
        let preparation = try codex(["hello"])
        #expect(preparation.arguments == ["--no-daemon", "--cd", "/srv/app", "hello"])
        let file = try #require(preparation.files.first)
        #expect(file.name == "codex/environments.toml")
        #expect(
            file.content == """
                default = "box"
                include_local = false

                [[environments]]
                id = "box"
                program = "/usr/bin/portal"
                args = ["codex", "-F", "/etc/ssh.conf", "--env", "CI", "box:/srv/app"]
                initialize_timeout_sec = 60

                """)
        let links = Dictionary(uniqueKeysWithValues: preparation.links.map { ($0.name, $0.target) })
        #expect(links["codex/config.toml"] == "/home/ann/.codex/config.toml")
        #expect(links["codex/skills"] == "/home/ann/.codex/skills")
        #expect(links["codex/sessions"] == "/home/ann/.codex/sessions")
        #expect(links["codex/environments.toml"] == nil)
        #expect(preparation.environment.first { $0.name == "CODEX_HOME" }?.value == "/run/portal/agents/x/codex")
    }

    @Test(arguments: [
        (["exec", "x"], ["exec", "--cd", "/run/portal/agents/x/workspace", "x"]),
        (["-m", "exec", "e", "x"], ["-m", "exec", "e", "--cd", "/run/portal/agents/x/workspace", "x"]),
        (["exec", "-C", "sub", "x"], ["exec", "--cd", "/run/portal/agents/x/workspace", "x"]),
        (["resume", "--last"], ["resume", "--no-daemon", "--cd", "/srv/app", "--last"]),
        (["--cd=/else", "resume"], ["resume", "--no-daemon", "--cd", "/else"]),
        (["-i", "exec", "look"], ["--no-daemon", "--cd", "/srv/app", "-i", "exec", "look"]),
        ([], ["--no-daemon", "--cd", "/srv/app"]),
        (["--", "exec"], ["--no-daemon", "--cd", "/srv/app", "--", "exec"]),
        (["login", "status"], ["login", "status"]),
    ])
    func codexIsToldItsDirectory(_ given: [String], _ expected: [String]) throws { #expect(try codex(given).arguments == expected) }

    @Test func codexExecGetsADirectoryThatStandsForTheOneThere() throws {
        let preparation = try codex(["exec", "-C", "sub", "x"], isRepository: true)
        #expect(preparation.directories == ["workspace"])
        #expect(preparation.files[0].content.contains(#""--map", "/run/portal/agents/x/workspace=/srv/app/sub", "box:/srv/app"]"#))
        #expect(preparation.arguments.contains("--skip-git-repo-check"))
        #expect(try codex(["exec", "x"], there: true).arguments == ["exec", "--cd", "/srv/app", "x"])
    }

    @Test(arguments: ["agents", "apply", "sandbox", "cloud", "review"]) func whatWouldActHereIsRefused(_ command: String) {
        #expect(throws: AgentLaunchError.self) { try codex([command]) }
    }

    @Test(arguments: [
        ("db.example", "db-example"), ("ann@box", "ann-box"), ("local", "host-local"), ("None", "host-None"), ("ssh://b:22", "ssh---b-22"),
        (String(repeating: "a", count: 70), String(repeating: "a", count: 64)),
    ])
    func hostsHaveNamesThatCodexTakes(_ host: String, _ name: String) { #expect(CodexPreparation.identifier(for: host) == name) }

    @Test func textInTOML() { #expect(TOML.string("a\"b\\c\n\u{1}é") == #""a\"b\\c\u000a\u0001é""#) }

    // MARK: The others

    @Test func openCodeGetsAServerAndWhatTheUserHas() throws {
        var situation = situation
        situation.environment["OPENCODE_CONFIG_CONTENT"] = #"{"theme":"dark","mcp":{"mine":{"type":"local","command":["x"]}}}"#
        let preparation = try Agent.opencode.prepare(["run", "x"], situation)
        #expect(preparation.arguments == ["run", "x"])
        let value = try JSONParser.parse(Array(preparation.environment[0].value.utf8))
        #expect(value.text("theme") == "dark")
        #expect(value["mcp"]?["mine"] != nil)
        #expect(value["mcp"]?["portal"]?["command"]?.array?.first?.text == "/usr/bin/portal")
        #expect(value["permission"]?.text("bash") == "deny")
        situation.environment["OPENCODE_CONFIG_CONTENT"] = "{"
        #expect(throws: AgentLaunchError.self) { try Agent.opencode.prepare([], situation) }
    }

    @Test func geminiGetsSettingsAndWhatTheAdministratorHas() throws {
        let preparation = try GeminiPreparation.prepare(
            ["-p", "x"], situation, systemSettings: Array(#"{"tools":{"exclude":["web_fetch","glob"]},"ui":{"theme":"a"}}"#.utf8),
            path: "/etc/x")
        #expect(preparation.environment.map(\.value) == ["/run/portal/agents/x/settings.json"])
        let value = try JSONParser.parse(Array(preparation.files[0].content.utf8))
        let excluded = value["tools"]?["exclude"]?.array?.compactMap(\.text) ?? []
        #expect(excluded.prefix(3) == ["web_fetch", "glob", "run_shell_command"])
        #expect(excluded.filter { $0 == "glob" }.count == 1)
        #expect(value["ui"]?.text("theme") == "a")
        #expect(value["mcpServers"]?["portal"]?.text("command") == "/usr/bin/portal")
        #expect(throws: AgentLaunchError.self) {
            try GeminiPreparation.prepare([], situation, systemSettings: Array("[]".utf8), path: "/etc/x")
        }
    }

    @Test func gooseGetsAnExtension() throws {
        let preparation = try Agent.goose.prepare(["run", "-t", "x"], situation)
        #expect(
            preparation.arguments == [
                "run", "--no-profile", "--with-extension", "/usr/bin/portal mcp -F /etc/ssh.conf --env CI box:/srv/app", "-t", "x",
            ])
        #expect(throws: AgentLaunchError.self) { try Agent.goose.prepare(["configure"], situation) }
    }

    @Test func whatIsSaidCanBeGivenToAShell() throws {
        let text = try Agent.claude.prepare(["-p", "it's"], situation).description(program: "/bin/claude", privateDirectory: "/run/x")
        #expect(text.contains(#"-p 'it'\''s'"#))
        #expect(text.contains("mcp.json"))
    }
}

/// A directory for a test.
final class Folder {
    let path: String

    init() throws {
        path = "/tmp/portal-launch-test-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a program; without lines it does nothing.
    func program(_ name: String, _ lines: String = "") throws {
        try Data("#!/bin/sh\n\(lines)\n".utf8).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(path)/\(name)")
    }

    func text(_ name: String) -> String? { try? String(contentsOfFile: "\(path)/\(name)", encoding: .utf8) }
}
