import Foundation

/// A machine whose first process is systemd, with logind, an sshd that makes logins of it, and the user `ann`: `machine.sh` beside this file.
/// It is on the far side of a network. Needs root.
///
/// `@unchecked Sendable`: everything is constant after `init`.
public final class SystemdMachine: @unchecked Sendable {
    private static let port = 2222
    private static let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("machine.sh").path

    /// The network that it is reached by.
    public let network: NetworkNamespaces
    /// An ssh_config with the alias `host`, for the near side.
    public let sshConfig: String
    private let directory: URL
    private let child: Child
    /// The machine lives until this is closed, by us or by our end.
    private let lifeline: Int32

    /// Why there can be none here; nil where there can.
    public static let obstacle: String? = {
        if let obstacle = NetworkNamespaces.obstacle { return obstacle }
        let files = [
            "/lib/systemd/systemd", "/lib/systemd/systemd-logind", "/usr/bin/dbus-daemon", "/usr/lib/systemd/user/dbus.service",
            "/usr/bin/busctl", "/usr/sbin/sshd",
        ]
        if let missing = files.first(where: { !FileManager.default.fileExists(atPath: $0) }) { return "there is no \(missing)" }
        do { _ = try SystemdMachine(killingUserProcesses: false) } catch { return "\(error)" }
        return nil
    }()

    /// Boots one.
    public init(killingUserProcesses: Bool) throws {
        network = try NetworkNamespaces()
        directory = URL(fileURLWithPath: "/tmp/portal-machine-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        for name in ["key", "host_key"] {
            try Tool.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory.appendingPathComponent(name).path)
        }
        sshConfig = """
            Host host
              HostName \(NetworkNamespaces.hostAddress)
              Port \(SystemdMachine.port)
              User ann
              IdentityFile \(directory.path)/key
              IdentitiesOnly yes
              IdentityAgent none
              UserKnownHostsFile \(directory.path)/known_hosts
              GlobalKnownHostsFile /dev/null

            """
        let hostKey = try String(contentsOf: directory.appendingPathComponent("host_key.pub"), encoding: .utf8)
        try Data("[\(NetworkNamespaces.hostAddress)]:\(SystemdMachine.port) \(hostKey)".utf8)
            .write(to: directory.appendingPathComponent("known_hosts"))
        let config = directory.appendingPathComponent("ssh_config")
        try Data(sshConfig.utf8).write(to: config)

        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw TestFailure("no socket for a machine") }
        lifeline = ends[0]
        let log = directory.appendingPathComponent("log").path
        child = try Child(
            // Not `ip netns exec`, which would hide the cgroups.
            ["nsenter", "--net=/run/netns/\(network.far)", SystemdMachine.script, directory.path, NetworkNamespaces.hostAddress]
                + ["\(SystemdMachine.port)", killingUserProcesses ? "yes" : "no"],
            errors: log, pipes: (ends[1], ends[1]))
        close(ends[1])
        // A login is what it is for: it has booted when there can be one.
        var said = ""
        guard waitUntil(seconds: 30, { (try? run("loginctl show-session self --property=Scope")) ?? "" != "" }) else {
            said = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
            throw TestFailure("systemd does not boot in namespaces here: \(said.suffix(300))")
        }
    }

    deinit {
        close(lifeline)
        if !waitUntil(seconds: 10, { !child.isRunning }) { child.end() }
        try? FileManager.default.removeItem(at: directory)
    }

    /// Logs in as its user, runs a shell's text, and returns what it printed.
    public func run(_ text: String) throws -> String {
        let prefix = NetworkNamespaces.prefix(network.near)
        let output = directory.appendingPathComponent(UUID().uuidString).path
        defer { unlink(output) }
        let child = try Child(
            prefix + ["ssh", "-F", directory.path + "/ssh_config", "-o", "BatchMode=yes", "host", text], output: output,
            errors: "/dev/null")
        guard waitUntil(seconds: 10, { !child.isRunning }), child.ended == 0 else {
            child.end()
            throw TestFailure("no login on the machine for: \(text)")
        }
        return try String(contentsOfFile: output, encoding: .utf8)
    }

    /// Whether the user's processes stay when there is no login any more.
    public func setLingering(_ lingers: Bool) throws {
        try Tool.run(
            "nsenter", "-t", "\(try firstProcess)", "-a", "-r", "-w", "loginctl", lingers ? "enable-linger" : "disable-linger", "ann")
    }

    /// The commands of the user's processes there, as seen from here.
    public func commands() throws -> [String] {
        Tool.descendants(of: try firstProcess).map { Tool.commandLine(of: $0) }
    }

    /// Ends every login of the user at once, as a lost connection does.
    public func endLogins() throws {
        for pid in Tool.descendants(of: try firstProcess) where Tool.commandLine(of: pid).hasPrefix("sshd: ann") { kill(pid, SIGKILL) }
    }

    private var firstProcess: pid_t {
        get throws {
            let found = Tool.descendants(of: child.pid).first {
                Tool.commandLine(of: $0).hasPrefix("/lib/systemd/systemd --unit=portal-test")
            }
            guard let found else { throw TestFailure("the machine has ended") }
            return found
        }
    }
}
