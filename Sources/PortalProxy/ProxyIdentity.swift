#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Which proxy serves a target: one for each account, host, port, ssh_config file and build, so that two versions of portal live side by side.
public struct ProxyIdentity: Sendable {
    /// The target, without a directory.
    public let target: Target
    /// The ssh_config that was named, as an absolute path; nil for the user's own.
    public let sshConfig: String?
    /// The directory of the socket.
    public let directory: RuntimeDirectory

    /// The name of this proxy's files: enough of the host to recognise it, and a hash of everything.
    public let name: String

    /// Makes the identity.
    /// - Parameter name: The name that a client gave the proxy which it starts; nil to make it. A program's own build may be another one
    ///   than that of the `portal` it starts, and both must mean the same socket.
    /// - Throws: `ProxyError` where the runtime directory cannot be used.
    public init(target: Target, sshConfig: String?, name: String? = nil) throws(ProxyError) {
        self.target = target.withoutDirectory
        self.sshConfig = sshConfig.map { $0.utf8.first == UInt8(ascii: "/") ? $0 : ProxyIdentity.absolute($0) }
        directory = try RuntimeDirectory()
        try directory.check()
        if let name, name.utf8.contains(UInt8(ascii: "/")) { throw ProxyError(.start, "\(name) is not the name of a proxy") }
        self.name = name ?? ProxyIdentity.makeName(self.target, self.sshConfig)
    }

    private static func absolute(_ path: String) -> String {
        guard let current = getcwd(nil, 0) else { return path }
        defer { free(current) }
        return String(cString: current) + "/" + path
    }

    private static func makeName(_ target: Target, _ sshConfig: String?) -> String {
        let readable = target.address.host.utf8.prefix(24).map { byte -> UInt8 in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E: byte
            default: 0x5F
            }
        }
        // FNV-1a, 64 bits: names need to differ, not to be secret.
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        let parts = [target.name, sshConfig ?? "", Build.identity]
        for part in parts {
            for byte in Array(part.utf8) + [0] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        }
        return String(decoding: readable, as: UTF8.self) + "-" + String(hash, radix: 16)
    }

    /// The unix socket on which the proxy serves.
    public var socketPath: String { "\(directory.path)/\(name).sock" }
    /// Locked by the proxy as long as it lives: a socket without the lock held is stale.
    public var lockPath: String { "\(directory.path)/\(name).lock" }
    /// The secret of the session that lives on the host, for the proxy after this one.
    public var sessionPath: String { "\(directory.path)/\(name).session" }
    /// What the proxy has to say to nobody. It goes with a proxy that never had a link.
    public var logPath: String { "\(directory.path)/\(name).log" }

    /// Says whether the socket's path fits in a socket address.
    /// - Throws: `ProxyError` with the code `runtimeDirectory` where it does not.
    public func checkLength() throws(ProxyError) {
        guard socketPath.utf8.count < 104 else {
            throw ProxyError(
                .runtimeDirectory, "\(directory.path) is too long for a socket's path: set PORTAL_RUNTIME_DIR to a shorter one")
        }
    }
}

/// The proxies of this user.
public enum RunningProxies {
    /// The sockets in the runtime directory, of this build and of others; a stale one among them refuses a connection.
    /// - Throws: `ProxyError` where the directory cannot be used.
    public static func sockets() throws(ProxyError) -> [String] {
        let directory = try RuntimeDirectory()
        try directory.check()
        guard let entries = opendir(directory.path) else { return [] }
        defer { closedir(entries) }
        var paths: [String] = []
        while let entry = readdir(entries) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name.utf8.suffix(5).elementsEqual(".sock".utf8) { paths.append("\(directory.path)/\(name)") }
        }
        return paths.sorted()
    }

    /// Kills the proxy behind a socket, which is for one that does not answer. Its lock goes with it; whatever it had on the host is found
    /// again by the next one.
    /// - Returns: Whether there was one.
    public static func kill(at path: String) -> Bool {
        guard let proxy = listener(at: path) else { return false }
        #if canImport(Glibc)
            return Glibc.kill(proxy, SIGKILL) == 0
        #elseif canImport(Musl)
            return Musl.kill(proxy, SIGKILL) == 0
        #else
            return Darwin.kill(proxy, SIGKILL) == 0
        #endif
    }

    /// The process of this user that listens on a socket.
    private static func listener(at path: String) -> pid_t? {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < room else { return nil }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        #if os(Linux)
            let descriptor = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue), 0)
        #else
            let descriptor = socket(AF_UNIX, SOCK_STREAM, 0)
        #endif
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        guard result == 0 else { return nil }
        #if os(Linux)
            var peer = PeerCredentials(pid: 0, uid: 0, gid: 0)
            var length = socklen_t(MemoryLayout<PeerCredentials>.size)
            guard getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0, peer.uid == geteuid() else { return nil }
            return peer.pid
        #else
            var process = pid_t(0)
            var length = socklen_t(MemoryLayout<pid_t>.size)
            guard getsockopt(descriptor, SOL_LOCAL, LOCAL_PEERPID, &process, &length) == 0 else { return nil }
            return process
        #endif
    }
}
