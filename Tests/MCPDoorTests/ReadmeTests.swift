import DoorSupport
import Foundation
import PortalWire
import TestSupport
import Testing

/// The README's section about MCP: what it says to run, runs.
@Suite(.serialized) struct ReadmeTests {
    let host: TestHost
    let portal: PortalProgram
    private let section: String

    init() throws {
        host = try TestHost()
        portal = try PortalProgram(host)
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let readme = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
        let start = try #require(readme.range(of: "\n## MCP\n")).upperBound
        let end = try #require(readme.range(of: "\n## ", range: start..<readme.endIndex)).lowerBound
        section = String(readme[start..<end])
        let config = ["arm-box", "gpu"].map { host.sshConfig(alias: $0, port: host.port) }.joined(separator: "\n")
        try Data(config.utf8).write(to: portal.runtime.appendingPathComponent("readme_config"))
    }

    /// Runs a line as its reader's shell would, with `portal` on the PATH.
    private func run(_ line: String, input: String = "") async throws -> (status: Int32?, output: String, errors: String) {
        let place = portal.runtime.appendingPathComponent(UUID().uuidString).path
        try Data(input.utf8).write(to: URL(fileURLWithPath: place + ".in"))
        let child = try Child(
            [
                "env", "PATH=\(URL(fileURLWithPath: PortalProgram.path).deletingLastPathComponent().path):/usr/bin:/bin",
                "PORTAL_RUNTIME_DIR=\(portal.runtime.path)", "PORTAL_SSH_CONFIG=\(portal.runtime.path)/readme_config", "setsid", "-w", "sh", "-c",
                "(\(line)) < '\(place).in'",
            ], output: place + ".out", errors: place + ".err")
        guard await eventually(seconds: 60, { !child.isRunning }) else {
            child.end()
            throw TestFailure("\(line) does not end")
        }
        func text(_ suffix: String) -> String { (try? String(contentsOfFile: place + suffix, encoding: .utf8)) ?? "" }
        return (child.ended, text(".out"), text(".err"))
    }

    @Test func itsCommands() async throws {
        let commands = section.components(separatedBy: "\n").filter { $0.hasPrefix("    portal ") || $0.hasPrefix("    echo ") }
            .map { String($0.dropFirst(4)) }
        #expect(commands.count == 4)
        for command in commands {
            // A server whose client says hello, and leaves when it has been answered.
            let isServer = command.hasPrefix("portal mcp")
            let outcome = try await run(
                isServer ? "(cat; sleep 3) | \(command)" : command, input: #"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"# + "\n")
            #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(command): \(outcome.errors)")
            #expect(outcome.output.contains(isServer ? "architecture" : #""type":"tool_result","tool_use_id":"1","content":""#), "\(command): \(outcome.output)")
            #expect(!outcome.output.contains("has not answered yet") && !outcome.output.contains(#""is_error":true"#))
        }
    }

    @Test func itsConfiguration() async throws {
        let start = try #require(section.range(of: "```json\n")).upperBound
        let end = try #require(section.range(of: "```", range: start..<section.endIndex)).lowerBound
        let server = try #require(try JSONParser.parse(Array(section[start..<end].utf8))["mcpServers"]?["arm-box"])
        let words = [server.text("command") ?? ""] + (server.array("args") ?? []).compactMap(\.text)
        let outcome = try await run(
            "(cat; sleep 2) | " + words.joined(separator: " "),
            input: #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"Host","arguments":{}}}"# + "\n")
        #expect(outcome.status == 0 && outcome.output.contains("Workspace: /srv/app"), "\(outcome.output) \(outcome.errors)")
    }
}
