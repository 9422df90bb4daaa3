import DoorSupport
import Foundation
import PortalWire
import TestSupport
import Testing

/// `portal call` with a model's tool_use blocks, and the examples that use it.
@Suite(.serialized) struct ToolCallTests {
    let host: TestHost
    let portal: PortalProgram

    init() throws {
        host = try TestHost()
        portal = try PortalProgram(host)
        try FileManager.default.createDirectory(atPath: host.home.path + "/ws", withIntermediateDirectories: true)
    }

    private func call(_ lines: [String], _ options: String...) async throws -> (answers: [JSONValue], outcome: PortalProgram.Outcome) {
        let outcome = try await portal.run(
            ["call", "-F", portal.config] + options + ["\(portal.target):ws"], input: Data(lines.joined(separator: "\n").utf8))
        let answers = try outcome.text.split(separator: "\n").map { try JSONParser.parse(Array($0.utf8), IncomingMessage.bounds) }
        return (answers, outcome)
    }

    @Test func eachCallHasAResult() async throws {
        try Data("one\n".utf8).write(to: URL(fileURLWithPath: host.home.path + "/ws/a"))
        let (answers, outcome) = try await call([
            #"{"type":"tool_use","id":"1","name":"bash","input":{"command":"echo $((6*7))"}}"#,
            #"{"type":"tool_use","id":"2","name":"read_file","input":{"path":"a"}}"#,
            #"{"type":"tool_use","id":"3","name":"write_file","input":{"path":"b","content":"x"}}"#,
            #"{"type":"tool_use","id":"4","name":"LIST","input":{"path":"/nowhere"}}"#,
            #"{"type":"tool_use","id":"5","name":"fly","input":{}}"#,
            #"{"type":"tool_use","id":6}"#,
            #"{"id":7,"op":"fs.stat","path":"a"}"#,
        ])
        #expect(outcome.status == 1)
        func answer(_ id: JSONValue) -> JSONValue? {
            answers.first { ($0["tool_use_id"] ?? $0["id"])?.encoded == id.encoded }
        }
        #expect(answers.count == 7)
        #expect(
            answer("1").map { String(decoding: $0.encoded, as: UTF8.self) }
                == #"{"type":"tool_result","tool_use_id":"1","content":"42","is_error":false}"#)
        #expect(answer("2")?.text("content") == "1\tone\n2\t")
        #expect(answer("3")?.text("content")?.hasPrefix("File created successfully at: \(host.home.path)/ws/b") == true)
        #expect(answer("4")?.bool("is_error") == true)
        #expect(answer("5")?.text("content")?.hasPrefix("Unknown tool: fly. There are bash, read,") == true)
        #expect(answer(6)?.bool("is_error") == true)
        #expect(answer(7)?["ok"] != nil)
    }

    @Test func partialOutputIsStreamed() async throws {
        let (answers, outcome) = try await call(
            [#"{"type":"tool_use","id":"1","name":"Bash","input":{"command":"for i in 1 2 3; do echo $i; sleep 0.1; done"}}"#], "--stream")
        #expect(outcome.status == 0)
        let output = answers.filter { $0.text("type") == "tool_output" }
        #expect(output.count >= 2 && output.compactMap { $0.text("text") }.joined() == "1\n2\n3\n")
        #expect(answers.last?.text("type") == "tool_result" && answers.last?.text("content") == "1\n2\n3")
    }

    @Test func theEndOfTheInputEndsWhatRunsThere() async throws {
        let (answers, outcome) = try await call([
            #"{"type":"tool_use","id":"1","name":"Bash","input":{"command":"sleep 4341","run_in_background":true}}"#
        ])
        #expect(outcome.status == 0 && answers.count == 1)
        let home = host.home.path
        #expect(
            await eventually(seconds: 10) {
                !FoundProcess.all(withEnvironment: "HOME=\(home)").contains { $0.command.contains("sleep 4341") }
            })
    }

    /// Examples/AgentLoop: each runs a model's turns, which here are a script's.
    @Test(arguments: [["python3", "loop.py"], ["bash", "loop.sh"]])
    func examples(program: [String]) async throws {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Examples/AgentLoop").path
        let output = portal.runtime.appendingPathComponent("loop").path
        let child = try Child(
            [
                "env", "PATH=\(URL(fileURLWithPath: PortalProgram.path).deletingLastPathComponent().path):/usr/bin:/bin",
                "PORTAL_RUNTIME_DIR=\(portal.runtime.path)", "PORTAL_SSH_CONFIG=\(portal.config)", program[0], "\(folder)/\(program[1])",
                "\(portal.target):ws", "\(folder)/turns.jsonl",
            ], output: output, errors: output + ".errors")
        guard await eventually(seconds: 60, { !child.isRunning }) else {
            child.end()
            throw TestFailure("\(program[1]) does not end")
        }
        let said = try String(contentsOfFile: output, encoding: .utf8)
        #expect(child.ended == 0, "\(said) \((try? String(contentsOfFile: output + ".errors", encoding: .utf8)) ?? "")")
        #expect(said.contains("hello from \(host.home.path)/ws") && said.hasSuffix("The model is done.\n"), "\(said)")
        #expect(try String(contentsOfFile: host.home.path + "/ws/greeting.sh", encoding: .utf8) == "echo hello from $PWD\n")
    }
}
