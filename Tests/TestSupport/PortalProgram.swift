import Foundation

/// The built `portal` program, with proxies of its own. A test target that uses it depends on `PortalCommand`, so that it is built.
public final class PortalProgram: @unchecked Sendable {  // All properties are constant, and the program is started anew each time.
    /// What a run gave.
    public struct Outcome: Sendable {
        /// The exit status; negative for the signal that ended it.
        public var status: Int32
        /// Standard output.
        public var output: Data
        /// Standard error.
        public var errors: String

        /// Standard output as text.
        public var text: String { String(decoding: output, as: UTF8.self) }
    }

    /// Beside the test program, where SwiftPM puts both.
    public static let path: String = {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("portal").path
    }()

    /// Kept, since it ends when nobody has it any more.
    private let host: AnyObject
    /// Where its sockets are, and a place for the test's own files.
    public let runtime: URL
    /// The ssh_config.
    public let config: String
    /// The host's alias in it.
    public let target: String
    /// Before each command line: how to get into a network.
    private let prefix: [String]

    /// For a host: its alias, and a runtime directory that nobody else uses.
    /// - Parameter relayPort: Where a relay in front of the host listens.
    public convenience init(_ host: TestHost, target: String = "host", relayPort: Int? = nil) throws {
        try self.init(host, target, relayPort.map { host.sshConfig(alias: "host", port: $0) }, host.configFile, prefix: [])
    }

    /// On the near side of a network, for a host on its far side that this ssh_config calls `host`.
    public convenience init(_ host: AnyObject, sshConfig: String, network: NetworkNamespaces) throws {
        try self.init(host, "host", sshConfig, "", prefix: NetworkNamespaces.prefix(network.near))
    }

    /// For a host in a network namespace, of which its configuration holds; the program runs there too.
    public convenience init(_ host: TestHost, namespace: LoopbackNamespace) throws {
        try self.init(host, "host", nil, host.configFile, prefix: namespace.prefix)
    }

    private init(_ host: AnyObject, _ target: String, _ ownConfig: String?, _ otherConfig: String, prefix: [String]) throws {
        self.host = host
        self.target = target
        self.prefix = prefix
        runtime = URL(fileURLWithPath: "/tmp/portal-run-\(UUID().uuidString.prefix(8))")
        config = ownConfig == nil ? otherConfig : runtime.path + "/ssh_config"
        try FileManager.default.createDirectory(at: runtime, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        if let ownConfig { try Data(ownConfig.utf8).write(to: URL(fileURLWithPath: config)) }
    }

    deinit {
        if let stop = try? start(["stop", "--all"], output: FileHandle.nullDevice, errors: FileHandle.nullDevice) {
            _ = waitUntil(seconds: 20) { !stop.isRunning }
        }
        try? FileManager.default.removeItem(at: runtime)
    }

    /// Starts `portal`, without waiting for it.
    public func start(_ arguments: [String], input: Any? = nil, output: Any, errors: Any, environment: [String: String] = [:]) throws
        -> Process
    {
        let process = Process()
        // A session of its own has no terminal: nothing can be asked, whoever runs the tests.
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = prefix + ["setsid", "-w", PortalProgram.path] + arguments
        var variables = ProcessInfo.processInfo.environment
        variables["PORTAL_RUNTIME_DIR"] = runtime.path
        variables["SSH_AUTH_SOCK"] = nil
        variables["SSH_ASKPASS"] = nil
        process.environment = variables.merging(environment) { $1 }
        process.standardInput = input ?? FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        return process
    }

    /// Runs `portal` to its end. It waits without holding a thread: the tests of all suites share as many as there are cores.
    @discardableResult
    public func run(_ arguments: [String], input: Data? = nil, deadline: Double = 60, environment: [String: String] = [:]) async throws
        -> Outcome
    {
        let directory = runtime.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        func file(_ name: String, _ content: Data = Data()) throws -> URL {
            let file = directory.appendingPathComponent(name)
            try content.write(to: file)
            return file
        }
        let (output, errors) = (try file("out"), try file("err"))
        let process = try start(
            arguments, input: try input.map { try FileHandle(forReadingFrom: try file("in", $0)) },
            output: try FileHandle(forWritingTo: output), errors: try FileHandle(forWritingTo: errors), environment: environment)
        guard await eventually(seconds: deadline, { !process.isRunning }) else {
            process.terminate()
            throw TestFailure(
                "portal \(arguments.joined(separator: " ")) did not end within \(deadline) s: \(try String(contentsOf: errors, encoding: .utf8))"
            )
        }
        return Outcome(
            status: process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus,
            output: try Data(contentsOf: output), errors: try String(contentsOf: errors, encoding: .utf8))
    }

    /// `portal exec TARGET -- …`
    @discardableResult
    public func exec(_ command: String..., options: [String] = [], input: Data? = nil, deadline: Double = 60) async throws -> Outcome {
        try await run(["exec", "-F", config] + options + [target, "--"] + command, input: input, deadline: deadline)
    }

    /// The proxies that run for it.
    public var proxies: [FoundProcess] {
        FoundProcess.all(withEnvironment: "PORTAL_RUNTIME_DIR=\(runtime.path)")
            .filter { $0.command.contains("/portal proxy ") && !$0.command.contains(" --detach") }
    }

    /// The process identifier of the target's proxy.
    public func proxyProcess() async throws -> pid_t {
        let status = try await run(["status", "--json"])
        guard let object = try JSONSerialization.jsonObject(with: status.output) as? [String: Any], let pid = object["pid"] as? Int else {
            throw TestFailure("no proxy in: \(status.text) \(status.errors)")
        }
        return pid_t(pid)
    }
}
