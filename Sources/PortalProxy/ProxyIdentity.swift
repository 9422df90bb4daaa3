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
}
