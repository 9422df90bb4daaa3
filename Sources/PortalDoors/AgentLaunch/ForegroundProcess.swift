import Dispatch

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// An agent that has the terminal as if the shell had started it.
///
/// It stays in portal's own process group: what the terminal sends, ^C and ^Z and the change of its size, reaches it from the kernel, and the
/// shell's job control counts for both. What is sent to portal alone is passed on.
///
/// `@unchecked Sendable`: `process` is written once, on `queue`, where signals are handled, and read there.
public final class ForegroundProcess: @unchecked Sendable {
    private let queue = DispatchQueue(label: "portal.agent.signals")
    private var sources: [any DispatchSourceSignal] = []
    private var process: pid_t = 0

    /// Catches signals from now on: what comes before the agent is started ends portal by `end`.
    public init(end: @escaping @Sendable (_ signal: CInt) -> Void) {
        for number in [SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2] {
            _ = signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { [self] in
                if process == 0 {
                    end(number)
                } else if !isFromTerminal(number) {
                    kill(process, number)
                }
            }
            source.activate()
            sources.append(source)
        }
        // ^Z stops the agent; portal stops when it sees that, and so exactly once.
        _ = signal(SIGTSTP, SIG_IGN)
    }

    /// Starts it.
    /// - Parameters:
    ///   - environment: All of it.
    ///   - inherited: A descriptor that it keeps besides the standard ones.
    /// - Throws: `AgentLaunchError` with the status 126.
    public func start(
        _ program: String, _ arguments: [String], environment: [String: String], inherited: CInt
    ) throws(AgentLaunchError) {
        // The connection to the proxy is portal's own, and must end with it.
        closeOnExec()
        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
            var attributes: posix_spawnattr_t?
        #else
            var actions = posix_spawn_file_actions_t()
            var attributes = posix_spawnattr_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        _ = fcntl(inherited, F_SETFD, 0)
        // What is ignored or blocked here is not there.
        var (all, none) = (sigset_t(), sigset_t())
        sigfillset(&all)
        sigemptyset(&none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF) | Int16(POSIX_SPAWN_SETSIGMASK))
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { for text in argv + variables { free(text) } }
        // No signal is looked at between its start and the knowledge of it: it would end portal, and leave the agent.
        let code = queue.sync { posix_spawn(&process, program, &actions, &attributes, &argv, &variables) }
        guard code == 0 else {
            throw AgentLaunchError("\(program) cannot be run: \(String(cString: strerror(code)))", status: code == ENOENT ? 127 : 126)
        }
    }

    /// Waits until it has ended, and stops when it stops. Blocks its thread.
    /// - Returns: Its exit status; 128 and the signal's number where one killed it.
    public func wait() -> CInt {
        let child = queue.sync { process }
        while true {
            var status: CInt = 0
            let result = waitpid(child, &status, WUNTRACED)
            if result < 0 {
                if errno == EINTR { continue }
                return 255
            }
            if status & 0xff == 0x7f {
                // It stopped itself, or ^Z stopped it: the shell waits for us to do the same. `raise` is for this very thread, which so does not
                // come to the next line before it goes on; another one's stop would be too late, and the agent would read the shell's keys.
                raise(SIGSTOP)
                kill(child, SIGCONT)
                continue
            }
            let number = status & 0x7f
            return number == 0 ? (status >> 8) & 0xff : 128 + number
        }
    }

    /// Whether the kernel has sent the signal to the agent too: a terminal sends its own to everyone in front of it.
    private func isFromTerminal(_ number: CInt) -> Bool {
        guard number == SIGINT || number == SIGQUIT else { return false }
        let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
        guard terminal >= 0 else { return false }
        defer { close(terminal) }
        return tcgetpgrp(terminal) == getpgrp()
    }

    private func closeOnExec() {
        let names = Files.entries(of: "/proc/self/fd")
        for name in names.isEmpty ? Files.entries(of: "/dev/fd") : names {
            if let descriptor = CInt(name), descriptor > 2 { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        }
    }
}
