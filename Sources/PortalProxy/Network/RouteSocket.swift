#if os(Linux)
    #if canImport(Glibc)
        import Glibc
    #else
        import Musl
    #endif

    /// The socket on which Linux says what happens to its network (netlink(7), rtnetlink(7)).
    enum RouteSocket {
        // linux/netlink.h and linux/rtnetlink.h, which the system's Swift modules leave out.
        private static let family: CInt = 16
        private static let routeProtocol: CInt = 0
        /// RTMGRP_LINK, and addresses and routes of IPv4 and IPv6. Not neighbours, of which there is always news.
        private static let groups: UInt32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400

        /// `struct sockaddr_nl`.
        private struct Address {
            var family = UInt16(RouteSocket.family)
            var padding: UInt16 = 0
            var process: UInt32 = 0
            var groups = RouteSocket.groups
        }

        /// A socket that gets what happens from now on, and never blocks.
        /// - Throws: `ProxyError` with the code `socket`: a sandbox forbids it, or the kernel was built without.
        static func open() throws(ProxyError) -> CInt {
            #if canImport(Glibc)
                let kind = CInt(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
            #else
                let kind = SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK
            #endif
            let descriptor = socket(family, kind, routeProtocol)
            guard descriptor >= 0 else { throw failure("socket") }
            var address = Address()
            let outcome = withUnsafeMutableBytes(of: &address) { bytes in
                bind(descriptor, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
            }
            guard outcome == 0 else {
                let error = failure("bind")
                close(descriptor)
                throw error
            }
            return descriptor
        }

        /// Closes one that nobody else owns.
        static func close(_ descriptor: CInt) { _ = systemClose(descriptor) }

        private static func failure(_ call: String) -> ProxyError {
            ProxyError(.socket, "\(call) of a netlink socket: \(String(cString: strerror(errno)))")
        }
    }

    private func systemClose(_ descriptor: CInt) -> CInt { close(descriptor) }
#endif
