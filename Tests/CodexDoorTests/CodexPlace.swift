import DoorSupport
import Foundation
import TestSupport

/// Where the real Codex works: a host, a project there, and an empty directory here that stands for it. What a tool found or made was there.
final class CodexPlace: Sendable {
    /// The network that Codex, its model and the host are in, with nothing else in it; nil where the machine has no namespaces.
    let network: LoopbackNamespace?
    let host: TestHost
    let portal: PortalProgram
    /// Where the project is, there.
    let there: String
    /// What Codex takes for it, here.
    let here: String

    /// - Parameter isHere: Whether the directory here exists.
    init(isHere: Bool = true) throws {
        network = LoopbackNamespace.obstacle == nil ? try LoopbackNamespace() : nil
        var options = TestHost.Options()
        options.namespace = network?.name
        host = try TestHost(options)
        if let network { portal = try PortalProgram(host, namespace: network) } else { portal = try PortalProgram(host) }
        there = host.home.path + "/project"
        here = portal.runtime.path + "/project"
        for path in isHere ? [there, here] : [there] {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        }
    }

    /// What Codex needs in its environment for `portal`.
    var environment: [String: String] { ["PORTAL_RUNTIME_DIR": portal.runtime.path] }

    func write(_ name: String, _ content: String) throws {
        let file = URL(fileURLWithPath: there + "/" + name)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(content.utf8).write(to: file)
    }

    func content(_ name: String) -> String? { try? String(contentsOfFile: there + "/" + name, encoding: .utf8) }

    /// Makes the host the environment of the stage's Codex.
    /// - Parameter relay: The ssh_config of a way to the host that is in this machine's own network.
    func serve(_ stage: AgentStage, relay: String? = nil) throws {
        var command = [PortalProgram.path, "codex", "-F", relay ?? portal.config, "--map", "\(here)=\(there)", "host"]
        if relay != nil, network != nil { command = ["/usr/bin/nsenter", "--net=/proc/\(getpid())/ns/net"] + command }
        let environments = """
            default = "box"
            include_local = false
            [[environments]]
            id = "box"
            program = "\(command[0])"
            args = [\(command.dropFirst().map { "\"\($0)\"" }.joined(separator: ", "))]

            """
        try Data(environments.utf8).write(to: stage.home.appendingPathComponent(".codex/environments.toml"))
    }
}
