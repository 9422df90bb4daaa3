import DoorSupport
import Foundation
import PortalWire
import TestSupport
import Testing

/// Codex with somebody at it: its terminal program, and its server for other programs.
@Suite(.serialized, .enabled(if: RealAgent.codex.obstacle == nil, Comment(rawValue: RealAgent.codex.obstacle ?? "")))
struct RealCodexSessionTests {
    /// The directory need not exist here.
    @Test func theTerminalProgram() async throws {
        let place = try CodexPlace(isHere: false)
        try place.write("marker", "the marker")
        let stage = try AgentStage(
            in: place.network, [.call("exec_command", ["cmd": "cat marker > copied; echo made"]), .say("Everything was copied.")])
        try place.serve(stage)
        let configuration = stage.home.appendingPathComponent(".codex/config.toml")
        let trusted = "\n[projects.\"\(place.here)\"]\ntrust_level = \"trusted\"\n"
        try (String(contentsOf: configuration, encoding: .utf8) + trusted).write(to: configuration, atomically: true, encoding: .utf8)
        let command =
            (place.network?.prefix ?? []) + [
                RealAgent.codex.path, "--no-daemon", "-s", "danger-full-access", "-a", "never", "-C", place.here, "'copy it'",
            ]
        let terminal = try TerminalDriver(
            command.joined(separator: " "), columns: 120, rows: 40, environment: stage.environment.merging(place.environment) { $1 })
        // Before anything else it may praise another model.
        try await terminal.wait(for: "beginning", seconds: 60) {
            $0.contains("Use existing model") || $0.contains("Everything was copied.")
        }
        if terminal.screen.contains("Use existing model") {
            try terminal.press("Down")
            try terminal.press("Enter")
        }
        try await terminal.wait(for: "Everything was copied.", seconds: 60)
        #expect(place.content("copied") == "the marker")
        #expect(!FileManager.default.fileExists(atPath: place.here))
    }

    /// A turn that is interrupted leaves its command to Codex, which ends it when it ends itself.
    @Test func anInterruptedTurnAndTheEnd() async throws {
        let place = try CodexPlace()
        let stage = try AgentStage(
            in: place.network, [.call("exec_command", ["cmd": "echo $$ > pid; exec sleep 1000", "yield_time_ms": 30_000]), .say("over")])
        try place.serve(stage)
        let server = try CodexServer(stage, place)
        _ = try await server.call(
            "initialize", ["clientInfo": ["name": "test", "version": "1"], "capabilities": ["experimentalApi": true]])
        server.tell(["method": "initialized"])
        let thread = try await server.call(
            "thread/start", ["cwd": .text(place.here), "approvalPolicy": "never", "sandbox": "danger-full-access"])
        let threadID = try #require(thread["thread"]?.text("id"), "\(String(decoding: thread.encoded, as: UTF8.self))")
        let turn = try await server.call(
            "turn/start", ["threadId": .text(threadID), "input": [["type": "text", "text": "sleep"]]])
        let turnID = try #require(turn["turn"]?.text("id"))
        #expect(await eventually(seconds: 60) { place.content("pid")?.hasSuffix("\n") == true })
        let pid = try #require(place.content("pid").flatMap { pid_t($0.dropLast()) })
        _ = try await server.call("turn/interrupt", ["threadId": .text(threadID), "turnId": .text(turnID)])
        #expect(try await server.notification("turn/completed")["turn"]?.text("status") == "interrupted")
        server.end()
        #expect(await eventually(seconds: 20) { kill(pid, 0) != 0 })
    }
}

/// `codex app-server`, spoken to.
private final class CodexServer {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var rest: [UInt8] = []
    private var next: Int64 = 1
    private var said: [JSONValue] = []
    private let bounds: JSONBounds = {
        var bounds = JSONBounds()
        bounds.depth = 128
        return bounds
    }()

    init(_ stage: AgentStage, _ place: CodexPlace) throws {
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = (place.network?.prefix ?? []) + ["setsid", "-w", RealAgent.codex.path, "app-server"]
        let own = ProcessInfo.processInfo.environment.filter { ["PATH", "LANG", "USER"].contains($0.key) }
        process.environment = own.merging(stage.environment) { $1 }.merging(place.environment) { $1 }
        process.currentDirectoryURL = URL(fileURLWithPath: place.here)
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        _ = fcntl(output.fileHandleForReading.fileDescriptor, F_SETFL, O_NONBLOCK)
    }

    deinit { if process.isRunning { process.terminate() } }

    func tell(_ message: JSONValue) { input.fileHandleForWriting.write(Data(message.encoded + [0x0A])) }

    func call(_ method: String, _ parameters: JSONValue) async throws -> JSONValue {
        let id = next
        next += 1
        tell(["id": .integer(id), "method": .text(method), "params": parameters])
        let answer = try await wait(method) { $0.integer("id") == id && $0["method"] == nil }
        return try #require(answer["result"], "\(method): \(String(decoding: answer.encoded, as: UTF8.self))")
    }

    func notification(_ method: String) async throws -> JSONValue {
        try await wait(method) { $0.text("method") == method }["params"] ?? .null
    }

    func end() { try? input.fileHandleForWriting.close() }

    private func wait(_ what: String, _ isIt: (JSONValue) -> Bool) async throws -> JSONValue {
        let end = ContinuousClock.now + .seconds(60)
        while true {
            if let found = said.first(where: isIt) { return found }
            var buffer = [UInt8](repeating: 0, count: 65536)
            let count = read(output.fileHandleForReading.fileDescriptor, &buffer, buffer.count)
            if count > 0 {
                rest += buffer[..<count]
                while let feed = rest.firstIndex(of: 0x0A) {
                    if let value = try? JSONParser.parse(Array(rest[..<feed]), bounds) { said.append(value) }
                    rest.removeFirst(feed + 1)
                }
            } else {
                guard count < 0, ContinuousClock.now < end else { throw TestFailure("codex app-server said nothing of \(what)") }
                try await Task.sleep(for: .milliseconds(5))
            }
        }
    }
}
