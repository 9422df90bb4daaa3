import Foundation

/// Two machines as far as the network goes: namespaces of this one, with a cable between them that can be pulled. Needs root.
///
///     near  10.77.0.2 ──── 10.77.0.1  far, which has 10.78.0.1 too
///
/// The near one reaches 10.78.0.1 by its default route. Addresses need not differ from those of other pairs: nothing leads out of a pair.
public final class NetworkNamespaces: Sendable {
    /// Where the host is reached from the near side.
    public static let hostAddress = "10.78.0.1"
    private static let gateway = "10.77.0.1"
    /// What the near side has first, and what it can have instead.
    public static let addresses = ["10.77.0.2/24", "10.77.0.3/24"]
    private static let mark = "portal-test-"

    /// The namespace of the near side.
    public let near: String
    /// The namespace of the far side.
    public let far: String

    /// What goes before a command line that is to run in a namespace.
    public static func prefix(_ namespace: String) -> [String] { ["ip", "netns", "exec", namespace] }

    /// Why there can be none here; nil where there can.
    public static let obstacle: String? = {
        guard getuid() == 0 else { return "network namespaces are made by root only" }
        do { _ = try NetworkNamespaces() } catch { return "this machine makes no network namespaces: \(error)" }
        return nil
    }()

    /// Makes a pair whose cable is plugged in.
    public init() throws {
        NetworkNamespaces.removeForgotten()
        // The process is in the name, so that who comes later knows whether it is still needed.
        let name = "\(NetworkNamespaces.mark)\(getpid())-\(UUID().uuidString.prefix(8))"
        near = "\(name)-near"
        far = "\(name)-far"
        do {
            for namespace in [near, far] {
                try ip("netns", "add", namespace)
                try ip("-n", namespace, "link", "set", "lo", "up")
            }
            try ip("link", "add", "name", "cable", "netns", near, "type", "veth", "peer", "name", "cable", "netns", far)
            try ip("-n", far, "addr", "add", "\(NetworkNamespaces.gateway)/24", "dev", "cable")
            try ip("-n", far, "addr", "add", "\(NetworkNamespaces.hostAddress)/32", "dev", "lo")
            try ip("-n", far, "link", "set", "cable", "up")
            try ip("-n", near, "addr", "add", NetworkNamespaces.addresses[0], "dev", "cable")
            try plugIn()
        } catch {
            remove()
            throw error
        }
    }

    deinit { remove() }

    /// Takes the interface down, and with it every route.
    public func unplug() throws { try ip("-n", near, "link", "set", "cable", "down") }

    /// Takes it up again, with its default route.
    public func plugIn() throws {
        try ip("-n", near, "link", "set", "cable", "up")
        try addRoute()
    }

    /// Another address instead of one that was there.
    public func changeAddress(from old: String, to new: String) throws {
        try ip("-n", near, "addr", "del", old, "dev", "cable")
        try ip("-n", near, "addr", "add", new, "dev", "cable")
    }

    /// Takes away the default route, and nothing else.
    public func removeRoute() throws { try ip("-n", near, "route", "del", "default") }

    /// Gives it back.
    public func addRoute() throws { try ip("-n", near, "route", "add", "default", "via", NetworkNamespaces.gateway) }

    /// What comes from here is answered no more, or again. Nothing on the near side tells.
    public func setSilent(_ isSilent: Bool) throws {
        try ip("-n", far, "route", isSilent ? "add" : "del", "blackhole", "10.77.0.2/31")
    }

    private func remove() { for namespace in [near, far] { try? ip("netns", "del", namespace) } }

    /// The namespaces of test runs that were killed.
    private static func removeForgotten() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/run/netns")) ?? [] where name.hasPrefix(mark) {
            guard let pid = pid_t(name.dropFirst(mark.count).prefix { $0 != "-" }), kill(pid, 0) != 0, errno == ESRCH else { continue }
            _ = try? Tool.run("ip", "netns", "del", name)
        }
    }
}

private func ip(_ arguments: String...) throws {
    let errors = "/tmp/portal-test-ip-\(UUID().uuidString)"
    defer { unlink(errors) }
    let child = try Child(["ip"] + arguments, errors: errors)
    guard waitUntil(seconds: 10, { !child.isRunning }), child.ended == 0 else {
        let said = (try? String(contentsOfFile: errors, encoding: .utf8)) ?? ""
        throw TestFailure("ip \(arguments.joined(separator: " ")): \(said.trimmingCharacters(in: .whitespacesAndNewlines))")
    }
}
