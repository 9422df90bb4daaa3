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

    /// Starts a line as its reader's shell would, with `portal` on the PATH.
    private func start(_ line: String, _ client: LineClient) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/setsid")
        process.arguments = ["-w", "sh", "-c", line]
        process.environment = [
            "PATH": "\(URL(fileURLWithPath: PortalProgram.path).deletingLastPathComponent().path):/usr/bin:/bin", "HOME": "/",
            "PORTAL_RUNTIME_DIR": portal.runtime.path, "PORTAL_SSH_CONFIG": portal.runtime.path + "/readme_config",
        ]
        process.standardInput = client.input
        process.standardOutput = client.output
        try process.run()
        return process
    }

    /// Runs a line to its end, and gives what it said first.
    /// - Parameter message: What a server is asked.
    private func answer(_ line: String, to message: String? = nil) async throws -> String {
        let client = LineClient()
        let process = try start(line, client)
        if let message { try client.send(message) }
        let answer = try await client.next(seconds: 30)
        client.close()
        #expect(await eventually(seconds: 30) { !process.isRunning }, "\(line) does not end")
        #expect(process.terminationStatus == 0, "\(line)")
        return answer
    }

    @Test func itsCommands() async throws {
        let commands = section.components(separatedBy: "\n").filter { $0.hasPrefix("    portal ") || $0.hasPrefix("    echo ") }
            .map { String($0.dropFirst(4)) }
        #expect(commands.count == 4)
        for command in commands {
            if command.hasPrefix("portal mcp") {
                let said = try await answer(command, to: #"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#)
                #expect(said.contains("architecture") && !said.contains("has not answered yet"), "\(command): \(said)")
            } else {
                let said = try await answer(command)
                #expect(
                    said.hasPrefix(#"{"type":"tool_result","tool_use_id":"1","content":""#) && said.contains(#""is_error":false"#),
                    "\(said)")
            }
        }
    }

    @Test func itsConfiguration() async throws {
        let start = try #require(section.range(of: "```json\n")).upperBound
        let end = try #require(section.range(of: "```", range: start..<section.endIndex)).lowerBound
        let server = try #require(try JSONParser.parse(Array(section[start..<end].utf8))["mcpServers"]?["arm-box"])
        let words = [server.text("command") ?? ""] + (server.array("args") ?? []).compactMap(\.text)
        let said = try await answer(
            words.joined(separator: " "), to: #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"Host","arguments":{}}}"#)
        #expect(said.contains("Workspace: /srv/app"), "\(said)")
    }
}
