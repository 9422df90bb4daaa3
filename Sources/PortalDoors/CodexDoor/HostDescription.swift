import DoorSupport
import Portal
import PortalProxy
import PortalWire

/// What the agent is told of the host (`environment/info`).
struct HostDescription: Sendable {
    let shell: [UInt8]
    let facts: HostFacts
    let directory: [UInt8]

    /// Asks the host, in one trip.
    static func ask(_ workspace: Workspace) async throws(PortalError) -> HostDescription {
        let facts = try await workspace.host()
        let info = try await workspace.call(OperationNames.sessionInfo, parameters: .object([JSONMember]())).value
        let directory = workspace.target.directory.map { Array($0.utf8) } ?? facts.home
        return HostDescription(
            shell: info.bytes("shell") ?? Array("/bin/sh".utf8), facts: facts,
            directory: directory.first == 0x2F ? directory : PathBytes.joined(facts.home, directory))
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
