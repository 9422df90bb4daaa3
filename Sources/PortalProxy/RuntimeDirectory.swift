#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Where the sockets are: a directory that nobody else can enter.
///
/// `$PORTAL_RUNTIME_DIR`, else `$XDG_RUNTIME_DIR/portal`, else `~/.cache/portal/run`; made with mode 0700 and refused where it is another's,
/// or open to others, since whoever can connect acts on the host as the user.
public struct RuntimeDirectory: Sendable {
    /// The absolute path.
    public let path: String

    /// Finds the directory and makes it where it is missing.
    /// - Throws: `ProxyError` with the code `runtimeDirectory`.
    public init() throws(ProxyError) {
        func variable(_ name: String) -> String? {
            guard let value = getenv(name), value.pointee == UInt8(ascii: "/") else { return nil }
            return String(cString: value)
        }
        let candidate: String
        if let explicit = variable("PORTAL_RUNTIME_DIR") {
            candidate = explicit
        } else if let runtime = variable("XDG_RUNTIME_DIR"), access(runtime, W_OK) == 0 {
            candidate = runtime + "/portal"
        } else if let home = variable("HOME") {
            candidate = home + "/.cache/portal/run"
        } else {
            throw ProxyError(
                .runtimeDirectory, "neither XDG_RUNTIME_DIR nor HOME names a directory: set PORTAL_RUNTIME_DIR to a private one")
        }
        try RuntimeDirectory.make(candidate)
        path = candidate
    }

    private static func make(_ path: String) throws(ProxyError) {
        var status = stat()
        if lstat(path, &status) != 0 {
            if let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash != path.utf8.startIndex {
                let parent = String(path[..<slash])
                if access(parent, F_OK) != 0 { try make(parent) }
            }
            guard mkdir(path, 0o700) == 0 || errno == EEXIST, lstat(path, &status) == 0 else {
                throw ProxyError(
                    .runtimeDirectory,
                    "cannot make \(path) for the proxy's sockets: \(String(cString: strerror(errno))); set PORTAL_RUNTIME_DIR to a directory of yours"
                )
            }
        }
    }

    /// Checks that the directory is ours alone.
    /// - Throws: `ProxyError` with the code `runtimeDirectory`.
    public func check() throws(ProxyError) {
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw ProxyError(.runtimeDirectory, "\(path), where the proxy's sockets belong, is not a directory: remove it")
        }
        guard status.st_uid == geteuid() else {
            throw ProxyError(.runtimeDirectory, "\(path) belongs to another user: set PORTAL_RUNTIME_DIR to a directory of yours")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw ProxyError(.runtimeDirectory, "\(path) is open to other users: chmod 700 \(path)")
        }
    }
}
