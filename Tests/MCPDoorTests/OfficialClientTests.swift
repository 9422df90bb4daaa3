import Foundation
import TestSupport
import Testing

/// The official client of PyPI, a program of its own, with the real `portal mcp` on a real host.
@Suite(.serialized) struct OfficialClientTests {
    let host: TestHost
    let portal: PortalProgram
    let workspace: String

    init() throws {
        host = try TestHost()
        portal = try PortalProgram(host)
        workspace = host.home.path + "/ws"
        try FileManager.default.createDirectory(atPath: workspace, withIntermediateDirectories: true)
    }

    private static let obstacle: String? =
        access(RealAgent.pythonWithMCP, X_OK) == 0 ? nil : "there is no \(RealAgent.pythonWithMCP): run Scripts/setup-agents mcp"

    @Test(.enabled(if: obstacle == nil, Comment(rawValue: obstacle ?? "")), arguments: ["auto", "2026-07-28", "legacy"])
    func theWholeSurface(mode: String) async throws {
        let (output, errors) = (portal.runtime.appendingPathComponent("out").path, portal.runtime.appendingPathComponent("err").path)
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("official_client.py").path
        let client = try Child(
            [
                RealAgent.pythonWithMCP, script, mode, PortalProgram.path, portal.config, "\(portal.target):ws",
                "PORTAL_RUNTIME_DIR=\(portal.runtime.path)", "WORKSPACE=\(workspace)",
            ], output: output, errors: errors)
        guard await eventually(seconds: 60, { !client.isRunning }) else {
            client.end()
            throw TestFailure("the client does not end: \((try? String(contentsOfFile: errors, encoding: .utf8)) ?? "")")
        }
        let said = try String(contentsOfFile: output, encoding: .utf8)
        #expect(client.ended == 0, "\(said) \((try? String(contentsOfFile: errors, encoding: .utf8))?.suffix(3000) ?? "")")
        print(said, terminator: "")
        #expect(said.contains("checks held"))
        // The client's end is the end of what ran there for it.
        let home = host.home.path
        #expect(
            await eventually(seconds: 10) {
                !FoundProcess.all(withEnvironment: "HOME=\(home)").contains { $0.command.contains("sleep 433") }
            })
    }
}
