import DoorSupport
import Foundation
import Portal
import PortalWire
import TestSupport

@testable import AgentTools

/// A session on a real host, in a workspace of its own, with a proxy in this process.
final class ToolStage: Sendable {
    let host: TestHost
    let directory: String
    let session: ToolSession

    /// - Parameter relayPort: Where a relay in front of the host listens.
    init(confined: Bool = false, environment: [(name: String, value: String)] = [], relayPort: Int? = nil) throws {
        let host = try TestHost()
        self.host = host
        directory = host.home.path + "/ws"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        var config = host.configFile
        if let relayPort {
            config = host.directory.path + "/relayed"
            try Data(host.sshConfig(alias: "host", port: relayPort).utf8).write(to: URL(fileURLWithPath: config))
        }
        let file = config
        var options = ToolSession.Options()
        options.isConfined = confined
        options.environment = environment
        let toolHost = ToolHost(name: "box", target: "host:ws") { (progress) async throws(PortalError) in
            var options = ConnectionOptions()
            options.proxy = .inProcess
            options.sshConfig = file
            options.progress = progress
            return try await Workspace.open("host:ws", options: options)
        }
        session = ToolSession([toolHost], options: options)
    }

    /// Calls a tool, and gives its text; a failure has `error: ` before it.
    func call(_ tool: String, _ input: JSONValue, progress: ToolProgressHandler? = nil) async -> String {
        let result = await session.call(tool, input, progress: progress)
        guard let result else { return "no such tool" }
        return (result.isError ? "error: " : "") + result.text
    }

    func bash(_ command: String) async -> String { await call("Bash", ["command": .text(command)]) }

    /// The ID in a text that says that a command goes on in the background.
    static func identifier(in text: String) throws -> JSONValue {
        guard let found = text.firstMatch(of: /bash_[0-9a-f]{8}/) else { throw TestFailure("no ID in: \(text)") }
        return .text(String(found.0))
    }

    func write(_ name: String, _ content: String) throws { try write(name, Data(content.utf8)) }

    func write(_ name: String, _ content: Data) throws {
        let file = URL(fileURLWithPath: directory + "/" + name)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try content.write(to: file)
    }

    func content(_ name: String) -> String? { try? String(contentsOfFile: directory + "/" + name, encoding: .utf8) }

    /// Whether a process of the host has this in its arguments.
    func runs(_ words: String) -> Bool {
        FoundProcess.all(withEnvironment: "HOME=\(host.home.path)").contains { $0.command.contains(words) }
    }
}
