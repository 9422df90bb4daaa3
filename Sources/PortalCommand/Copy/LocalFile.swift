import Portal
import PortalWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An open file here. Its calls block.
///
/// `@unchecked Sendable`: one task has it at a time.
final class LocalFile: @unchecked Sendable {
    let path: [UInt8]
    private let descriptor: Int32

    /// - Throws: `PortalError`.
    init(_ path: [UInt8], _ flags: Int32, mode: mode_t = 0o600, action: String) throws(PortalError) {
        self.path = path
        descriptor = LocalFiles.withPath(path) { open($0, flags | O_CLOEXEC | O_NOCTTY, mode) }
        guard descriptor >= 0 else { throw LocalFiles.failure(action, path) }
    }

    deinit { close(descriptor) }

    func status() throws(PortalError) -> FileStatus {
        var raw = stat()
        guard fstat(descriptor, &raw) == 0 else { throw LocalFiles.failure("look at", path) }
        return FileStatus(raw)
    }

    /// The next bytes; fewer than asked for only at the end.
    func read(_ count: Int) throws(PortalError) -> [UInt8] {
        var problem: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let result = readBytes(descriptor, buffer.baseAddress! + filled, count - filled)
                if result < 0 && errno == EINTR { continue }
                if result < 0 { problem = errno }
                if result <= 0 { return }
                filled += result
            }
        }
        guard problem == 0 else { throw LocalFiles.failure("read", path, problem) }
        return bytes
    }

    func write(_ bytes: [UInt8]) throws(PortalError) {
        if let number = writeAll(descriptor, bytes) { throw LocalFiles.failure("write", path, number) }
    }

    func seek(to offset: UInt64) throws(PortalError) {
        guard lseek(descriptor, off_t(offset), SEEK_SET) >= 0 else { throw LocalFiles.failure("read", path) }
    }

    func truncate(to size: UInt64) throws(PortalError) {
        guard ftruncate(descriptor, off_t(size)) == 0 else { throw LocalFiles.failure("write", path) }
        try seek(to: size)
    }

    /// Whether nobody else has it locked; then it is this process's until it is closed.
    func lock() -> Bool { flock(descriptor, LOCK_EX | LOCK_NB) == 0 }

    func setMode(_ mode: UInt32) throws(PortalError) {
        guard fchmod(descriptor, mode_t(mode)) == 0 else { throw LocalFiles.failure("set the permissions of", path) }
    }

    /// Gives it to another user where that is allowed; else it stays this one's.
    func setOwner(_ user: UInt32, _ group: UInt32) { _ = fchown(descriptor, user, group) }

    func setModified(_ nanoseconds: Int64) throws(PortalError) {
        let time = timespec(nanoseconds: nanoseconds)
        guard futimens(descriptor, [time, time]) == 0 else { throw LocalFiles.failure("set the time of", path) }
    }
}

private func readBytes(_ descriptor: Int32, _ buffer: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int { read(descriptor, buffer, count) }
