import Foundation
import TestSupport
import Testing

/// What the program ends with where the command line makes no sense, and where its own output cannot be written.
@Suite(.serialized) struct ExitStatusTests {
    let host: TestHost
    let portal: PortalProgram

    init() throws {
        host = try TestHost()
        portal = try PortalProgram(host)
    }

    @Test(arguments: [
        ["cp", "a", "b"], ["cp", "", "host:b"], ["cp", "a", "x@-oX=y:b"], ["call", "host", "fs.read", "{bad"],
        ["call", "host", "fs.read", "[]"],
        ["exec", "host"], ["nonsense"],
    ])
    func aSenselessCommandLine(arguments: [String]) async throws {
        let outcome = try await portal.run(arguments)
        #expect(outcome.status == 64)
        #expect(!outcome.errors.isEmpty && outcome.text.isEmpty)
        #expect(try FileManager.default.contentsOfDirectory(atPath: portal.runtime.path) == [], "a proxy was started")
    }

    /// Commands that print for themselves; `exec` has tests of its own.
    private func printing() async throws -> [[String]] {
        let started = try await portal.run(
            ["exec", "-F", portal.config, "--background", "--name", "printer", "host", "--", "echo", "printed"])
        #expect(started.status == 0, "\(started.errors)")
        #expect(
            await eventually(seconds: 10) { (try? await portal.run(["logs", "-F", portal.config, "host", "printer"]).text) == "printed\n" })
        return [
            ["call", "-F", portal.config, "host", "fs.stat", #"{"path":"/"}"#], ["ps", "-F", portal.config, "host"],
            ["ps", "-F", portal.config, "host", "--json"], ["status"], ["status", "--json"],
            ["logs", "-F", portal.config, "host", "printer"],
            ["exec", "-F", portal.config, "--background", "host", "--", "true"],
        ]
    }

    private func run(_ arguments: [String], output: FileHandle) async throws -> (status: Int32, errors: String) {
        let file = portal.runtime.appendingPathComponent("errors")
        try Data().write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let process = try portal.start(arguments, output: output, errors: try FileHandle(forWritingTo: file))
        guard await eventually(seconds: 30, { !process.isRunning }) else { throw TestFailure("\(arguments) hangs") }
        return (process.terminationStatus, try String(contentsOf: file, encoding: .utf8))
    }

    @Test func outputThatCannotBeWrittenIsNoSuccess() async throws {
        for arguments in try await printing() {
            let (status, errors) = try await run(arguments, output: try #require(FileHandle(forWritingAtPath: "/dev/full")))
            #expect(status == 255, "\(arguments)")
            #expect(errors == "portal: cannot write the output: No space left on device\n", "\(arguments)")
        }
    }

    @Test func aReaderThatLeftIsMetQuietly() async throws {
        for arguments in try await printing() {
            let pipe = Pipe()
            try pipe.fileHandleForReading.close()
            let (status, errors) = try await run(arguments, output: pipe.fileHandleForWriting)
            #expect(status == 141, "\(arguments)")
            #expect(errors.isEmpty, "\(arguments): \(errors)")
        }
    }
}
