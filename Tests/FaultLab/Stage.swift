import Foundation
import NIOCore
import TestSupport

/// A host behind a bad network, and a `portal` of its own that works on it.
///
/// `@unchecked Sendable`: everything is constant after `init`.
public final class Stage: @unchecked Sendable {
    /// The `portal` program.
    public let portal: String
    /// The network.
    public let relay: NetworkRelay
    /// The host behind it.
    public let host: TestHost
    /// The target with its directory, in which everything is done.
    public let target: String
    /// That directory, as seen here.
    public let work: URL
    /// The ssh_config that leads through the relay.
    public let config: String
    /// Where the proxies' sockets are.
    public let runtime: URL

    /// What everything that the host runs has in its environment, and everything here.
    private let marker: String
    private let localMarker: String

    /// Starts the host and the network.
    public init(portal: String, seed: UInt64, line: NetworkRelay.Line = .init(roundTrip: .zero)) async throws {
        guard FileManager.default.isExecutableFile(atPath: portal) else { throw TestFailure("no program \(portal): build it first") }
        self.portal = portal
        let name = UUID().uuidString
        marker = "PORTAL_LAB=\(name)"
        var options = TestHost.Options()
        options.sshd = ["MaxStartups 200", "MaxSessions 200"] + Stage.withoutPenalties
        options.environment = ["PORTAL_LAB": name]
        host = try TestHost(options)
        relay = try await NetworkRelay(to: host.port, line: line, seed: seed)
        runtime = URL(fileURLWithPath: "/tmp/portal-lab-\(name.prefix(8))")
        localMarker = "PORTAL_RUNTIME_DIR=\(runtime.path)"
        try FileManager.default.createDirectory(at: runtime, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        try FileManager.default.createDirectory(at: runtime.appendingPathComponent("crashes"), withIntermediateDirectories: true)
        work = host.directory.appendingPathComponent("work")
        try FileManager.default.createDirectory(at: work, withIntermediateDirectories: true)
        target = "lab:\(work.path)"
        config = runtime.appendingPathComponent("ssh_config").path
        try host.sshConfig(alias: "lab", port: relay.port).write(toFile: config, atomically: true, encoding: .utf8)
        Stage.all.add(self)
    }

    /// sshd from 9.8 on shuts out whoever's connections break while they log in.
    private static let withoutPenalties: [String] = {
        let program = ["/usr/sbin/sshd", "/usr/bin/sshd"].first { FileManager.default.isExecutableFile(atPath: $0) } ?? "/usr/sbin/sshd"
        let knows = (try? Tool.run("sh", "-c", "'\(program)' -T -o PerSourcePenalties=no -f /dev/null -h /dev/null 2>&1; true")) ?? ""
        return knows.contains("Bad configuration option") ? [] : ["PerSourcePenalties no"]
    }()

    /// The environment of the programs that work here.
    public var environment: [String: String] {
        var variables = ProcessInfo.processInfo.environment
        variables["PORTAL_RUNTIME_DIR"] = runtime.path
        // A program with the runtime linked in does not find the tracer, and says so on its standard error.
        if !portal.contains("/release/") { variables["SWIFT_BACKTRACE"] = "enable=yes,color=no,output-to=\(crashes.path)" }
        for name in ["SSH_AUTH_SOCK", "SSH_ASKPASS", "PORTAL_SSH_CONFIG"] { variables[name] = nil }
        return variables
    }

    /// - Throws: Where all stages were abandoned: nothing may be started any more.
    func check() throws { if Stage.all.isAbandoned { throw TestFailure("the program was told to end") } }

    /// The arguments that run a command of `portal` on this stage: `portal COMMAND -F CONFIG …`. They have no terminal.
    public func arguments(_ command: String, _ rest: [String]) -> [String] { ["setsid", "-w", portal, command, "-F", config] + rest }

    /// Where programs that crash say how.
    private var crashes: URL { runtime.appendingPathComponent("crashes") }

    /// What programs said that crashed.
    public var crashReports: [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: crashes.path)) ?? []
        return names.compactMap { try? String(contentsOf: crashes.appendingPathComponent($0), encoding: .utf8) }
    }

    /// The proxies that run.
    public var proxies: [FoundProcess] {
        FoundProcess.all(withEnvironment: localMarker).filter { $0.command.contains("/portal proxy ") && !$0.command.contains(" --detach") }
    }

    /// What runs on the host, of whatever session.
    public var hostProcesses: [FoundProcess] { FoundProcess.all(withEnvironment: marker) }

    /// The sockets in the host's home and in the proxies' directory.
    public var sockets: [String] {
        [host.home, runtime].flatMap { directory in
            let names = FileManager.default.enumerator(atPath: directory.path)?.compactMap { $0 as? String } ?? []
            return names.map { directory.appendingPathComponent($0).path }.filter { path in
                var status = stat()
                return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
            }
        }
    }

    /// The executors among these. Only they have threads: what started one and what watches over one have the same arguments.
    public static func executors(among processes: [FoundProcess]) -> [FoundProcess] {
        processes.filter { $0.threads > 1 && $0.command.contains(" serve ") }
    }

    /// Those that sshd started and that gave their link to an executor: they only wait.
    public static func fronts(among processes: [FoundProcess]) -> [FoundProcess] {
        processes.filter { process in
            process.threads == 1 && process.command.contains(" serve ") && Tool.commandLine(of: process.parent).hasPrefix("sshd")
        }
    }

    /// Lets SIGINT and SIGTERM end the program only after everything that it started. For programs, not for tests.
    public static func endWithProgram() {
        for number in [SIGINT, SIGTERM] {
            // Not SIG_IGN, which every program that is started would inherit.
            signal(number) { _ in }
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                abandonAll()
                exit(128 + number)
            }
            source.activate()
            all.keep(source)
        }
    }

    /// The stages that were not ended yet.
    private static let all = StageList()

    /// Ends everything that runs for any stage, at once: for a program that was told to end.
    public static func abandonAll() {
        all.abandon()
        for stage in all.stages {
            stage.killEverything()
            try? FileManager.default.removeItem(at: stage.host.directory)
            try? FileManager.default.removeItem(at: stage.runtime)
        }
    }

    private func killEverything() {
        host.stop()
        // What is killed may just have started something.
        _ = waitUntil(seconds: 10) {
            let left = hostProcesses + FoundProcess.all(withEnvironment: localMarker).filter { $0.pid != getpid() }
            for process in left { kill(process.pid, SIGKILL) }
            return left.isEmpty
        }
    }

    /// Ends everything that runs for the stage. Whoever wants to know what was left looks before.
    public func end() async {
        killEverything()
        await relay.stop()
        try? FileManager.default.removeItem(at: runtime)
        Stage.all.remove(self)
    }

    /// What sshd logged last.
    public var sshdLog: String { "--- sshd\n\(host.sshdLog.suffix(20_000))" }
}

/// `@unchecked Sendable`: everything is behind the lock.
private final class StageList: @unchecked Sendable {
    private let lock = NSLock()
    private var list: [Stage] = []
    private var sources: [any DispatchSourceSignal] = []

    private var wasAbandoned = false

    var stages: [Stage] { lock.withLock { list } }
    var isAbandoned: Bool { lock.withLock { wasAbandoned } }

    func abandon() { lock.withLock { wasAbandoned = true } }

    func add(_ stage: Stage) { lock.withLock { list.append(stage) } }

    func keep(_ source: any DispatchSourceSignal) { lock.withLock { sources.append(source) } }

    func remove(_ stage: Stage) { lock.withLock { list.removeAll { $0 === stage } } }
}
