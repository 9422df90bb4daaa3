import DoorSupport
import Foundation
import PortalWire
import TestSupport
import Testing

/// `portal codex` as Codex starts it: a program with pipes.
@Suite(.serialized) struct ProgramTests {
    let host: TestHost
    let portal: PortalProgram

    init() throws {
        host = try TestHost()
        portal = try PortalProgram(host)
    }

    private static let initialize = #"{"id":1,"method":"initialize","params":{"clientName":"codex-environment","resumeSessionId":null}}"#

    @Test func standardOutputIsTheProtocolAndNothingElse() async throws {
        let log = portal.runtime.appendingPathComponent("log").path
        let lines = [ProgramTests.initialize, "what is no message", #"{"method":"initialized","params":{}}"#, ""].joined(separator: "\n")
        let outcome = try await portal.run(["codex", "-F", portal.config, "--log", log, portal.target], input: Data(lines.utf8))
        #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
        for line in outcome.output.split(separator: 0x0A) { #expect((try? JSONParser.parse(Array(line))) != nil) }
        #expect((try String(contentsOfFile: log, encoding: .utf8)).contains("no message"))
    }

    @Test func whatRunsThereEndsWithStandardInput() async throws {
        let (input, output) = (Pipe(), Pipe())
        let process = try portal.start(
            ["codex", "-F", portal.config, "--env", "TOLD=here", portal.target], input: input, output: output, errors: FileHandle.nullDevice
        )
        let start: JSONValue = .start("p", ["/bin/sh", "-c", "echo $$ $TOLD; exec sleep 1000"], in: host.home.path)
        var lines = LineStream(output.fileHandleForReading)
        input.fileHandleForWriting.write(Data((ProgramTests.initialize + "\n").utf8))
        #expect(try await lines.next(seconds: 30).contains("sessionId"))
        let request: JSONValue = ["id": 2, "method": "process/start", "params": start]
        input.fileHandleForWriting.write(Data(request.encoded + [0x0A]))
        #expect(try await lines.next(seconds: 30).contains("sandboxType"))
        let said = try JSONParser.parse(Array(try await lines.next(seconds: 30).utf8))
        let words = String(decoding: said["params"]?.string("chunk").flatMap { Base64.decode($0) } ?? [], as: UTF8.self).split(
            separator: " ")
        let pid = try #require(words.first.flatMap { pid_t($0) })
        #expect(words.last == "here\n" && kill(pid, 0) == 0)
        try input.fileHandleForWriting.close()
        #expect(await eventually(seconds: 20) { !process.isRunning })
        #expect(process.terminationStatus == 0)
        #expect(await eventually(seconds: 20) { kill(pid, 0) != 0 })
    }

    @Test func whatIsWrongOnTheCommandLineIsSaid() async throws {
        for arguments in [["--map", "relative=/x"], ["--map", "/x"], ["--env", "=x"]] {
            let outcome = try await portal.run(["codex"] + arguments + ["host"])
            #expect(outcome.status == 64 && outcome.errors.contains(arguments[0]), "\(outcome.errors)")
        }
    }
}

/// Lines of a pipe, each waited for with a deadline.
private struct LineStream {
    private let handle: FileHandle
    private var rest: [UInt8] = []

    init(_ handle: FileHandle) {
        self.handle = handle
        _ = fcntl(handle.fileDescriptor, F_SETFL, O_NONBLOCK)
    }

    mutating func next(seconds: Double) async throws -> String {
        let end = ContinuousClock.now + .seconds(seconds)
        while true {
            if let feed = rest.firstIndex(of: 0x0A) {
                defer { rest.removeFirst(feed + 1) }
                return String(decoding: rest[..<feed], as: UTF8.self)
            }
            var buffer = [UInt8](repeating: 0, count: 65536)
            let count = read(handle.fileDescriptor, &buffer, buffer.count)
            if count > 0 {
                rest += buffer[..<count]
            } else {
                guard count < 0, ContinuousClock.now < end else { throw TestFailure("no line came within \(seconds) s") }
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }
}
