import CLibssh2
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Helper programs: `ssh -G`, and the commands that replace the TCP connection.
enum ChildProcess {
    struct Output: Sendable {
        var status: Int32
        var output: [UInt8]
        var errors: [UInt8]
    }

    /// Why a program has no output to show.
    enum Failure: Error {
        case notFound
        case timedOut
        case system(String, Int32)
    }

    /// Starts the program, looked up in PATH, in a process group of its own. The descriptors stay the caller's.
    static func spawn(_ arguments: [String], input: Int32, output: Int32, errors: Int32) throws(Failure) -> pid_t {
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        pointers.append(nil)
        defer { for pointer in pointers { free(pointer) } }
        var pid: pid_t = 0
        let code = portal_spawn(&pid, arguments[0], pointers, input, output, errors)
        guard code == 0 else { throw code == ENOENT ? .notFound : .system("posix_spawn", code) }
        return pid
    }

    /// A pair of connected descriptors, closed on exec, from `socketpair`.
    static func socketPair() throws(Failure) -> (ours: Int32, theirs: Int32) {
        var pair: [Int32] = [-1, -1]
        #if canImport(Darwin)
            let type = SOCK_STREAM
        #elseif canImport(Musl)
            let type = SOCK_STREAM
        #else
            let type = Int32(SOCK_STREAM.rawValue)
        #endif
        guard socketpair(AF_UNIX, type, 0, &pair) == 0 else { throw .system("socketpair", errno) }
        for descriptor in pair { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        return (pair[0], pair[1])
    }

    /// Runs a program to its end with empty input and returns what it wrote. Blocks; call it on a thread that may.
    static func run(_ arguments: [String], seconds: Int) throws(Failure) -> Output {
        let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
        defer { close(null) }
        let (output, theirOutput) = try socketPair()
        defer { close(output) }
        let (errors, theirErrors) = try socketPairOrClose(theirOutput)
        defer { close(errors) }
        let pid = try spawnClosing(arguments, input: null, output: theirOutput, errors: theirErrors)
        var result = Output(status: 0, output: [], errors: [])
        let end = monotonicMilliseconds() + seconds * 1000
        let isComplete = collect(output, errors, until: end, &result) && reap(pid, until: end, &result.status)
        if !isComplete {
            kill(-pid, SIGKILL)
            while waitpid(pid, &result.status, 0) < 0, errno == EINTR {}
        }
        guard isComplete else { throw .timedOut }
        // WIFEXITED and WEXITSTATUS are macros that Swift does not see.
        result.status = result.status & 0x7F == 0 ? (result.status >> 8) & 0xFF : 128 + (result.status & 0x7F)
        return result
    }

    /// Waits for a child that has closed its output, which is nearly always its end.
    private static func reap(_ pid: pid_t, until end: Int, _ status: inout Int32) -> Bool {
        while true {
            let found = waitpid(pid, &status, WNOHANG)
            if found == pid || (found < 0 && errno != EINTR) { return true }
            guard monotonicMilliseconds() < end else { return false }
            poll(nil, 0, 1)
        }
    }

    /// Closes the descriptors that only the child keeps: otherwise its end would never be seen.
    private static func spawnClosing(_ arguments: [String], input: Int32, output: Int32, errors: Int32) throws(Failure) -> pid_t {
        defer {
            close(output)
            close(errors)
        }
        return try spawn(arguments, input: input, output: output, errors: errors)
    }

    private static func socketPairOrClose(_ descriptor: Int32) throws(Failure) -> (ours: Int32, theirs: Int32) {
        do { return try socketPair() } catch {
            close(descriptor)
            throw error
        }
    }

    private static func collect(_ output: Int32, _ errors: Int32, until end: Int, _ result: inout Output) -> Bool {
        var polls = [pollfd(fd: output, events: Int16(POLLIN), revents: 0), pollfd(fd: errors, events: Int16(POLLIN), revents: 0)]
        var chunk = [UInt8](repeating: 0, count: 16384)
        while polls.contains(where: { $0.fd >= 0 }) {
            let left = end - monotonicMilliseconds()
            guard left > 0 else { return false }
            guard poll(&polls, 2, Int32(left)) >= 0 || errno == EINTR else { return false }
            for index in 0..<2 where polls[index].fd >= 0 && polls[index].revents != 0 {
                let count = read(polls[index].fd, &chunk, chunk.count)
                if count > 0 {
                    if index == 0 { result.output += chunk[..<count] } else { result.errors += chunk[..<count] }
                } else if count == 0 || errno != EINTR {
                    polls[index].fd = -1
                }
            }
        }
        return true
    }

    /// Ends a process group and reaps its leader: asks first, kills after half a second. Blocks no event loop.
    static func end(_ pid: pid_t, on eventLoop: any EventLoop) {
        kill(-pid, SIGTERM)
        let force = eventLoop.scheduleTask(in: .milliseconds(500)) { _ = kill(-pid, SIGKILL) }
        NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) {
            var status: Int32 = 0
            while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        }.whenComplete { _ in force.cancel() }
    }

    static func monotonicMilliseconds() -> Int {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int(now.tv_sec) * 1000 + Int(now.tv_nsec) / 1_000_000
    }
}
