#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import CContentHash
import PortalWire

/// The session's secret in a file of mode 0600, so that the proxy after this one finds the executor that still lives on the host.
struct SessionStore {
    private static let secretLength = 32

    let path: String

    /// The secret that is kept; nil where there is none, or the file is nobody's but ours no longer.
    func read() -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_uid == geteuid(), status.st_mode & 0o077 == 0 else { return nil }
        var bytes = [UInt8](repeating: 0, count: SessionStore.secretLength + 1)
        guard systemRead(descriptor, &bytes, bytes.count) == SessionStore.secretLength else { return nil }
        bytes.removeLast()
        return bytes.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) } ? bytes : nil
    }

    /// Keeps a secret, in the place of another. Where that fails, the proxy after this one begins a new session: nothing else is lost.
    func write(_ secret: [UInt8]) {
        let new = path + ".new"
        unlink(new)
        let descriptor = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return }
        let written = systemWrite(descriptor, secret, secret.count)
        close(descriptor)
        if written == secret.count, rename(new, path) == 0 { return }
        unlink(new)
    }

    /// The session has ended.
    func remove() { unlink(path) }

    /// What a session is called where others may read it, the command line on the host: the first 16 hexadecimal digits of its secret's SHA-256.
    static func name(ofSecret secret: [UInt8]) -> String {
        guard let hash = content_hash_new() else { return "" }
        defer { content_hash_free(hash) }
        content_hash_add(hash, secret, secret.count)
        var digest = [UInt8](repeating: 0, count: 32)
        content_hash_end(hash, &digest)
        return String(decoding: hexadecimal(Array(digest.prefix(8))), as: UTF8.self)
    }
}

private func systemRead(_ descriptor: CInt, _ bytes: inout [UInt8], _ count: Int) -> Int { read(descriptor, &bytes, count) }

private func systemWrite(_ descriptor: CInt, _ bytes: [UInt8], _ count: Int) -> Int { write(descriptor, bytes, count) }
