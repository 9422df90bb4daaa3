import PortalProxy
import PortalWire

/// The proxies that run for this user, whatever their target.
public enum Proxies {
    /// What each running proxy says of itself.
    /// - Throws: `PortalError` where the directory of the sockets cannot be used. A socket that nobody serves is left out.
    public static func all() async throws(PortalError) -> [ProxyStatus] {
        var found: [ProxyStatus] = []
        try await forEach { workspace in
            if let status = try? await workspace.status() { found.append(status) }
        }
        return found
    }

    /// Ends every proxy, and with them everything that runs on their hosts. One that does not answer is killed.
    /// - Returns: The targets whose proxies ended.
    public static func stopAll() async throws(PortalError) -> [String] {
        var stopped: [String] = []
        try await forEach { workspace in
            if let status = try? await workspace.status(), (try? await workspace.stop()) != nil {
                stopped.append(String(decoding: status.target, as: UTF8.self))
            }
        } silent: { path in
            // Its file is called after its target, with a hash behind it.
            let name = path.utf8.split(separator: UInt8(ascii: "/")).last ?? path.utf8[...]
            let end = name.lastIndex(of: UInt8(ascii: "-")) ?? name.endIndex
            if RunningProxies.kill(at: path) { stopped.append(String(decoding: name[..<end], as: UTF8.self)) }
        }
        return stopped
    }

    /// Kills a target's proxy, for one that does not answer. What it had on the host goes on there as after any other loss of the connection,
    /// and the next call finds it.
    /// - Returns: Whether there was one.
    /// - Throws: `PortalError` for a text that is no target, or where the directory of the sockets cannot be used.
    public static func kill(_ target: String, sshConfig: String? = nil) throws(PortalError) -> Bool {
        do throws(ProxyError) {
            return RunningProxies.kill(at: try ProxyIdentity(target: try Target(target), sshConfig: sshConfig).socketPath)
        } catch { throw PortalError(error) }
    }

    private static func forEach(
        _ body: (Workspace) async -> Void, silent: (_ path: String) -> Void = { _ in }
    ) async throws(PortalError) {
        let paths: [String]
        do throws(ProxyError) { paths = try RunningProxies.sockets() } catch { throw PortalError(error) }
        for path in paths {
            let connection = ProxyConnection(options: ConnectionOptions())
            do throws(PortalError) { try await ProxyLink.open(.path(path), for: connection) } catch {
                if error.code == .timedOut { silent(path) }
                continue
            }
            defer { connection.close() }
            guard let target = try? Target("localhost") else { continue }
            await body(Workspace(target: target, connection: connection))
        }
    }
}
