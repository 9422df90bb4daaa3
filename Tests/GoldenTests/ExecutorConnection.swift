import Foundation
import PortalWire

/// A running executor: bytes to and from its standard input and output, each wait with a deadline.
final class ExecutorConnection {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// What a wait may take at most; far more than any needs, also under an emulator on a busy machine.
    private static let patience = Duration.seconds(30)

    let process: pid_t
    private var input: Int32
    private let output: Int32
    private var unsent: [UInt8] = []
    private var isReaped = false
    private(set) var received: [UInt8] = []
    private(set) var hasEnded = false

    init(_ program: ExecutorProgram, token: String, directory: String) throws {
        signal(SIGPIPE, SIG_IGN)
        var toChild: [Int32] = [0, 0]
        var fromChild: [Int32] = [0, 0]
        guard GNU.pipe2(&toChild, O_CLOEXEC) == 0, GNU.pipe2(&fromChild, O_CLOEXEC) == 0 else {
            throw Failure(description: "no pipe: errno \(errno)")
        }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_adddup2(&actions, toChild[0], 0)
        posix_spawn_file_actions_adddup2(&actions, fromChild[1], 1)
        _ = directory.withCString { GNU.addChangeDirectory(&actions, $0) }
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        let words = program.command + ["serve", token]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        let variables = ["HOME=\(directory)", "PATH=\(path)", "USER=golden"]
        var environment: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
        defer { for text in arguments + environment { free(text) } }
        var process: pid_t = 0
        let status = posix_spawn(&process, program.command[0], &actions, nil, &arguments, &environment)
        close(toChild[0])
        close(fromChild[1])
        input = toChild[1]
        output = fromChild[0]
        self.process = process
        guard status == 0 else {
            isReaped = true
            throw Failure(description: "cannot start \(program): errno \(status)")
        }
        _ = fcntl(input, F_SETFL, O_NONBLOCK)
    }

    deinit {
        closeInput()
        close(output)
        if !isReaped {
            kill(process, SIGKILL)
            waitpid(process, nil, 0)
        }
    }

    func send(_ bytes: [UInt8]) { unsent += bytes }

    func closeInput() {
        if input >= 0 { close(input) }
        input = -1
        unsent = []
    }

    func takeReceived() -> [UInt8] {
        defer { received = [] }
        return received
    }

    /// Whether the executor has read everything that was sent.
    var isAllTaken: Bool {
        var unread: Int32 = 0
        return unsent.isEmpty && ioctl(input, UInt(FIONREAD), &unread) == 0 && unread == 0
    }

    /// Moves bytes until a condition holds or the executor's output ends. Everything that waits to be sent is sent first.
    /// - Parameter reads: Whether what the executor says is read; otherwise the condition is asked for every few milliseconds.
    func wait(for what: String, reads: Bool = true, until isMet: () throws -> Bool) throws {
        let deadline = ContinuousClock.now + ExecutorConnection.patience
        while true {
            if unsent.isEmpty || hasEnded, try isMet() || hasEnded { return }
            let left = (deadline - .now).components.seconds
            guard left >= 0, ContinuousClock.now < deadline else { throw Failure(description: "waited in vain for \(what)") }
            var polled = [
                pollfd(fd: reads ? output : -1, events: Int16(POLLIN), revents: 0),
                pollfd(fd: unsent.isEmpty ? -1 : input, events: Int16(POLLOUT), revents: 0),
            ]
            guard poll(&polled, 2, reads ? Int32(left + 1) * 1000 : 5) > 0 else { continue }
            if polled[1].revents != 0 {
                let count = write(input, unsent, unsent.count)
                if count > 0 { unsent.removeFirst(count) } else if errno != EAGAIN, errno != EINTR { unsent = [] }
            }
            if polled[0].revents != 0 {
                var buffer = [UInt8](repeating: 0, count: 65536)
                let count = read(output, &buffer, buffer.count)
                if count > 0 { received += buffer[..<count] } else if count == 0 { hasEnded = true }
            }
        }
    }

    /// The exit status, or the negative of the signal that killed it.
    func exitStatus() throws -> Int32 {
        if !isReaped {
            // Its output has ended, hence it is on its way out; should it hang there, the test's own time limit ends it.
            var status: Int32 = 0
            while waitpid(process, &status, 0) < 0 {
                guard errno == EINTR else { throw Failure(description: "cannot wait for it: errno \(errno)") }
            }
            isReaped = true
            exit = status & 0x7F == 0 ? status >> 8 & 0xFF : -(status & 0x7F)
        }
        return exit
    }
    private var exit: Int32 = 0
}

/// What the C library has and its Swift module, made without _GNU_SOURCE, does not show. Other tests start programs at the same time: a pipe
/// that is closed on exec only a moment later would be inherited by one of them, and never end.
private enum GNU {
    typealias Pipe2 = @convention(c) (UnsafeMutablePointer<Int32>, Int32) -> Int32
    typealias AddChangeDirectory = @convention(c) (UnsafeMutablePointer<posix_spawn_file_actions_t>, UnsafePointer<CChar>) -> Int32

    static let pipe2 = unsafeBitCast(dlsym(nil, "pipe2"), to: Pipe2.self)
    static let addChangeDirectory = unsafeBitCast(dlsym(nil, "posix_spawn_file_actions_addchdir_np"), to: AddChangeDirectory.self)
}
