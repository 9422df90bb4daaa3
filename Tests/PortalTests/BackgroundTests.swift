import Foundation
import TestSupport
import Testing

/// `portal exec --background`, `ps`, `logs`, `attach` and `kill`.
@Suite(.serialized) struct BackgroundTests {
    let host: TestHost
    let portal: PortalProgram

    init() throws {
        host = try TestHost()
        portal = try PortalProgram(host)
    }

    private func run(_ command: String, _ arguments: String...) async throws -> PortalProgram.Outcome {
        try await portal.run([command, "-F", portal.config] + arguments)
    }

    private func start(_ options: String..., shell text: String) async throws -> String {
        let outcome = try await portal.run(["exec", "-F", portal.config, "--background"] + options + ["host", "--", "sh", "-c", text])
        #expect(outcome.status == 0, "\(outcome.errors)")
        return outcome.text.trimmingCharacters(in: .newlines)
    }

    @Test func itIsNamedListedReadAndKilled() async throws {
        #expect(try await run("ps", "host").text.contains("nothing runs"))
        let name = try await start(shell: "echo out; echo err >&2; exec sleep 981")
        let own = try await start("--name", "own", shell: "exit 4")
        #expect(name == "p1" && own == "own")
        #expect(await eventually(seconds: 10) { (try? await run("logs", "host", name).text) == "out\n" })
        #expect(try await run("logs", "host", name).errors == "err\n")
        #expect(await eventually(seconds: 10) { (try? await run("ps", "host").text.contains("exit 4")) == true })
        let table = try await run("ps", "host").text
        let row = try #require(table.split(separator: "\n").first { $0.hasPrefix("p1 ") })
        #expect(row.contains("running") && row.contains("sleep 981"))
        let objects = try await run("ps", "host", "--json").text.split(separator: "\n").map {
            try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
        }
        #expect(objects.map { $0["process"] as? String } == ["p1", "own"])
        #expect(objects[1]["code"] as? Int == 4)
        #expect(try await run("kill", "host", name, "own").status == 1)
        #expect(await eventually(seconds: 10) { (try? await run("ps", "host").text.contains("SIGTERM")) == true })
        #expect(!ExecTests.isRunning("^sleep 981"))
    }

    @Test func theLastLinesAndWhatFollows() async throws {
        let fifo = host.home.appendingPathComponent("go").path
        try Tool.run("mkfifo", fifo)
        let name = try await start(shell: "exec 3<>go; seq 1 20000; read line <&3; echo $line; read line <&3; exit 3")
        #expect(await eventually(seconds: 10) { (try? await run("logs", "host", name, "--tail", "2").text) == "19999\n20000\n" })
        #expect(try await run("logs", "host", name).text == (1...20000).map { "\($0)\n" }.joined())
        let output = Pipe()
        let following = try portal.start(
            ["logs", "-F", portal.config, "host", name, "-f", "--tail", "1"], output: output, errors: FileHandle.nullDevice)
        #expect(output.fileHandleForReading.availableData == Data("20000\n".utf8))
        try Tool.run("sh", "-c", "echo more > '\(fifo)'")
        #expect(output.fileHandleForReading.availableData == Data("more\n".utf8))
        try Tool.run("sh", "-c", "echo end > '\(fifo)'")
        #expect(await eventually(seconds: 10) { !following.isRunning })
        #expect(following.terminationStatus == 0)
        #expect(try await run("logs", "host", "nobody").status == 255)
    }

    @Test func aTerminalIsAttachedToLeftAndAttachedToAgain() async throws {
        let name = try await start(
            "-t", "--name", "shell", shell: "echo ready; while read line; do echo \"got $line at $(stty size)\"; done; exit 9")
        func terminal() throws -> TerminalDriver {
            try TerminalDriver(
                "'\(PortalProgram.path)' attach host \(name); echo \"ended with $?\"", columns: 70, rows: 20,
                environment: ["PORTAL_RUNTIME_DIR": portal.runtime.path, "PORTAL_SSH_CONFIG": portal.config])
        }
        let first = try terminal()
        try await Self.typeUntilSeen(first, "one", "got one at 20 70")
        try first.resize(columns: 71, rows: 21)
        try await Self.typeUntilSeen(first, "two", "got two at 21 71")
        try first.type("~.")
        try await first.wait(for: "ended with 0")
        #expect(first.screen.contains("shell goes on"))
        let second = try terminal()
        try await Self.typeUntilSeen(second, "three", "got three at 20 70")
        try second.press("C-d")
        try await second.wait(for: "ended with 9")
    }

    /// The program is attached when it answers; what was typed before went to the terminal here.
    private static func typeUntilSeen(_ terminal: TerminalDriver, _ line: String, _ answer: String) async throws {
        #expect(
            await eventually(seconds: 20) {
                try? terminal.enter(line)
                return await eventually(seconds: 1) { terminal.screen.contains(answer) }
            }, "\(terminal.screen)")
    }

    @Test func theProxyStaysForWhatRunsInTheBackground() async throws {
        // Without a client it would stay for one second.
        let outcome = try await portal.run(
            ["exec", "-F", portal.config, "--persist", "1", "--background", "host", "--", "sh", "-c", "sleep 4; echo over > over"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(
            await eventually(seconds: 20) {
                (try? String(contentsOf: host.home.appendingPathComponent("over"), encoding: .utf8)) == "over\n"
            })
        #expect(await eventually(seconds: 20) { ExecTests.executors(of: host) == 0 })
    }

    @Test func linesForAProcessWithoutATerminal() async throws {
        let name = try await start("--input", shell: "while read line; do echo \"got $line\"; done; echo over; exit 2")
        let outcome = try await portal.run(["attach", "-F", portal.config, "host", name], input: Data("a\nb\n".utf8))
        #expect(outcome.text == "got a\ngot b\nover\n")
        #expect(outcome.status == 2, "\(outcome.errors)")
        #expect(try await run("attach", "host", "nobody").status == 255)
    }
}
