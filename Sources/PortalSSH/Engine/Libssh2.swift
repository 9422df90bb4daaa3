import CLibssh2

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A failed libssh2 call: its number and what libssh2 says about it.
struct EngineFault: Error {
    var code: Int32
    var text: String
}

/// What is one for the whole process.
enum Libssh2 {
    /// `libssh2_init` is not safe to run twice at once; a static let runs once.
    static let initialized: Int32 = portal_ssh_initialize()

    /// The version of the library in use, as 0x010a00.
    static let version = portal_ssh_version()

    /// RSA with SHA-2, the only RSA that OpenSSH 8.8 and later accept.
    static var signsRSAWithSHA2: Bool { version >= 0x010b00 }

    /// libssh2 wants a descriptor to switch to non-blocking; nothing is ever read from or written to it.
    static let spareDescriptor: Int32 = open("/dev/null", O_RDWR | O_CLOEXEC | O_NONBLOCK)

    static let versionText: String = String(cString: libssh2_version(0))
}

/// The algorithms offered, best first. libssh2 drops the names that it does not know, so one list serves every version.
enum Algorithms {
    static let keyExchange = [
        "mlkem768x25519-sha256", "curve25519-sha256", "curve25519-sha256@libssh.org", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521", "diffie-hellman-group-exchange-sha256", "diffie-hellman-group16-sha512", "diffie-hellman-group18-sha512",
        "diffie-hellman-group14-sha256", "diffie-hellman-group14-sha1",
    ]
    /// No certificates: libssh2 offers them but cannot check the authority.
    static let hostKey = [
        "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512", "rsa-sha2-256", "ssh-rsa",
    ]
    static let cipher = [
        "chacha20-poly1305@openssh.com", "aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr",
    ]
    /// On loopback with libssh2 1.10.0 and aes128-ctr, 200 MiB down and up: sha2-256 302 and 193 MB/s, sha2-512 228 and 189, sha1 308 and 238.
    /// SHA-1 gains too little to come first.
    static let mac = [
        "hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512", "hmac-sha1",
    ]

    /// The host key algorithms with those first whose key is already known: a server that has several shows the one we can check.
    static func hostKeys(knownTypes: [String]) -> [String] {
        var known: [String] = []
        for type in knownTypes {
            known += type == "ssh-rsa" ? ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"] : [type]
        }
        return hostKey.filter(known.contains) + hostKey.filter { !known.contains($0) }
    }
}
