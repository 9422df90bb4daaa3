import Portal
import PortalWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// This machine's files, as the host's are seen. All of it blocks: it is called through `Blocking`.
enum LocalFiles {
    /// Why a call failed here, with the code that the host would give it.
    static func failure(_ action: String, _ path: [UInt8], _ number: Int32 = errno) -> PortalError {
        let code: ErrorCode =
            switch number {
            case ENOENT: .notFound
            case EACCES, EPERM, EROFS: .permissionDenied
            case EEXIST, ENOTEMPTY: .exists
            case ENOTDIR: .notADirectory
            case EISDIR: .isADirectory
            case ENOSPC, EDQUOT: .noSpace
            case EFBIG, ENAMETOOLONG: .tooLarge
            case EINVAL, ELOOP, EXDEV, ENXIO: .invalid
            default: .internal
            }
        return PortalError(code, "\(action) \(Path.shown(path)): \(String(cString: strerror(number)))")
    }

    /// What is at a path.
    static func status(_ path: [UInt8], follow: Bool) throws(PortalError) -> FileStatus {
        var raw = stat()
        let result = withPath(path) { follow ? stat($0, &raw) : lstat($0, &raw) }
        guard result == 0 else { throw failure("look at", path) }
        var status = FileStatus(raw)
        if status.kind == .symlink {
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = buffer.withUnsafeMutableBytes { buffer in
                withPath(path) { readlink($0, buffer.baseAddress!.assumingMemoryBound(to: CChar.self), buffer.count) }
            }
            guard count >= 0 else { throw failure("read the link", path) }
            status.target = Array(buffer[..<count])
        }
        return status
    }

    /// A directory's entries, without `.` and `..`.
    static func list(_ path: [UInt8]) throws(PortalError) -> [DirectoryEntry] {
        guard let directory = withPath(path, { opendir($0) }) else { throw failure("list", path) }
        defer { closedir(directory) }
        var entries: [DirectoryEntry] = []
        while true {
            errno = 0
            guard let entry = readdir(directory) else {
                if errno != 0 { throw failure("list", path) }
                return entries
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                let start = UnsafeRawPointer(pointer)
                return [UInt8](UnsafeRawBufferPointer(start: start, count: strlen(start.assumingMemoryBound(to: CChar.self))))
            }
            if name == [0x2E] || name == [0x2E, 0x2E] { continue }
            entries.append(DirectoryEntry(name: name, status: try? status(Path.join(path, name), follow: false)))
        }
    }

    static func makeDirectory(_ path: [UInt8], mode: UInt32) throws(PortalError) {
        guard withPath(path, { mkdir($0, mode_t(mode)) }) == 0 else { throw failure("make the directory", path) }
    }

    /// Makes a symbolic link, replacing a link or a file that is there.
    static func makeLink(_ path: [UInt8], target: [UInt8]) throws(PortalError) {
        let temporary = temporaryName(beside: path)
        guard withPath(target, { target in withPath(temporary) { symlink(target, $0) } }) == 0 else { throw failure("make the link", path) }
        guard withPath(temporary, { from in withPath(path) { rename(from, $0) } }) == 0 else {
            let number = errno
            _ = withPath(temporary) { unlink($0) }
            throw failure("make the link", path, number)
        }
    }

    /// Sets permissions and the time of the last change; of a link, only the time.
    static func setAttributes(_ path: [UInt8], mode: UInt32?, modified: Int64?, isLink: Bool = false) throws(PortalError) {
        if let mode, !isLink, withPath(path, { chmod($0, mode_t(mode)) }) != 0 { throw failure("set the permissions of", path) }
        if let modified {
            let time = timespec(nanoseconds: modified)
            let times = [time, time]
            guard withPath(path, { utimensat(AT_FDCWD, $0, times, isLink ? AT_SYMLINK_NOFOLLOW : 0) }) == 0 else {
                throw failure("set the time of", path)
            }
        }
    }

    /// Where writing to a path ends up: links are followed, as far as they lead to something.
    static func resolved(_ path: [UInt8]) -> [UInt8] {
        guard let real = withPath(path, { realpath($0, nil) }) else { return path }
        defer { free(real) }
        return [UInt8](UnsafeRawBufferPointer(start: real, count: strlen(real)))
    }

    /// A name beside a path that nothing has.
    static func temporaryName(beside path: [UInt8]) -> [UInt8] {
        Path.join(Path.parent(path), Array(".portal-\(String(UInt64.random(in: 0...UInt64.max), radix: 16))".utf8))
    }

    static func withPath<Value>(_ path: [UInt8], _ body: (UnsafePointer<CChar>) -> Value) -> Value {
        (path + [0]).withUnsafeBytes { body($0.baseAddress!.assumingMemoryBound(to: CChar.self)) }
    }
}

extension timespec {
    init(nanoseconds: Int64) {
        // Before 1970 the nanoseconds still count forwards.
        let part = (nanoseconds % 1_000_000_000 + 1_000_000_000) % 1_000_000_000
        self.init(tv_sec: Int((nanoseconds - part) / 1_000_000_000), tv_nsec: Int(part))
    }
}

extension FileStatus {
    init(_ raw: stat) {
        let kind: FileKind =
            switch raw.st_mode & S_IFMT {
            case S_IFREG: .file
            case S_IFDIR: .directory
            case S_IFLNK: .symlink
            case S_IFIFO: .fifo
            case S_IFSOCK: .socket
            case S_IFCHR: .character
            case S_IFBLK: .block
            default: .unknown
            }
        #if canImport(Darwin)
            let (modified, changed) = (raw.st_mtimespec, raw.st_ctimespec)
        #else
            let (modified, changed) = (raw.st_mtim, raw.st_ctim)
        #endif
        func nanoseconds(_ time: timespec) -> Int64 { Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec) }
        self.init(
            kind: kind, size: UInt64(max(0, raw.st_size)), mode: UInt32(raw.st_mode & 0o7777), userIdentifier: raw.st_uid,
            groupIdentifier: raw.st_gid, device: UInt64(truncatingIfNeeded: raw.st_dev), inode: UInt64(raw.st_ino),
            links: UInt64(raw.st_nlink), modified: nanoseconds(modified), changed: nanoseconds(changed))
    }
}
