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

    /// Ends every proxy, and with them everything that runs on their hosts.
    /// - Returns: The targets whose proxies ended.
    public static func stopAll() async throws(PortalError) -> [String] {
        var stopped: [String] = []
        try await forEach { workspace in
            if let status = try? await workspace.status(), (try? await workspace.stop()) != nil {
                stopped.append(String(decoding: status.target, as: UTF8.self))
            }
        }
        return stopped
    }

    private static func forEach(_ body: (Workspace) async -> Void) async throws(PortalError) {
        let paths: [String]
        do throws(ProxyError) { paths = try RunningProxies.sockets() } catch { throw PortalError(error) }
        for path in paths {
            let connection = ProxyConnection(options: ConnectionOptions())
            guard (try? await ProxyLink.open(.path(path), for: connection)) != nil else { continue }
            defer { connection.close() }
            guard let target = try? Target("localhost") else { continue }
            await body(Workspace(target: target, connection: connection))
        }
    }
}
