import DoorSupport
import Portal
import PortalProxy
import PortalWire

/// What the agent is told of the host (`environment/info`).
struct HostDescription: Sendable {
    let shell: [UInt8]
    let facts: HostFacts
    let directory: [UInt8]

    /// The shells that the agent knows how to call; for any other it takes bash, which not every host has.
    private static let knownShells = ["bash", "zsh", "sh"]
    private static let bashes: [RemotePath] = ["/bin/bash", "/usr/bin/bash", "/usr/local/bin/bash"]

    /// Asks the host, in one trip.
    static func ask(_ workspace: Workspace) async throws(PortalError) -> HostDescription {
        let facts = try await workspace.host()
        let outcomes = try await workspace.batch([BatchCall(OperationNames.sessionInfo) { _, _ in }] + bashes.map { .status(of: $0) })
        guard outcomes.count == 1 + bashes.count else { throw PortalError(.internal, "a batch has too few answers") }
        var shell = try outcomes[0].result.get().bytes("shell") ?? Array("/bin/sh".utf8)
        if !knownShells.contains(String(decoding: PathBytes.name(shell), as: UTF8.self)) {
            let bash = bashes.indices.first { (try? outcomes[1 + $0].result.get()) != nil }
            shell = bash.map { bashes[$0].bytes } ?? Array("/bin/sh".utf8)
        }
        let directory = workspace.target.directory.map { Array($0.utf8) } ?? facts.home
        return HostDescription(
            shell: shell, facts: facts, directory: directory.first == 0x2F ? directory : PathBytes.joined(facts.home, directory))
    }

    /// The answer to `environment/info`.
    func information(map: PathMap) -> JSONValue {
        let system = String(decoding: facts.system, as: UTF8.self).lowercased()
        return [
            "shell": ["name": .text(PathBytes.name(shell)), "path": .text(shell)],
            "executorVersion": .text(Build.version),
            "cwd": .string(FileURI.uri(map.here(directory))),
            "userHomeDir": .string(FileURI.uri(facts.home)),
            "platformOs": .text(system == "darwin" ? "macos" : system),
            "prependPathDirs": [],
            "temporaryDirectories": [],
            "tempDir": "file:///tmp",
            "capabilities": [
                "networkProxyLaunch": false, "capabilityDiscoverySandbox": false, "capabilityDiscoveryV2": false,
                "environmentConfigRead": true, "httpHeaderEnvVars": false, "sandboxedFileStreaming": true, "fileWriteStreaming": true,
                "shellSnapshotV2": false, "windowsMxc": false, "linuxRootWritePreservesDevices": true,
                "linuxApprovedRootWritePreservesRestrictions": false,
            ],
        ]
    }

    /// The answer to `environmentConfig/read`: the agent's settings are those of this machine, and none of the host's count.
    func configuration() -> JSONValue {
        let none: JSONValue = ["layers": [], "cloudInsertionIndex": 0]
        return [
            "userHomeDir": .string(FileURI.uri(facts.home)),
            "codexHomeDir": .string(FileURI.uri(PathBytes.joined(facts.home, Array(".codex".utf8)))),
            "hostname": .text(facts.name), "config": none, "requirements": none,
        ]
    }
}
