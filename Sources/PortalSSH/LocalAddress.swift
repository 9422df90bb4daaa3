import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The address of this machine from which a connection was made.
public struct LocalAddress: Sendable, Hashable {
    private let address: SocketAddress

    /// Nil for what is no address in a network: a proxy command's socket.
    init?(_ address: SocketAddress?) {
        guard var address else { return nil }
        guard case .unixDomainSocket = address else {
            address.port = 0
            self.address = address
            return
        }
        return nil
    }

    /// Whether this machine still has the address. Asks the kernel, which answers without waiting for anything.
    ///
    /// Where the system lets programs take addresses that it does not have (`ip_nonlocal_bind`), every address seems to be there.
    public var isThere: Bool {
        #if canImport(Glibc)
            let kind = CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue)
        #elseif canImport(Musl)
            let kind = SOCK_DGRAM | SOCK_CLOEXEC
        #else
            let kind = SOCK_DGRAM
        #endif
        let descriptor = address.withSockAddr { pointer, _ in socket(CInt(pointer.pointee.sa_family), kind, 0) }
        guard descriptor >= 0 else { return true }
        defer { _ = closeSocket(descriptor) }
        let outcome = address.withSockAddr { pointer, size in bind(descriptor, pointer, socklen_t(size)) }
        return outcome == 0 || errno != EADDRNOTAVAIL
    }
}

private func closeSocket(_ descriptor: CInt) -> CInt { close(descriptor) }
