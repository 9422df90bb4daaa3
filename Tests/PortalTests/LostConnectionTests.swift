import Foundation
import TestSupport
import Testing

/// What a user sees where the connection is lost, or what carries it is killed, while something is open.
@Suite(.serialized) struct LostConnectionTests {
    private let host: TestHost
    private let relay: NetworkRelay
    private let portal: PortalProgram

    init() async throws {
        host = try TestHost()
        relay = try await NetworkRelay(to: host.port)
        portal = try PortalProgram(host, relayPort: relay.port)
    }

    private func hasState(_ state: String) async -> Bool { (try? await status(portal))?["state"] as? String == state }

    private func status(_ portal: PortalProgram) async throws -> [String: Any] {
        let status = try await portal.run(["status", "--json"])
        return try #require(try JSONSerialization.jsonObject(with: status.output) as? [String: Any], "\(status.errors)")
    }

    private func begin(_ script: String, _ output: Pipe, _ errors: Pipe, options: [String] = []) throws -> Process {
        try portal.start(
            ["exec", "-n", "-F", portal.config] + options + ["host", "--", "sh", "-c", script], output: output, errors: errors)
    }

    /// The executors of the host that serve: not their supervisors, nor the processes that gave them their links.
    private func executors() -> [FoundProcess] {
        FoundProcess.all(withEnvironment: "HOME=\(host.home.path)").filter { $0.command.contains("/executor-") && $0.threads > 1 }
    }

    // MARK: The link

    /// Who comes while a link is being made is told what it waits for, though others began to make it.
    @Test func everyClientHearsHowFarConnectingIs() async throws {
        try await relay.hold([.toServer, .toClient])
        let environment = ["PORTAL_RUNTIME_DIR": portal.runtime.path, "PORTAL_SSH_CONFIG": portal.config]
        let command = "'\(PortalProgram.path)' exec host -- echo there"
        let first = try TerminalDriver(command, environment: environment)
        try await first.wait(for: "portal: exchanging keys")
        let second = try TerminalDriver(command, environment: environment)
        try await second.wait(for: "portal: exchanging keys")
        try await relay.hold([])
        for terminal in [first, second] { try await terminal.wait(for: "the command's output") { $0.hasPrefix("there\n") } }
    }

    /// A stream that is cut again and again arrives as it was sent, and its command runs once.
    @Test func aStreamGoesOnAtTheByte() async throws {
        let output = Pipe()
        let errors = Pipe()
        let count = 400_000
        let process = try begin("echo run >>runs; seq 1 \(count); exit 7", output, errors)
        let handle = output.fileHandleForReading
        let received = Task.detached { () -> Data in
            var all = Data()
            while case let piece = handle.availableData, !piece.isEmpty { all.append(piece) }
            return all
        }
        for bytes in [1, 3000, 40_000, 200_000, 500_000] { try await relay.apply(.cutAfter(bytes: bytes, .toClient)) }
        #expect(await eventually(seconds: 60) { !process.isRunning })
        #expect(process.terminationStatus == 7)
        let expected = Data((1...count).map { "\($0)\n" }.joined().utf8)
        #expect(await received.value == expected)
        #expect(try String(contentsOf: host.home.appending(path: "runs"), encoding: .utf8) == "run\n")
        #expect(try await relay.connections > 1, "it was cut")
    }

    /// The host refuses for a while: what is called meanwhile waits, and `portal status` says why.
    @Test func callsWaitForTheHost() async throws {
        #expect(try await portal.exec("true").status == 0)
        try await relay.apply(.refuse(.seconds(4)))
        try await relay.apply(.cut)
        let waiting = Task { try await portal.exec("echo", "there") }
        var seen: [String: Any] = [:]
        #expect(
            await eventually(seconds: 10) {
                seen = (try? await status(portal)) ?? [:]
                return seen["state"] as? String == "interrupted"
            })
        #expect((seen["error"] as? String)?.isEmpty == false)
        #expect(try await waiting.value.text == "there\n")
        #expect(try await status(portal)["state"] as? String == "ready")
        #expect(host.logins == 2)
    }

    /// Whose patience ends gets an answer that says whether anything was done.
    @Test func patienceEnds() async throws {
        let output = Pipe()
        let errors = Pipe()
        let process = try begin("echo ready; exec sleep 400", output, errors, options: ["--patience", "2"])
        #expect(output.fileHandleForReading.availableData == Data("ready\n".utf8))
        try await relay.apply(.refuse(.seconds(8)))
        try await relay.apply(.cut)
        let unsent = try await portal.run(["call", "--patience", "2", "-F", portal.config, "host", "fs.write", #"{"path":"never"}"#])
        let said = unsent.text
        #expect(said.contains(#""code":"disconnected""#) && said.contains(#""applied":"no""#), "\(said) \(unsent.errors)")
        #expect(await eventually(seconds: 10) { !process.isRunning })
        #expect(process.terminationStatus == 255)
        let line = String(decoding: errors.fileHandleForReading.availableData, as: UTF8.self)
        #expect(line.contains("unknown") && line.split(separator: "\n").count == 1, "\(line)")
        // The command that nobody waits for any more is cancelled as soon as the host is there again.
        #expect(await eventually(seconds: 30) { !ExecTests.isRunning("^sleep 400") })
        #expect(!FileManager.default.fileExists(atPath: host.home.appending(path: "never").path))
    }

    /// A network that says nothing for longer than a question waits: another link is tried beside the silent one, which speaks again first.
    @Test func silenceIsNoEnd() async throws {
        let output = Pipe()
        let process = try begin("echo ready; read -r line <gate; echo done", output, Pipe(), options: [])
        _ = try Tool.run("mkfifo", host.home.appending(path: "gate").path)
        #expect(output.fileHandleForReading.availableData == Data("ready\n".utf8))
        try await relay.apply(.stall([.toServer, .toClient], .seconds(14)))
        #expect(
            await eventually(seconds: 14) { await hasState("interrupted") })
        #expect(await eventually(seconds: 20) { await hasState("ready") })
        try Data("go\n".utf8).write(to: host.home.appending(path: "gate"))
        #expect(output.fileHandleForReading.availableData == Data("done\n".utf8))
        #expect(await eventually(seconds: 10) { !process.isRunning })
        #expect(process.terminationStatus == 0)
    }

    /// A build prints on while nothing passes in any direction; it is not held up, and what it printed is there as soon as something passes again.
    @Test func silenceDuringABuild() async throws {
        let stream = try LineStream(portal, host)
        _ = await stream.more(within: 20)
        try await relay.hold([.toServer, .toClient])
        #expect(await eventually(seconds: 15) { await hasState("interrupted") })
        let before = stream.reached
        #expect(await eventually(seconds: 10) { stream.reached >= before + 100 }, "the build goes on there")
        async let first = stream.more(within: 20)
        try await relay.hold([])
        #expect(await first < .seconds(1.5))
        #expect(await eventually(seconds: 10) { await hasState("ready") })
        try await stream.finish()
    }

    /// With `--attached` the host keeps nothing.
    @Test func attached() async throws {
        let output = Pipe()
        let errors = Pipe()
        let process = try begin("echo ready; exec sleep 401", output, errors, options: ["--attached"])
        #expect(output.fileHandleForReading.availableData == Data("ready\n".utf8))
        try await relay.apply(.cut)
        #expect(await eventually(seconds: 10) { !process.isRunning })
        #expect(process.terminationStatus == 255)
        #expect(await eventually(seconds: 10) { !ExecTests.isRunning("^sleep 401") && executors().isEmpty })
        #expect(try await portal.exec("true", options: ["--attached"]).status == 0)
    }

    /// An editor, with the connection cut five times while something is typed into it, the last time for long enough to be told of it.
    @Test func vim() async throws {
        let terminal = try TerminalDriver(
            "'\(PortalProgram.path)' exec -t host -- vim -u NONE -N -i NONE notes; echo \"ended with $?\"",
            environment: ["PORTAL_RUNTIME_DIR": portal.runtime.path, "PORTAL_SSH_CONFIG": portal.config])
        try await terminal.wait(for: "an empty buffer") { $0.split(separator: "\n").filter { $0 == "~" }.count >= 20 }
        try terminal.type("i")
        var typed = ""
        for round in 1...5 {
            if round == 5 { try await relay.apply(.refuse(.seconds(3))) }
            try terminal.type("before \(round) ")
            try await relay.apply(round.isMultiple(of: 2) ? .reset : .cut)
            try terminal.type("after \(round) ")
            typed += "before \(round) after \(round) "
            if round == 5 { try await terminal.wait(for: "portal: no connection to the host for") }
            let text = typed.trimmingCharacters(in: .whitespaces)
            do {
                try await terminal.wait(for: "what was typed in round \(round)") { screen in
                    // A line that is longer than the screen goes on in the next row.
                    screen.replacingOccurrences(of: "\n", with: "").contains(text) && !screen.contains("portal:")
                }
            } catch {
                let stats = try await portal.run(["call", "-F", portal.config, "host"], input: Data(#"{"op":"session.stats"}"#.utf8))
                let logs = try FileManager.default.contentsOfDirectory(at: portal.runtime, includingPropertiesForKeys: nil)
                    .filter { $0.pathExtension == "log" }.map { try String(contentsOf: $0, encoding: .utf8) }
                Issue.record("\(try await status(portal))\n\(stats.text)\n\(try await relay.connections) connections\n\(logs)")
                throw error
            }
        }
        try terminal.press("Escape")
        try terminal.enter(":wq")
        try await terminal.wait(for: "ended with 0")
        #expect(try String(contentsOf: host.home.appending(path: "notes"), encoding: .utf8) == typed + "\n")
    }

    // MARK: What is killed

    /// The executor is killed: what ran in the background is gone with it, and its last output and its state are still told.
    @Test func backgroundProcessesOfAKilledExecutor() async throws {
        let options = ["-n", "-F", portal.config]
        let started = try await portal.run(
            ["exec", "--background", "--name", "build"] + options + [
                "host", "--", "sh", "-c", "echo compiling; echo warned >&2; exec sleep 404",
            ])
        #expect(started.status == 0, "\(started.errors)")
        let logs = { () async throws in try await portal.run(["logs", "-F", portal.config, "host", "build"]) }
        #expect(await eventually(seconds: 20) { (try? await logs()).map { $0.text + $0.errors } == "compiling\nwarned\n" })
        for victim in executors() { kill(victim.pid, SIGKILL) }
        let table = try await portal.run(["ps", "-F", portal.config, "host"])
        #expect(table.status == 0 && table.text.contains("build") && table.text.contains("lost"), "\(table.text)\(table.errors)")
        let kept = try await logs()
        #expect(kept.text == "compiling\n" && kept.errors == "warned\n", "\(kept.text)\(kept.errors)")
        #expect(await eventually(seconds: 10) { !ExecTests.isRunning("^sleep 404") })
    }

    /// The executor is killed: a command's outcome is unknown and said so once, its processes are gone, and what comes next works.
    @Test func theExecutorIsKilled() async throws {
        let output = Pipe()
        let errors = Pipe()
        let process = try begin("echo ready; setsid sleep 402 & exec sleep 402", output, errors)
        #expect(output.fileHandleForReading.availableData == Data("ready\n".utf8))
        let victims = executors()
        #expect(victims.count == 1)
        for victim in victims { kill(victim.pid, SIGKILL) }
        #expect(await eventually(seconds: 20) { !process.isRunning })
        #expect(process.terminationStatus == 255)
        let said = String(decoding: errors.fileHandleForReading.availableData, as: UTF8.self)
        #expect(said.contains("unknown") && said.split(separator: "\n").count == 1, "\(said)")
        #expect(await eventually(seconds: 10) { !ExecTests.isRunning("^sleep 402") })
        #expect(try await portal.exec("echo", "again").text == "again\n")
    }

    /// The proxy is killed: what runs in the background is found again by the next one.
    @Test func theProxyIsKilled() async throws {
        let name = try await portal.run(["exec", "-F", portal.config, "--background", "--name", "left", "host", "--", "sleep", "403"])
        #expect(name.status == 0, "\(name.errors)")
        let executor = try #require(executors().first)
        kill(try await portal.proxyProcess(), SIGKILL)
        let listed = try await portal.run(["ps", "-F", portal.config, "host"])
        #expect(listed.text.contains("left") && listed.text.contains("running"), "\(listed.text) \(listed.errors)")
        #expect(executors() == [executor], "the same executor")
        let ended = try await portal.run(["stop", "-F", portal.config, "host"])
        #expect(ended.status == 0)
        #expect(await eventually(seconds: 10) { !ExecTests.isRunning("^sleep 403") && executors().isEmpty })
    }
}
