import Foundation
import TestSupport
import Testing

/// `portal ssh TARGET -- AGENT` with agents that are scripts: how they are started, and what is left of them.
@Suite(.serialized) struct LaunchTests {
    let host: TestHost
    let portal: PortalProgram
    let folder: Folder

    init() throws {
        host = try TestHost()
        portal = try PortalProgram(host)
        folder = try Folder()
    }

    private func launch(
        _ agent: String, _ arguments: String..., options: [String] = [], target: String = "host", input: Data? = nil,
        environment: [String: String] = [:]
    ) async throws -> PortalProgram.Outcome {
        try await portal.run(
            ["ssh", "-F", portal.config] + options + [target, "--", "\(folder.path)/\(agent)"] + arguments, input: input,
            environment: ["HOME": folder.path].merging(environment) { $1 })
    }

    /// What runs of agents have in the runtime directory.
    private var leftovers: [String] { (try? FileManager.default.contentsOfDirectory(atPath: portal.runtime.path + "/agents")) ?? [] }

    @Test func streamsAndTheStatusAreTheAgents() async throws {
        try folder.program("claude", #"cat; echo "errors of it" >&2; exit 7"#)
        let outcome = try await launch("claude", input: Data("what is typed\n".utf8))
        #expect(outcome.text == "what is typed\n")
        #expect(outcome.errors.hasSuffix("\nerrors of it\n"))
        #expect(outcome.errors.hasPrefix("portal: claude: the tools of the MCP server \"portal\" act on host:"))
        #expect(outcome.status == 7)
        #expect(leftovers == [])
    }

    @Test func aSignalThatEndedItIsInTheStatus() async throws {
        try folder.program("claude", "kill -9 $$")
        #expect(try await launch("claude").status == 137)
    }

    @Test func whatIsPreparedIsPrivateAndGoneAfterwards() async throws {
        try folder.program(
            "claude",
            """
            file=${1#--mcp-config=}
            stat -c %a "${file%/*}" "$file"
            cat "$file"
            """)
        let outcome = try await launch("claude")
        #expect(outcome.text.hasPrefix("700\n600\n{"))
        #expect(outcome.text.contains(#""args":["mcp","-F","\#(portal.config)","host"]"#))
        #expect(leftovers == [])
    }

    @Test func nothingIsStartedWhereTheHostCannotBeReached() async throws {
        try folder.program("claude", "touch \(folder.path)/started")
        host.stop()
        let outcome = try await launch("claude")
        #expect(outcome.status == 255)
        #expect(outcome.errors.contains("refuses the connection"))
        #expect(folder.text("started") == nil)
    }

    @Test func nothingIsStartedWhereTheDirectoryIsNotThere() async throws {
        try folder.program("claude", "touch \(folder.path)/started")
        let outcome = try await launch("claude", target: "host:/no/such/directory")
        #expect(outcome.status == 255)
        #expect(outcome.errors.contains("/no/such/directory"))
        #expect(folder.text("started") == nil)
    }

    @Test func anUnknownProgramIsExplained() async throws {
        try folder.program("vim", "touch \(folder.path)/started")
        let outcome = try await launch("vim")
        #expect(outcome.status == 255)
        #expect(outcome.errors.contains("portal mcp host"))
        #expect(outcome.errors.contains("claude, codex, opencode, gemini, goose"))
        #expect(folder.text("started") == nil)
        #expect(try await launch("vim", options: ["--via", "claude"]).status == 0)
        #expect(folder.text("started") != nil)
    }

    @Test func printSaysAndDoesNothing() async throws {
        try folder.program("claude", "touch \(folder.path)/started")
        let outcome = try await launch("claude", "-p", "x", options: ["--print"])
        #expect(outcome.status == 0)
        #expect(outcome.text.contains("\(folder.path)/claude --mcp-config="))
        #expect(outcome.text.contains("mcp.json:"))
        #expect(folder.text("started") == nil)
        #expect(leftovers == [])
    }

    /// A signal to portal is the agent's; what was prepared is removed when it has ended.
    @Test(arguments: [SIGTERM, SIGHUP, SIGINT]) func signalsArePassedOn(_ number: Int32) async throws {
        try folder.program(
            "claude",
            """
            trap 'echo caught; exit 5' TERM HUP INT
            echo ready
            while :; do sleep 0.01; done
            """)
        let output = portal.runtime.appendingPathComponent("out")
        try Data().write(to: output)
        let process = try portal.start(
            ["ssh", "-F", portal.config, "host", "--", "\(folder.path)/claude"], output: try FileHandle(forWritingTo: output),
            errors: FileHandle.nullDevice)
        func text() -> String { (try? String(contentsOf: output, encoding: .utf8)) ?? "" }
        try #require(await eventually(seconds: 30) { text() == "ready\n" })
        #expect(leftovers.count == 1)
        let program = try #require(
            (Tool.descendants(of: process.processIdentifier) + [process.processIdentifier]).first {
                Tool.commandLine(of: $0).contains("portal ssh -F") && !Tool.commandLine(of: $0).contains("setsid")
            })
        kill(program, number)
        #expect(await eventually(seconds: 20) { !process.isRunning })
        #expect(process.terminationStatus == 5)
        #expect(text() == "ready\ncaught\n")
        #expect(leftovers == [])
    }

    /// Where portal is killed, its agent goes on with what it has; when both are gone, the next run removes it.
    @Test func whatAKilledRunLeavesIsRemovedByTheNext() async throws {
        try folder.program("claude", "echo $$ >\(folder.path)/pid; exec sleep 600")
        try folder.program("codex", "exit 0")
        let process = try portal.start(
            ["ssh", "-F", portal.config, "host", "--", "\(folder.path)/claude"], output: FileHandle.nullDevice,
            errors: FileHandle.nullDevice)
        try #require(await eventually(seconds: 30) { folder.text("pid")?.hasSuffix("\n") == true })
        let agent = try #require(pid_t((folder.text("pid") ?? "").trimmingCharacters(in: .whitespacesAndNewlines)))
        for pid in Tool.descendants(of: process.processIdentifier) + [process.processIdentifier] where pid != agent { kill(pid, SIGKILL) }
        #expect(await eventually(seconds: 10) { !process.isRunning })
        #expect(leftovers.count == 1)
        #expect(try await launch("codex").status == 0)
        #expect(leftovers.count == 1, "the agent still has it")
        kill(agent, SIGKILL)
        #expect(await eventually(seconds: 10) { kill(agent, 0) != 0 })
        #expect(try await launch("codex").status == 0)
        #expect(leftovers == [])
    }

    /// Nothing of portal's own stays open in the agent but the three streams and the lock.
    @Test func theAgentInheritsNothingElse() async throws {
        try folder.program("claude", "exec ls -l /proc/self/fd")
        let files = try await launch("claude").text.split(separator: "\n").filter { $0.contains(" -> ") }
        #expect(files.filter { $0.contains("socket:") || $0.contains("anon_inode") }.isEmpty, "\(files)")
        #expect(files.filter { $0.contains("/lock") }.count == 1)
    }

    /// Codex has the user's files, and what it makes is the user's afterwards.
    @Test func codexHasTheUsersConfiguration() async throws {
        let home = folder.path + "/.codex"
        try FileManager.default.createDirectory(atPath: home + "/skills", withIntermediateDirectories: true)
        try Data("model = \"x\"\n".utf8).write(to: URL(fileURLWithPath: home + "/config.toml"))
        try Data("default = \"other\"\n".utf8).write(to: URL(fileURLWithPath: home + "/environments.toml"))
        try folder.program(
            "codex",
            """
            cat "$CODEX_HOME/config.toml"; grep default "$CODEX_HOME/environments.toml"
            echo login >"$CODEX_HOME/auth.json"
            mkdir -p "$CODEX_HOME/sessions/2026"; echo session >"$CODEX_HOME/sessions/2026/a.jsonl"
            mkdir "$CODEX_HOME/new"; echo new >"$CODEX_HOME/new/file"
            echo 'model = "y"' >"$CODEX_HOME/config.new"; mv "$CODEX_HOME/config.new" "$CODEX_HOME/config.toml"
            echo "$@"
            """)
        let outcome = try await launch("codex", "hello", target: "host:/usr")
        #expect(outcome.text == "model = \"x\"\ndefault = \"host\"\n--no-daemon --cd /usr hello\n")
        #expect(outcome.errors == "portal: codex: exec-server on host in /usr, local execution off\n")
        #expect(folder.text(".codex/auth.json") == "login\n")
        #expect(folder.text(".codex/sessions/2026/a.jsonl") == "session\n")
        #expect(folder.text(".codex/new/file") == "new\n")
        #expect(folder.text(".codex/config.toml") == "model = \"y\"\n")
        #expect(folder.text(".codex/environments.toml") == "default = \"other\"\n")
        #expect(leftovers == [])
    }
}
