#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An exclusive lock on a file (flock(2)), released when its holder dies.
///
/// Its holder takes the file away when it gives the lock back, and nobody else ever does. So whoever has locked a file must see whether it is
/// still the one that the path names: it may have been opened just before its holder removed it.
struct FileLock {
    private let path: String
    private let descriptor: CInt

    /// Takes the lock, or gives nil where another holds it.
    /// - Throws: `ProxyError` with the code `runtimeDirectory` where the file cannot be opened.
    init?(tryLocking path: String) throws(ProxyError) {
        while true {
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
            if FileLock.isNamed(path, descriptor) {
                self.path = path
                self.descriptor = descriptor
                return
            }
            close(descriptor)
        }
    }

    private static func isNamed(_ path: String, _ descriptor: CInt) -> Bool {
        var (named, locked) = (stat(), stat())
        guard fstat(descriptor, &locked) == 0, lstat(path, &named) == 0 else { return false }
        return named.st_dev == locked.st_dev && named.st_ino == locked.st_ino
    }

    /// Takes the file away and gives the lock back: from then on another may hold it.
    func release() {
        unlink(path)
        close(descriptor)
    }
}
