import Foundation
import TestSupport
import Testing

/// What README.md says of agents is done: each command line of that section is run, with agents that only say how they were called.
@Suite(.serialized) struct ReadmeTests {
    /// The command lines of a section, which are indented by four.
    private static func commands(_ heading: String) throws -> [String] {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: root.appendingPathComponent("README.md"), encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let start = try #require(lines.firstIndex { $0 == "## \(heading)" })
        let end = lines[(start + 1)...].firstIndex { $0.hasPrefix("## ") } ?? lines.endIndex
        return lines[start..<end].filter { $0.hasPrefix("    portal ") }.map { $0.dropFirst(4).description }
    }

    @Test func everyCommandOfTheAgentsIsRun() async throws {
        let commands = try Self.commands("Agents").filter { !$0.hasPrefix("portal mcp") && !$0.hasPrefix("portal call") }
        #expect(commands.count >= 10)
        let host = try TestHost()
        let portal = try PortalProgram(host)
        let folder = try Folder()
        for directory in ["bin", "there", "project"] {
            try FileManager.default.createDirectory(atPath: "\(folder.path)/\(directory)", withIntermediateDirectories: true)
        }
        for agent in ["claude", "codex", "opencode", "gemini", "goose"] { try folder.program("bin/\(agent)", #"echo "$0 was run""#) }
        try FileManager.default.createSymbolicLink(atPath: "\(folder.path)/bin/portal", withDestinationPath: PortalProgram.path)
        let config = folder.path + "/ssh_config"
        try Data(host.sshConfig(alias: "arm-box", port: host.port).utf8).write(to: URL(fileURLWithPath: config))
        for command in commands {
            var line = command.replacingOccurrences(of: "/srv/app", with: "\(folder.path)/there")
            if line.hasPrefix("portal setup") { line += " --yes" }
            let output = "\(folder.path)/output"
            try Data().write(to: URL(fileURLWithPath: output))
            let child = try Child(
                ["env", "-C", "\(folder.path)/project", "setsid", "-w", "sh", "-c", line],
                environment: [
                    "PATH": "\(folder.path)/bin:/usr/local/bin:/usr/bin:/bin", "HOME": folder.path, "PORTAL_SSH_CONFIG": config,
                    "PORTAL_RUNTIME_DIR": portal.runtime.path,
                ], output: output, errors: output)
            let ended = await eventually(seconds: 60) { !child.isRunning }
            let text = folder.text("output") ?? ""
            #expect(ended && child.ended == 0, "\(command): \(text)")
            if line.hasPrefix("portal ssh"), !line.contains("--print") { #expect(text.contains(" was run\n"), "\(command): \(text)") }
            child.end()
        }
        // Every set-up of the section was taken back in it.
        #expect(
            try FileManager.default.subpathsOfDirectory(atPath: "\(folder.path)/project").filter { folder.text("project/\($0)") != nil }
                == [])
    }
}
