import Foundation
import TestSupport
import Testing

/// `portal ssh` and `portal exec -t` on a terminal, with the programs that need one most.
@Suite(.serialized) struct TerminalTests {
    let host: TestHost
    let portal: PortalProgram

    init() throws {
        var options = TestHost.Options()
        options.environment = ["PS1": "there> ", "ENV": "", "LESSHISTFILE": "-"]
        host = try TestHost(options)
        try Data("PS1='there> '\n".utf8).write(to: host.home.appendingPathComponent(".bash_profile"))
        portal = try PortalProgram(host)
    }

    private func terminal(_ arguments: String, columns: Int = 80, rows: Int = 24) throws -> TerminalDriver {
        try TerminalDriver(
            "'\(PortalProgram.path)' \(arguments); echo \"ended with $?\"; stty -a | grep -o '[-]*echo '", columns: columns, rows: rows,
            environment: ["PORTAL_RUNTIME_DIR": portal.runtime.path, "PORTAL_SSH_CONFIG": portal.config])
    }

    /// The program has ended, and the terminal echoes again.
    private func expectEnd(_ terminal: TerminalDriver, status: Int) async throws {
        try await terminal.wait(for: "ended with \(status)")
        try await terminal.wait(for: "the terminal as it was") { screen in
            screen.split(separator: "\n").last?.trimmingCharacters(in: .whitespaces) == "echo"
        }
    }

    @Test func aLoginShellAndItsStatus() async throws {
        let terminal = try terminal("ssh host:/usr/lib")
        try await terminal.wait(for: "there>")
        try terminal.enter("pwd; tty; shopt -q login_shell && echo log''in; echo TERM is $TERM")
        try await terminal.wait(for: "/usr/lib\n")
        try await terminal.wait(for: "/dev/pts/")
        try await terminal.wait(for: "login\n")
        // tmux's own, whatever its version calls it.
        try await terminal.wait(for: "TERM of tmux") { $0.contains("TERM is tmux") || $0.contains("TERM is screen") }
        try terminal.enter("exit 7")
        try await expectEnd(terminal, status: 7)
    }

    @Test func interruptsAndTheEndOfInputAreTheShells() async throws {
        let terminal = try terminal("ssh host")
        try await terminal.wait(for: "there>")
        try terminal.enter("sleep 983; echo was \"interrupted\" $?")
        #expect(await eventually(seconds: 10) { ExecTests.isRunning("^sleep 983") })
        try terminal.press("C-c")
        try await terminal.wait(for: "^C")
        try terminal.enter("echo still \"here\"")
        try await terminal.wait(for: "still here")
        #expect(!ExecTests.isRunning("^sleep 983"))
        try terminal.press("C-d")
        try await expectEnd(terminal, status: 0)
    }

    @Test func aNewSizeIsFollowed() async throws {
        let terminal = try terminal("ssh host", columns: 90, rows: 20)
        try await terminal.wait(for: "there>")
        try terminal.enter("stty size; trap 'echo now $(stty size)' WINCH")
        try await terminal.wait(for: "20 90")
        try terminal.resize(columns: 101, rows: 31)
        try terminal.press("Enter")
        try await terminal.wait(for: "now 31 101")
        try terminal.enter("exit 0")
        try await expectEnd(terminal, status: 0)
    }

    @Test func theEscapes() async throws {
        let terminal = try terminal("ssh host")
        try await terminal.wait(for: "there>")
        try terminal.press("Enter")
        try terminal.type("~?")
        try await terminal.wait(for: "suspend portal")
        try terminal.enter("echo a ~~ b")
        try await terminal.wait(for: "a ~~ b")
        try terminal.enter("sleep 982")
        #expect(await eventually(seconds: 10) { ExecTests.isRunning("^sleep 982") })
        try terminal.press("Enter")
        try terminal.type("~.")
        try await expectEnd(terminal, status: 255)
        #expect(await eventually(seconds: 10) { !ExecTests.isRunning("^sleep 982") })
    }

    /// The host does not say that it heard that it is left.
    @Test func leavingAHostThatHangs() async throws {
        let terminal = try terminal("ssh host")
        try await terminal.wait(for: "there>")
        host.freeze()
        defer { host.thaw() }
        try terminal.press("Enter")
        try terminal.type("~.")
        try await expectEnd(terminal, status: 255)
    }

    @Test func itIsSuspendedAndGoesOn() async throws {
        let terminal = try TerminalDriver(
            "PS1='local> ' bash --norc -i",
            environment: ["PORTAL_RUNTIME_DIR": portal.runtime.path, "PORTAL_SSH_CONFIG": portal.config])
        try await terminal.wait(for: "local>")
        try terminal.enter("'\(PortalProgram.path)' ssh host")
        try await terminal.wait(for: "there>")
        try terminal.press("Enter")
        try terminal.type("~")
        try terminal.press("C-z")
        try await terminal.wait(for: "Stopped")
        // Echo is on here now: what is typed is seen, and run here.
        try terminal.enter("echo on this side: $((6 * 7))")
        try await terminal.wait(for: "on this side: 42")
        try terminal.enter("fg")
        try terminal.press("Enter")
        try terminal.enter("echo on that side: $HOME")
        try await terminal.wait(for: "on that side: \(host.home.path)")
        try terminal.enter("exit 3")
        try await terminal.wait(for: "local>")
        try terminal.enter("echo it was $?")
        try await terminal.wait(for: "it was 3")
    }

    @Test func aSignalLeavesTheTerminalAsItWas() async throws {
        let terminal = try terminal("ssh host")
        try await terminal.wait(for: "there>")
        let program = try #require(
            try Tool.run("pgrep", "-f", "^\(PortalProgram.path) ssh host$").split(separator: "\n").compactMap { pid_t($0) }.first {
                Self.runtime(of: $0) == portal.runtime.path
            })
        kill(program, SIGTERM)
        try await expectEnd(terminal, status: 143)
    }

    private static func runtime(of process: pid_t) -> String? {
        let variables = (try? Data(contentsOf: URL(fileURLWithPath: "/proc/\(process)/environ"))) ?? Data()
        return variables.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }.first { $0.hasPrefix("PORTAL_RUNTIME_DIR=") }
            .map { String($0.dropFirst("PORTAL_RUNTIME_DIR=".count)) }
    }

    @Test func vim() async throws {
        let terminal = try terminal("exec -t host -- vim -u NONE -N -i NONE notes")
        try await terminal.wait(for: "an empty buffer") { $0.split(separator: "\n").filter { $0 == "~" }.count >= 20 }
        try terminal.type("iwritten there")
        try terminal.press("Escape")
        try terminal.resize(columns: 100, rows: 40)
        try terminal.enter(":echo 'size' &lines 'by' &columns")
        try await terminal.wait(for: "size 40 by 100")
        try terminal.enter(":w")
        try await terminal.wait(for: "written\n") { $0.contains("\"notes\"") }
        #expect(try String(contentsOf: host.home.appendingPathComponent("notes"), encoding: .utf8) == "written there\n")
        try terminal.enter(":cquit 3")
        try await expectEnd(terminal, status: 3)
    }

    @Test func less() async throws {
        let text = (1...500).map { "line \($0)\n" }.joined()
        try Data(text.utf8).write(to: host.home.appendingPathComponent("text"))
        let terminal = try terminal("exec -t host -- less text")
        try await terminal.wait(for: "a full screen") { $0.contains("line 1\n") && $0.contains("line 23\n") && !$0.contains("line 24\n") }
        try terminal.resize(columns: 80, rows: 40)
        try await terminal.wait(for: "a larger screen") { $0.contains("line 39\n") && !$0.contains("line 40\n") }
        try terminal.type("G")
        try await terminal.wait(for: "line 500")
        try terminal.type("q")
        try await expectEnd(terminal, status: 0)
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/htop"), "not run: no htop here (Scripts/setup test)"))
    func htop() async throws {
        let terminal = try terminal("exec -t host -- htop", columns: 100, rows: 30)
        try await terminal.wait(for: "Load average")
        try await terminal.wait(for: "its keys in the last line") { $0.split(separator: "\n").last?.contains("F10") == true }
        try terminal.resize(columns: 120, rows: 36)
        try await terminal.wait(for: "its keys in the new last line") {
            let lines = $0.split(separator: "\n", omittingEmptySubsequences: false)
            return lines.count >= 36 && lines[35].contains("F10")
        }
        try terminal.type("q")
        try await expectEnd(terminal, status: 0)
    }

    @Test func withoutATerminalTheShellReadsItsInput() async throws {
        let outcome = try await portal.run(
            ["ssh", "-F", portal.config, "host:/usr"], input: Data("pwd; tty; echo fault >&2; exit 5\n".utf8))
        #expect(outcome.status == 5)
        #expect(outcome.text == "/usr\nnot a tty\n")
        #expect(outcome.errors == "fault\n")
    }

    @Test func aCommandForTheShellIsRefusedWithWhatToUse() async throws {
        let outcome = try await portal.run(["ssh", "host", "--", "ls"])
        #expect(outcome.status != 0)
        #expect(outcome.errors.contains("portal exec"))
    }
}
