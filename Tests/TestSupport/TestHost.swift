import Foundation

/// A real, unprivileged `sshd` on loopback with its own keys, client configuration and home, in a temporary directory.
///
/// `@unchecked Sendable`: everything but the process is constant after `init`, and `stop` serializes through `lock`.
public final class TestHost: @unchecked Sendable {
    /// Holds everything; removed at the end.
    public let directory: URL
    /// An ssh_config with the alias `host`.
    public let configFile: String
    /// The port on 127.0.0.1.
    public let port: Int
    /// The session's HOME.
    public let home: URL
    /// The client's known_hosts.
    public let knownHosts: URL
    /// The client's private key, in the alias's IdentityFile.
    public let keyFile: URL

    private let process: Child
    private let log: URL
    private let lock = NSLock()

    /// What to start.
    public struct Options: Sendable {
        /// More lines for sshd_config, before all others: the first value counts.
        public var sshd: [String] = []
        /// More lines for the alias in ssh_config, before all others.
        public var client: [String] = []
        /// Environment of the sessions; HOME is set already.
        public var environment: [String: String] = [:]
        /// The client's key: type and passphrase.
        public var keyType = "ed25519"
        /// The key's passphrase; none when empty.
        public var passphrase = ""
        /// The host's key type.
        public var hostKeyType = "ed25519"
        /// known_hosts knows the host.
        public var isKnown = true
        /// The network namespace that the host is in; nil for this machine's.
        public var namespace: String?
        /// Directories in whose place the host has others that are empty at first: what is in them there is not here. Needs a namespace.
        public var ownDirectories: [String] = []
        /// The defaults.
        public init() {}
    }

    /// Makes the keys and the configurations, and starts sshd.
    public init(_ options: Options = Options()) throws {
        directory = URL(fileURLWithPath: "/tmp/portal-test-\(UUID().uuidString.prefix(8))")
        let files = FileManager.default
        home = directory.appendingPathComponent("home")
        try files.createDirectory(at: home, withIntermediateDirectories: true)
        // Another user's processes must get through to the home, but see nothing else.
        try files.setAttributes([.posixPermissions: 0o711], ofItemAtPath: directory.path)
        keyFile = directory.appendingPathComponent("id")
        let hostKey = directory.appendingPathComponent("host_key")
        knownHosts = directory.appendingPathComponent("known_hosts")
        log = directory.appendingPathComponent("sshd.log")
        try Tool.run("ssh-keygen", "-q", "-t", options.keyType, "-N", options.passphrase, "-C", "test key", "-f", keyFile.path)
        try Tool.run("ssh-keygen", "-q", "-t", options.hostKeyType, "-N", "", "-f", hostKey.path)
        let authorized = directory.appendingPathComponent("authorized_keys")
        try files.copyItem(at: URL(fileURLWithPath: keyFile.path + ".pub"), to: authorized)
        if getuid() == 0 { try? files.createDirectory(atPath: "/run/sshd", withIntermediateDirectories: true) }

        var environment = options.environment
        environment["HOME"] = environment["HOME"] ?? home.path
        let setEnvironment = environment.sorted { $0.key < $1.key }.map { "\"\($0.key)=\($0.value)\"" }.joined(separator: " ")
        let executable = ["/usr/sbin/sshd", "/usr/bin/sshd"].first { files.isExecutableFile(atPath: $0) } ?? "/usr/sbin/sshd"
        var started: (process: Child, port: Int)?
        // A random port may be taken by the time that sshd binds it: then another.
        for _ in 0..<10 where started == nil {
            let port = Int.random(in: 20000..<60000)
            let lines =
                options.sshd + [
                    "Port \(port)", "ListenAddress 127.0.0.1", "HostKey \(hostKey.path)", "PidFile none",
                    "AuthorizedKeysFile \(authorized.path)",
                    "StrictModes no", "UsePAM no", "PasswordAuthentication no", "KbdInteractiveAuthentication no", "PermitRootLogin yes",
                    "LogLevel VERBOSE", "PrintMotd no", "SetEnv \(setEnvironment)",
                ]
            let configuration = directory.appendingPathComponent("sshd_config")
            try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: configuration)
            guard files.createFile(atPath: log.path, contents: nil) else { throw TestFailure("\(log.path) cannot be created") }
            var prefix = options.namespace.map(NetworkNamespaces.prefix) ?? []
            // What runs in a network namespace has its own view of the file systems too.
            if !prefix.isEmpty { prefix += TestHost.mounting(options.ownDirectories) }
            let process = try Child(prefix + [executable, "-D", "-e", "-f", configuration.path], errors: log.path)
            let log = log
            _ = waitUntil(seconds: 10) {
                !process.isRunning || ((try? String(contentsOf: log, encoding: .utf8)) ?? "").contains("Server listening")
            }
            if process.isRunning { started = (process, port) }
        }
        guard let started else { throw TestFailure("sshd does not start: \((try? String(contentsOf: log, encoding: .utf8)) ?? "")") }
        process = started.process
        port = started.port

        if options.isKnown {
            let key = try String(contentsOfFile: hostKey.path + ".pub", encoding: .utf8).split(separator: " ").prefix(2).joined(
                separator: " ")
            try Data("[127.0.0.1]:\(port) \(key)\n".utf8).write(to: knownHosts)
        }
        configFile = directory.appendingPathComponent("ssh_config").path
        let client =
            ["Host host"] + options.client + [
                "HostName 127.0.0.1", "Port \(port)", "IdentityFile \(keyFile.path)", "IdentityAgent none",
                "UserKnownHostsFile \(knownHosts.path)", "GlobalKnownHostsFile /dev/null",
            ]
        try Data((client.joined(separator: "\n  ") + "\n").utf8).write(to: URL(fileURLWithPath: configFile))
    }

    /// What goes before a command line, in a namespace of its own for file systems, so that it has empty directories in the place of others.
    public static func mounting(_ directories: [String]) -> [String] {
        let mounts = directories.map { "mount -t tmpfs portal-test \($0) && " }.joined()
        return directories.isEmpty ? [] : ["sh", "-c", mounts + "exec \"$@\"", "sh"]
    }

    deinit {
        stop()
        // A session outlives its links, and must not outlive its host.
        for session in FoundProcess.all(withEnvironment: "HOME=\(home.path)") { kill(session.pid, SIGKILL) }
        chmod(home.path, 0o700)
        try? FileManager.default.removeItem(at: directory)
    }

    /// What sshd logged.
    public var sshdLog: String { (try? String(contentsOf: log, encoding: .utf8)) ?? "" }

    /// How many logins with a public key there were.
    public var logins: Int { sshdLog.components(separatedBy: "Accepted publickey").count - 1 }

    /// Ends sshd and every session of it at once, as a crash would.
    public func stop() {
        lock.lock()
        defer { lock.unlock() }
        process.end()
    }

    /// Stops every process of sshd where it is: connections stay open and nothing answers. Undone by `thaw`.
    public func freeze() { for pid in [process.pid] + Tool.descendants(of: process.pid) { kill(pid, SIGSTOP) } }

    /// Lets what `freeze` stopped go on.
    public func thaw() { for pid in [process.pid] + Tool.descendants(of: process.pid) { kill(pid, SIGCONT) } }

    /// The processes of sshd that serve the connections, without what they started.
    public var sessions: [FoundProcess] {
        Tool.descendants(of: process.pid).compactMap { FoundProcess($0) }.filter { $0.command.hasPrefix("sshd") }
    }

    /// Kills the sessions but leaves sshd listening.
    public func dropSessions() {
        for pid in Tool.descendants(of: process.pid) { kill(pid, SIGKILL) }
    }
}

/// Why the surroundings of a test could not be made.
public struct TestFailure: Error, CustomStringConvertible {
    /// What could not be made.
    public var description: String

    /// A failure.
    public init(_ description: String) { self.description = description }
}

/// Waits for a state, asking every few milliseconds; false at the deadline.
public func waitUntil(seconds: Double, _ condition: () -> Bool) -> Bool {
    let end = DispatchTime.now() + seconds
    while !condition() {
        if DispatchTime.now() > end { return false }
        usleep(5000)
    }
    return true
}

/// As `waitUntil`, for asynchronous tests: it holds no thread.
public func eventually(seconds: Double, _ condition: () async -> Bool) async -> Bool {
    let end = ContinuousClock.now + .seconds(seconds)
    while await !condition() {
        if ContinuousClock.now > end { return false }
        try? await Task.sleep(for: .milliseconds(5))
    }
    return true
}

/// Other programs.
public enum Tool {
    /// Runs a program to its end and returns its standard output; throws unless it exits with 0.
    @discardableResult
    public static func run(_ arguments: String...) throws -> String {
        let file = "/tmp/portal-test-output-\(UUID().uuidString)"
        defer { unlink(file) }
        let child = try Child(arguments, output: file)
        guard waitUntil(seconds: 60, { !child.isRunning }) else {
            child.end()
            throw TestFailure("\(arguments.joined(separator: " ")) does not end")
        }
        guard child.ended == 0 else { throw TestFailure("\(arguments.joined(separator: " ")) ended with \(child.ended ?? -1)") }
        return (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
    }

    /// The arguments of a process, joined with spaces; empty when it is gone.
    public static func commandLine(of pid: pid_t) -> String {
        (try? String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8))?.replacingOccurrences(of: "\0", with: " ") ?? ""
    }

    /// All processes below one, deepest last.
    public static func descendants(of parent: pid_t) -> [pid_t] {
        var children: [pid_t: [pid_t]] = [:]
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let pid = pid_t(name), let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
                let end = stat.lastIndex(of: ")")
            else { continue }
            let fields = stat[stat.index(after: end)...].split(separator: " ")
            if fields.count > 1, let ppid = pid_t(fields[1]) { children[ppid, default: []].append(pid) }
        }
        var found: [pid_t] = []
        var next = [parent]
        while let pid = next.popLast() {
            found += children[pid] ?? []
            next += children[pid] ?? []
        }
        return found
    }
}
