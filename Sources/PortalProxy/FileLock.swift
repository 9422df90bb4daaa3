#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An exclusive lock on a file (flock(2)), released when its holder dies.
struct FileLock {
    private let descriptor: CInt

    /// Takes the lock, or gives nil where another holds it.
    /// - Throws: `ProxyError` with the code `runtimeDirectory` where the file cannot be opened.
    init?(tryLocking path: String) throws(ProxyError) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else {
            throw ProxyError(.runtimeDirectory, "cannot open \(path): \(String(cString: strerror(errno)))")
        }
        var result: CInt
        repeat { result = flock(descriptor, LOCK_EX | LOCK_NB) } while result != 0 && errno == EINTR
        guard result == 0 else {
            close(descriptor)
            return nil
        }
        self.descriptor = descriptor
    }

    /// Gives the lock back. The file stays: removing it would let two hold "the" lock.
    func release() { close(descriptor) }
}
