#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Starts a target's proxy as a process of its own, which outlives the one that starts it.
public struct ProxyLauncher: Sendable {
    /// The descriptor on which a starting proxy says that it listens.
    public static let readyDescriptor: CInt = 3
    /// The `portal` program.
    public let executable: String
    /// Seconds that the proxy stays without clients.
    public let persistSeconds: Int

    /// Seconds that the executor stays on the host without a link; 0 to end with its link.
    public let lingerSeconds: Int
    /// How long a starting proxy may take until it listens, in milliseconds. It connects to the host only later.
    public let startDeadlineMilliseconds: CInt

    /// Makes a launcher.
    public init(
        executable: String, persistSeconds: Int, lingerSeconds: Int = Proxy.Configuration.defaultLingerSeconds,
        startDeadlineMilliseconds: CInt = 10_000
    ) {
        self.executable = executable
        self.persistSeconds = persistSeconds
        self.lingerSeconds = lingerSeconds
        self.startDeadlineMilliseconds = startDeadlineMilliseconds
    }

    /// The arguments of the hidden subcommand that serves a proxy.
    private func arguments(for identity: ProxyIdentity) -> [String] {
        var arguments = [
            executable, "proxy", identity.target.name, "--name", identity.name, "--persist", "\(persistSeconds)", "--linger",
            "\(lingerSeconds)",
        ]
        if let sshConfig = identity.sshConfig { arguments += ["-F", sshConfig] }
        return arguments
    }

    /// Starts the proxy and returns when it listens, or when another already does. Blocks for at most ten seconds.
    /// - Throws: `ProxyError` with the code `start`, quoting what the proxy said.
    public func start(_ identity: ProxyIdentity) throws(ProxyError) {
        try identity.checkLength()
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { throw failure("pipe", errno) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        let child: pid_t
        do throws(ProxyError) {
            // What it complains of before it has its log is part of its answer.
            child = try Detached.spawn(
                executable, arguments(for: identity) + ["--detach"],
                descriptors: [(ends[1], 2), (ends[1], ProxyLauncher.readyDescriptor)])
        } catch {
            close(ends[1])
            throw error
        }
        close(ends[1])
        let answer = read(ends[0])
        // What starts it is gone as soon as it has done so; where it hangs, it must not keep its caller too.
        if answer == nil { kill(child, SIGKILL) }
        var status: CInt = 0
        while waitpid(child, &status, 0) < 0 && errno == EINTR {}
        guard let answer, answer.hasSuffix("ready") else {
            let said = answer ?? "nothing for \(startDeadlineMilliseconds / 1000) seconds"
            throw ProxyError(
                answer == "" ? .died : .start,
                "the proxy for \(identity.target.name) did not start: it said \(said.isEmpty ? "nothing" : said)")
        }
    }

    private func failure(_ call: String, _ code: CInt) -> ProxyError {
        ProxyError(.start, "cannot start \(executable): \(call): \(String(cString: strerror(code)))")
    }

    /// What the proxy wrote until it closed the pipe; nil at the deadline.
    private func read(_ descriptor: CInt) -> String? {
        var text: [UInt8] = []
        var start = timespec()
        clock_gettime(CLOCK_MONOTONIC, &start)
        while true {
            var now = timespec()
            clock_gettime(CLOCK_MONOTONIC, &now)
            let elapsed = CInt((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1_000_000)
            guard elapsed < startDeadlineMilliseconds else { return nil }
            var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, startDeadlineMilliseconds - elapsed) > 0 else { continue }
            var chunk = [UInt8](repeating: 0, count: 1024)
            #if canImport(Glibc)
                let count = Glibc.read(descriptor, &chunk, chunk.count)
            #elseif canImport(Musl)
                let count = Musl.read(descriptor, &chunk, chunk.count)
            #else
                let count = Darwin.read(descriptor, &chunk, chunk.count)
            #endif
            if count < 0 && errno == EINTR { continue }
            if count <= 0 { return String(decoding: text, as: UTF8.self) }
            text += chunk[..<count]
        }
    }
}
