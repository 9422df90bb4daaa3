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

/// A proxy inside the program that uses it: for programs without the `portal` command, and for tests. It ends with its last client.
public enum InProcessProxy {
    /// Makes a proxy and a socket that is connected to it.
    /// - Returns: A connected stream socket; its reader owns it.
    /// - Throws: `ProxyError` with the code `socket`.
    public static func connect(_ configuration: Proxy.Configuration, logger: Logger) async throws(ProxyError) -> CInt {
        var pair: [CInt] = [-1, -1]
        #if os(Linux)
            let kind = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
        #else
            let kind = SOCK_STREAM
        #endif
        guard socketpair(AF_UNIX, kind, 0, &pair) == 0 else {
            throw ProxyError(.socket, "cannot make a socket for the proxy: \(String(cString: strerror(errno)))")
        }
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        var configuration = configuration
        configuration.persist = .zero
        let proxy = Proxy(configuration: configuration, eventLoop: loop, logger: logger)
        do {
            _ = try await ClientBootstrap(group: loop)
                .channelInitializer { channel in channel.eventLoop.makeCompletedFuture { try proxy.adopt(channel) } }
                .withConnectedSocket(pair[0]).get()
        } catch {
            close(pair[1])
            throw ProxyError(.socket, "cannot connect to the proxy in this program: \(error)")
        }
        // The proxy lives as long as its end is awaited.
        proxy.end.whenComplete { _ in withExtendedLifetime(proxy) {} }
        return pair[1]
    }
}
