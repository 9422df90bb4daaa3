import Foundation

/// A child process of a test.
///
/// Not Foundation's `Process`: that learns of an end by a socket that the child inherits, and sshd closes every descriptor when it starts;
/// its one watching thread then waits for sshd and sees no other child end.
///
/// `@unchecked Sendable`: `status` is behind the lock, the rest is constant.
public final class Child: @unchecked Sendable {
    /// The process.
    public let pid: pid_t
    private let lock = NSLock()
    private var status: Int32?

    /// `posix_spawn_file_actions_addclosefrom_np(3)`, which Glibc's Swift module leaves out; nil before glibc 2.34.
    private static let closeFrom: (@convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32)? = {
        guard let function = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np") else { return nil }
        return unsafeBitCast(function, to: (@convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32) -> Int32).self)
    }()

    /// Starts a program, looked up in PATH. `input` is the path of a file to read, `output` and `errors` are those of files to write to;
    /// without them it has nothing to read, and writes where this program does. `pipes` are descriptors that become its standard input and
    /// output instead.
    public init(
        _ arguments: [String], environment: [String: String]? = nil, input: String = "/dev/null", output: String? = nil,
        errors: String? = nil, pipes: (input: Int32, output: Int32)? = nil
    ) throws {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let pipes {
            posix_spawn_file_actions_adddup2(&actions, pipes.input, 0)
            posix_spawn_file_actions_adddup2(&actions, pipes.output, 1)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
        }
        if let output { posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600) }
        if let errors { posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0o600) }
        // Sockets of NIO stay open in children otherwise: a connection that is closed here would live on in some program.
        _ = Child.closeFrom?(&actions, 3)
        // A test's thread may be one on which signals are blocked; its children would not hear of any, nor theirs.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var argv: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        argv.append(nil)
        var variables: [UnsafeMutablePointer<CChar>?] = (environment ?? ProcessInfo.processInfo.environment).map { strdup("\($0)=\($1)") }
        variables.append(nil)
        defer { for pointer in argv + variables { free(pointer) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, arguments[0], &actions, &attributes, argv, variables)
        guard code == 0 else { throw TestFailure("\(arguments[0]) cannot be started: \(String(cString: strerror(code)))") }
        self.pid = pid
    }

    /// The status as `waitpid` gives it; nil while it runs.
    public var ended: Int32? {
        lock.lock()
        defer { lock.unlock() }
        if status == nil {
            var value: Int32 = 0
            if waitpid(pid, &value, WNOHANG) == pid { status = value }
        }
        return status
    }

    /// Whether it has not ended yet.
    public var isRunning: Bool { ended == nil }

    /// Ends it and everything below it, at once; returns when it is gone.
    public func end() {
        guard isRunning else { return }
        for pid in Tool.descendants(of: pid) { kill(pid, SIGKILL) }
        kill(pid, SIGKILL)
        _ = waitUntil(seconds: 5) { !isRunning }
    }
}
