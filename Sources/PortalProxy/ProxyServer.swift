#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import Logging
import NIOCore
import NIOPosix

/// Serves a proxy on its unix socket, for as long as it has something to do.
public enum ProxyServer {
    /// Runs a proxy: takes the lock, listens, says that it is ready, and returns when the proxy has ended.
    ///
    /// - Parameters:
    ///   - identity: Names the socket and the lock.
    ///   - configuration: The proxy's own.
    ///   - ready: Called once with nil when the socket listens or another proxy already serves it.
    /// - Throws: `ProxyError`.
    public static func run(
        identity: ProxyIdentity, configuration: Proxy.Configuration, logger: Logger, ready: () -> Void
    ) async throws(ProxyError) {
        try identity.checkLength()
        guard let lock = try FileLock(tryLocking: identity.lockPath) else {
            ready()  // Another proxy was quicker; whoever started this one finds that one.
            return
        }
        // Last of all: everything of this name is this process's until then.
        defer { lock.release() }
        openLog(identity.logPath)
        unlink(identity.socketPath)
        let group = MultiThreadedEventLoopGroup.singleton
        let proxy = Proxy(configuration: configuration, eventLoop: group.next(), logger: logger)
        let server: any Channel
        do {
            server = try await listen(on: identity.socketPath, proxy: proxy)
        } catch {
            // Its end is a promise, which must be kept.
            await proxy.giveUp()
            throw ProxyError(.socket, "cannot listen on \(identity.socketPath): \(error)")
        }
        ready()
        proxy.whenIdle()
        try? await proxy.end.get()
        // The socket goes before the lock: a client that finds no socket starts a new proxy, until one gets the lock.
        unlink(identity.socketPath)
        try? await server.close()
        // Of a host that is mistyped nothing stays; why it was not reached was said to whoever asked for it.
        if !proxy.hasConnected { unlink(identity.logPath) }
    }

    /// Standard error becomes the log, which is only made by who holds the lock. What was said before went to whoever started this process.
    private static func openLog(_ path: String) {
        var log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_APPEND, 0o600)
        if log < 0 { log = open("/dev/null", O_WRONLY | O_CLOEXEC) }
        guard log >= 0 else { return }
        dup2(log, 2)
        close(log)
    }

    private static func listen(on path: String, proxy: Proxy) async throws -> any Channel {
        try await ServerBootstrap(group: proxy.eventLoop)
            .serverChannelOption(.backlog, value: 1024)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard try peerUser(of: channel) == geteuid() else { throw ProxyError(.socket, "another user's client was refused") }
                    try proxy.adopt(channel)
                }
            }
            .bind(unixDomainSocketPath: path).get()
    }

    private static func peerUser(of channel: any Channel) throws -> uid_t {
        #if os(Linux)
            guard let provider = channel as? any SocketOptionProvider else { throw ProxyError(.socket, "the client's user cannot be told") }
            let future: EventLoopFuture<PeerCredentials> = provider.unsafeGetSocketOption(
                level: .socket, name: .init(rawValue: SO_PEERCRED))
            var user: uid_t?
            future.assumeIsolated().whenSuccess { user = $0.uid }
            guard let user else { throw ProxyError(.socket, "the client's user cannot be told") }
            return user
        #else
            return geteuid()  // The directory is closed to others; LOCAL_PEERCRED would say the same.
        #endif
    }
}

/// `struct ucred` of unix(7), which Glibc's Swift module leaves out.
struct PeerCredentials: Sendable {
    var pid: Int32
    var uid: UInt32
    var gid: UInt32
}

/// The proxy's own process identifier.
func processIdentifier() -> UInt64 { UInt64(getpid()) }
