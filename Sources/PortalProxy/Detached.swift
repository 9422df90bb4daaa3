#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Processes that keep nothing of those who started them.
public enum Detached {
    /// Starts a program with `/dev/null` as its standard descriptors unless given others.
    /// - Parameter descriptors: Ours, and the number that each has there; a negative one of ours is left out.
    /// - Throws: `ProxyError` with the code `start`.
    static func spawn(_ executable: String, _ arguments: [String], descriptors: [(ours: CInt, theirs: CInt)]) throws(ProxyError) -> pid_t {
        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
        #else
            var actions = posix_spawn_file_actions_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
        if !descriptors.contains(where: { $0.theirs == 2 && $0.ours >= 0 }) {
            posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
        }
        for pair in descriptors where pair.ours >= 0 { posix_spawn_file_actions_adddup2(&actions, pair.ours, pair.theirs) }
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for argument in argv { free(argument) } }
        var child: pid_t = 0
        let result = posix_spawn(&child, executable, &actions, nil, &argv, environ)
        guard result == 0 else {
            throw ProxyError(.start, "cannot start \(executable): \(String(cString: strerror(result)))")
        }
        return child
    }

    /// Marks every descriptor from a number up as closed on exec: nothing that a client had open may stay open in a process that outlives it,
    /// or whoever reads the other end of a pipe would wait for ever. They are not closed here and now: some are the Swift runtime's own.
    private static func closeOnExec(from first: CInt) {
        guard let directory = opendir("/proc/self/fd") ?? opendir("/dev/fd") else {
            for descriptor in first..<CInt(clamping: sysconf(CInt(_SC_OPEN_MAX))) { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
            return
        }
        defer { closedir(directory) }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            if let descriptor = CInt(name), descriptor >= first { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        }
    }

    /// Starts this program again, detached from whoever waits for this process, and with only the standard descriptors and the one on which
    /// it says that it is ready. Two steps, so that a long-lived program which starts a proxy has no child to wait for.
    /// - Throws: `ProxyError` with the code `start`.
    public static func startAgain(_ executable: String, _ arguments: [String]) throws(ProxyError) {
        closeOnExec(from: ProxyLauncher.readyDescriptor + 1)
        // A session of its own: a terminal's ^C and its hangup do not reach it.
        _ = setsid()
        _ = chdir("/")
        _ = try spawn(executable, arguments, descriptors: [(2, 2), (ProxyLauncher.readyDescriptor, ProxyLauncher.readyDescriptor)])
    }
}
