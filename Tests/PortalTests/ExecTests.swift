import Foundation
import TestSupport
import Testing

/// `portal exec` through a real sshd, as a user runs it.
@Suite(.serialized) struct ExecTests {
    let host: TestHost
    let portal: PortalProgram

    init() throws {
        host = try TestHost()
        portal = try PortalProgram(host)
    }

    @Test func streamsStayApartAndTheStatusIsTheCommands() async throws {
        let outcome = try await portal.exec("sh", "-c", "echo out; echo err >&2; exit 7")
        #expect(outcome.text == "out\n")
        #expect(outcome.errors == "err\n")
        #expect(outcome.status == 7)
    }

    @Test func argumentsArriveAsTheyAre() async throws {
        let odd = "a b  'c' \"d\" $HOME `x` \\ * \u{1F600}\n;"
        #expect(try await portal.exec("printf", "%s", odd).text == odd)
    }

    @Test func inputOfMegabytesIsByteExact() async throws {
        let numbers = Data((1...2_000_000).map { "\($0)\n" }.joined().utf8)
        let sum = try await portal.exec("sha256sum", input: numbers)
        let file = portal.runtime.appendingPathComponent("numbers")
        try numbers.write(to: file)
        #expect(sum.text.split(separator: " ").first == (try Tool.run("sha256sum", file.path)).split(separator: " ").first)
        let echoed = try await portal.exec("cat", input: numbers)
        #expect(echoed.output == numbers)
    }

    @Test func sixtyFourAtOnceShareOneSession() async throws {
        let portal = portal
        let results = try await withThrowingTaskGroup(of: (Int, String, Int32).self) { group in
            for index in 0..<64 {
                group.addTask {
                    let files = (portal.runtime.appendingPathComponent("out\(index)"), portal.runtime.appendingPathComponent("err\(index)"))
                    try Data().write(to: files.0)
                    try Data().write(to: files.1)
                    let process = try portal.start(
                        ["exec", "-n", "-F", portal.config, portal.target, "--", "sh", "-c", "echo \(index); exit \(index)"],
                        output: try FileHandle(forWritingTo: files.0), errors: try FileHandle(forWritingTo: files.1))
                    guard await eventually(seconds: 60, { !process.isRunning }) else { throw TestFailure("number \(index) hangs") }
                    return (index, try String(contentsOf: files.0, encoding: .utf8), process.terminationStatus)
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results.count == 64)
        for (index, text, status) in results {
            #expect(text == "\(index)\n")
            #expect(status == Int32(index))
        }
        #expect(host.logins == 1)
    }

    @Test func itNeedsOneSessionAndNoForwarding() async throws {
        var options = TestHost.Options()
        options.sshd = ["MaxSessions 1", "DisableForwarding yes"]
        let strict = try TestHost(options)
        let portal = try PortalProgram(strict)
        for _ in 0..<3 { #expect(try await portal.exec("echo", "there").text == "there\n") }
        #expect(strict.logins == 1)
    }

    @Test func aCommandThatIsNotThere() async throws {
        let outcome = try await portal.exec("no-such-command-anywhere")
        #expect(outcome.status == 127)
        #expect(outcome.errors.contains("no-such-command-anywhere"))
        #expect(outcome.errors.split(separator: "\n").count == 1)
    }

    @Test func aCommandThatASignalKilled() async throws { #expect(try await portal.exec("sh", "-c", "kill -9 $$").status == 137) }

    @Test func aFileThatCannotBeRun() async throws {
        try Data("text".utf8).write(to: host.home.appendingPathComponent("plain"))
        #expect(try await portal.exec("./plain", options: ["--cwd", host.home.path]).status == 126)
    }

    @Test func aDirectoryThatIsNotThere() async throws {
        let outcome = try await portal.exec("true", options: ["--cwd", "/no/such/directory"])
        #expect(outcome.status == 255)
        #expect(outcome.errors.contains("/no/such/directory"))
    }

    @Test func theDirectoryOfTheTargetAndTheEnvironment() async throws {
        let outcome = try await portal.run(
            ["exec", "-F", portal.config, "--env", "GREETING=a=b c", "host:/usr/lib", "--", "sh", "-c", "pwd; echo \"$GREETING\""])
        #expect(outcome.text == "/usr/lib\na=b c\n")
    }

    @Test func aTimeoutEndsTheWholeTree() async throws {
        let outcome = try await portal.exec("sh", "-c", "sleep 987 & setsid sleep 987 & wait", options: ["--timeout", "0.3"])
        #expect(outcome.status == 124)
        #expect(await eventually(seconds: 10) { !Self.isRunning("sleep 987") })
    }

    @Test func anInterruptEndsTheWholeTree() async throws {
        let output = Pipe()
        let process = try portal.start(
            ["exec", "-n", "-F", portal.config, "host", "--", "sh", "-c", "echo ready; sleep 986 & setsid sleep 986 & wait"],
            output: output,
            errors: FileHandle.nullDevice)
        #expect(output.fileHandleForReading.availableData == Data("ready\n".utf8))
        #expect(await eventually(seconds: 10) { Self.isRunning("sleep 986") })
        for child in Tool.descendants(of: process.processIdentifier) + [process.processIdentifier] where Self.name(of: child) == "portal" {
            kill(child, SIGINT)
        }
        #expect(await eventually(seconds: 20) { !process.isRunning })
        #expect(process.terminationStatus == 130)
        #expect(await eventually(seconds: 10) { !Self.isRunning("sleep 986") })
    }

    /// The next proxy finds the session, and ends what nobody waits for any more.
    @Test func outputThatCannotBeWrittenIsNoSuccess() async throws {
        let process = try portal.start(
            ["exec", "-n", "-F", portal.config, portal.target, "--", "echo", "lost"],
            output: try #require(FileHandle(forWritingAtPath: "/dev/full")), errors: FileHandle.nullDevice)
        guard await eventually(seconds: 30, { !process.isRunning }) else { throw TestFailure("it hangs") }
        #expect(process.terminationStatus == 255)
    }

    @Test func theReaderOfTheOutputMayLeave() async throws {
        let outcome = try Tool.run(
            "env", "PORTAL_RUNTIME_DIR=\(portal.runtime.path)", "sh", "-c",
            "'\(PortalProgram.path)' exec -n -F '\(portal.config)' host -- yes | head -n 2")
        #expect(outcome == "y\ny\n")
        #expect(await eventually(seconds: 10) { Self.executors(of: host) <= 3 && !Self.isRunning("^yes$") })
    }

    // MARK: What runs

    static func isRunning(_ pattern: String) -> Bool { (try? Tool.run("pgrep", "-f", pattern)) != nil }

    static func name(of process: pid_t) -> String {
        ((try? String(contentsOfFile: "/proc/\(process)/comm", encoding: .utf8)) ?? "").trimmingCharacters(in: .newlines)
    }

    /// Processes of executors that run from a host's home: one that lives through links is three, with its supervisor and the one that has the link.
    static func executors(of host: TestHost) -> Int {
        ((try? Tool.run("pgrep", "-f", "\(host.home.path)/.*serve")) ?? "").split(separator: "\n").count
    }
}
