#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Files of this machine: the agents' own configuration.
enum Files {
    /// The names in a directory, without its own and its parent's, sorted; none where it cannot be read.
    static func entries(of path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    /// Whether a path leads to a directory.
    static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// Removes a tree. Links in it are removed and never followed.
    static func removeTree(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        if status.st_mode & S_IFMT == S_IFDIR {
            for name in entries(of: path) { removeTree("\(path)/\(name)") }
            rmdir(path)
        } else {
            unlink(path)
        }
    }

    /// Moves a file or a directory; what is a directory in both places is merged.
    static func move(_ source: String, to destination: String) {
        var (from, to) = (stat(), stat())
        guard lstat(source, &from) == 0 else { return }
        let isDirectory = from.st_mode & S_IFMT == S_IFDIR
        // Sockets and the like belong to a process that has ended.
        guard isDirectory || from.st_mode & S_IFMT == S_IFREG else { return }
        if isDirectory, stat(destination, &to) == 0, to.st_mode & S_IFMT == S_IFDIR {
            for name in entries(of: source) { move("\(source)/\(name)", to: "\(destination)/\(name)") }
            rmdir(source)
            return
        }
        if rename(source, destination) == 0 || errno != EXDEV { return }
        // Another file system: a copy.
        if isDirectory {
            guard mkdir(destination, from.st_mode & 0o777) == 0 else { return }
            for name in entries(of: source) { move("\(source)/\(name)", to: "\(destination)/\(name)") }
        } else if let content = read(source) {
            _ = replace(destination, with: content, mode: from.st_mode & 0o777)
        }
    }

    /// The content of a file; nil where it cannot be read, with errno.
    static func read(_ path: String) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            #if canImport(Darwin)
                let count = Darwin.read(file, &buffer, buffer.count)
            #elseif canImport(Musl)
                let count = Musl.read(file, &buffer, buffer.count)
            #else
                let count = Glibc.read(file, &buffer, buffer.count)
            #endif
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { return content }
            content += buffer[..<count]
        }
    }

    /// Puts a content in the place of a file's, at once: whoever reads sees the old one or the new one. A link stays one, and the mode stays.
    /// - Parameter mode: For a file that is not there yet.
    /// - Returns: Whether that was possible; errno says why not.
    static func replace(_ path: String, with content: [UInt8], mode: mode_t = 0o644) -> Bool {
        var place = path
        if let whole = realpath(path, nil) {
            place = String(cString: whole)
            free(whole)
        }
        var status = stat()
        let mode = stat(place, &status) == 0 ? status.st_mode & 0o7777 : mode
        let new = "\(place).portal-\(String(UInt32.random(in: 0...UInt32.max), radix: 36))"
        let file = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard file >= 0 else { return false }
        let isWritten = writeAll(content, to: file) && fchmod(file, mode) == 0 && fsync(file) == 0
        close(file)
        if isWritten, rename(new, place) == 0 { return true }
        let reason = errno
        unlink(new)
        errno = reason
        return false
    }
}

/// Writes everything; false where that cannot be done, with errno.
func writeAll(_ bytes: [UInt8], to descriptor: CInt) -> Bool {
    var written = 0
    while written < bytes.count {
        let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress! + written, bytes.count - written) }
        if count >= 0 {
            written += count
        } else if errno != EINTR {
            return false
        }
    }
    return true
}
