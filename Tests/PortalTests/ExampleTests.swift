import Foundation
import TestSupport
import Testing

/// The examples do what their first lines say.
@Suite(.serialized) struct ExampleTests {
    let host: TestHost
    let portal: PortalProgram

    init() throws {
        host = try TestHost()
        portal = try PortalProgram(host)
    }

    /// Runs an example to its end; gives its output and its status.
    private func run(_ example: String, _ arguments: String..., input: String = "") async throws -> (text: String, status: Int32) {
        let program = URL(fileURLWithPath: PortalProgram.path).deletingLastPathComponent().appendingPathComponent(example)
        let (output, standardInput) = (portal.runtime.appendingPathComponent("out"), portal.runtime.appendingPathComponent("in"))
        try Data().write(to: output)
        try Data(input.utf8).write(to: standardInput)
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging([
            "PORTAL_RUNTIME_DIR": portal.runtime.path, "PORTAL_SSH_CONFIG": portal.config, "PORTAL_EXECUTABLE": PortalProgram.path,
        ]) { $1 }
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardInput = try FileHandle(forReadingFrom: standardInput)
        try process.run()
        guard await eventually(seconds: 60, { !process.isRunning }) else {
            process.terminate()
            throw TestFailure("\(example) does not end")
        }
        return (try String(contentsOf: output, encoding: .utf8), process.terminationStatus)
    }

    @Test func aParallelTestRunner() async throws {
        try Data("given\n".utf8).write(to: host.home.appendingPathComponent("fixture"))
        // Each of the first two passes only while the other runs.
        let outcome = try await run(
            "run-tests-there", "host", "3",
            input:
                "mkfifo a; echo 1 > a; cat b\nuntil [ -p a ]; do :; done; cat a; mkfifo b; echo 2 > b\ngrep given fixture\necho why; exit 3\n"
                .replacingOccurrences(of: "; cat b", with: "; until [ -p b ]; do :; done; cat b"))
        #expect(outcome.status == 1)
        #expect(outcome.text.contains("3 of 4 passed"), "\(outcome.text)")
        #expect(outcome.text.contains("failed (3)") && outcome.text.contains("\nwhy\n"))
    }

    @Test func aLogFollower() async throws {
        let first = try await run("follow-log", "host", "counter", "0", "--", "sh", "-c", "seq 1 2000; exit 5")
        #expect(first.status == 5)
        #expect(first.text == (1...2000).map { "\($0)\n" }.joined() + "ended with 5 at byte 8893\n")
    }

    @Test func aBuildOnTwoHosts() async throws {
        let outcome = try await run("build-there", "host:one", "host:two")
        #expect(outcome.status == 0, "\(outcome.text)")
        for name in ["one", "two"] {
            #expect(outcome.text.contains("host:\(name): 3: built and run on"))
            #expect(FileManager.default.isExecutableFile(atPath: host.home.appendingPathComponent("\(name)/hello").path))
        }
    }

    @Test func oneCommandOnSeveralHosts() async throws {
        let outcome = try await run("run-on-hosts", "host,host:/usr", "--", "pwd")
        #expect(outcome.status == 0)
        #expect(outcome.text.contains("host:/usr: /usr\n") && outcome.text.contains("host: \(host.home.path)\n"))
    }
}
