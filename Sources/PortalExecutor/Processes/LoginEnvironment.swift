import CExecutorPlatform
import PortalWire

/// The environment that the user's login gives, captured once, when the first command needs it; and the user's own shell.
final class LoginEnvironment {
    enum State {
        case unused, running, captured, failed

        var name: StaticString {
            switch self {
            case .unused: "unused"
            case .running: "running"
            case .captured: "captured"
            case .failed: "failed"
            }
        }
    }

    private(set) var state = State.unused
    /// Why it was not captured.
    private(set) var problem: StaticString?
    let shell: [UInt8]
    /// The executor's own environment.
    let own = ownEnvironment()
    /// That of the login; the executor's own where it could not be captured.
    private(set) var entries: [[UInt8]] = []
    private let workers: WorkerPool
    private var waiting: [() -> Void] = []
    private var job: LoginJob?

    init(workers: WorkerPool) {
        self.workers = workers
        shell = ownShell()
    }

    /// Calls an action as soon as the entries are known. The marker is for what start-up files leave running.
    func whenKnown(_ marker: ProcessMarker, _ action: @escaping () -> Void) {
        switch state {
        case .captured, .failed: action()
        case .running: waiting.append(action)
        case .unused:
            state = .running
            waiting.append(action)
            let job = LoginJob(self, marker)
            self.job = job
            workers.submit(job)
        }
    }

    /// The session ends: no other shell is begun.
    func giveUp() { job?.giveUp() }

    fileprivate func finished(_ captured: [[UInt8]]?, _ problem: StaticString?) {
        entries = captured ?? own
        state = captured == nil ? .failed : .captured
        self.problem = problem
        job = nil
        let actions = waiting
        waiting = []
        for action in actions { action() }
    }
}

/// SHELL, or the account's shell, where it is there and lets the user in.
private func ownShell() -> [UInt8] {
    var shell = variable("SHELL") ?? []
    if shell.first != 0x2F {
        var account = [UInt8](repeating: 0, count: 1024)
        let length = platform_account(platform_user_id(), &account, account.count)
        let fields = length > 0 ? strings(in: account[0..<Int(length)]) : []
        shell = fields.count > 2 ? fields[2] : []
    }
    let name = lastComponent(shell)
    var status = platform_status()
    let isUsable = shell.first == 0x2F && !name.equals("nologin") && !name.equals("false") && platform_stat(shell + [0], 1, &status) == 0
    return isUsable ? shell : [UInt8]("/bin/sh")
}

/// What stands behind the last slash.
func lastComponent(_ path: [UInt8]) -> [UInt8] {
    guard let slash = path.lastIndex(of: 0x2F) else { return path }
    return Array(path[(slash + 1)...])
}

/// Has a login shell say its environment. It blocks for up to seven seconds, on a worker.
private final class LoginJob: Job {
    private static let mostBytes = 1 << 20

    private let login: LoginEnvironment
    private let marker: ProcessMarker
    private var captured: [[UInt8]]?
    private var problem: StaticString?

    init(_ login: LoginEnvironment, _ marker: ProcessMarker) {
        self.login = login
        self.marker = marker
    }

    override func finish() { login.finished(captured, problem) }

    override func run() {
        guard let token = randomHexadecimal(16) else { return problem = "the host gives no random numbers" }
        let line = [UInt8]("exec \"$PORTAL_EXECUTOR\" environment ") + token
        let kind = lastComponent(login.shell)
        var isInteractive = false
        for name: StaticString in ["bash", "zsh", "fish", "ksh", "mksh"] where kind.equals(name) { isInteractive = true }
        var arguments = [login.shell, [UInt8]("-l")]
        if isInteractive { arguments.append([UInt8]("-i")) }
        // A csh takes nothing beside -l, and reads its input.
        if !kind.equals("csh"), !kind.equals("tcsh") { arguments += [[UInt8]("-c"), line] }
        capture(arguments, line: line, token: token, milliseconds: 5000)
        guard captured == nil, isInteractive, !isGivenUp else { return }
        arguments.remove(at: 2)
        capture(arguments, line: line, token: token, milliseconds: 2000)
    }

    private func capture(_ arguments: [[UInt8]], line: [UInt8], token: [UInt8], milliseconds: UInt64) {
        let deadline = platform_clock() + milliseconds * 1_000_000
        var child = ChildStart(command: arguments, directory: [0x2F])
        child.environment = childEnvironment(
            login.own, changes: [([UInt8]("PORTAL_EXECUTOR"), executorPath())], marker: marker.entry)
        child.hasInput = true
        child.merge = true
        let result = child.start()
        guard result == 0 else { return problem = "the user's shell cannot be started" }
        // Start-up files may read input, or replace the shell by one that does: for those the line is there too, and then the end.
        let input = line + [0x0A]
        _ = input.withUnsafeBytes { platform_write(child.started.input, $0.baseAddress, $0.count) }
        platform_close(child.started.input)
        var output: [UInt8] = []
        let buffer = UnsafeMutableRawPointer.allocate(byteCount: 16 * 1024, alignment: 16)
        problem = "the user's shell ended without saying its environment"
        while captured == nil, output.count < LoginJob.mostBytes {
            let now = platform_clock()
            guard now < deadline, !isGivenUp else {
                problem = "the user's shell was not ready within its time; look at its start-up files"
                break
            }
            guard platform_wait_ready(child.started.output, EventLoop.readable, Int32((deadline - now) / 1_000_000 + 1)) > 0 else {
                continue
            }
            let count = platform_read(child.started.output, buffer, 16 * 1024)
            guard count > 0 else { break }
            output.append(contentsOf: UnsafeRawBufferPointer(start: buffer, count: Int(count)))
            captured = environment(in: output, token: token)
        }
        buffer.deallocate()
        platform_close(child.started.output)
        if captured != nil { return problem = nil }
        var tree = platform_tree(leader: child.started.process, number: marker.number, signal: TreeTarget.kill, living: 1)
        let prefix = marker.prefix + [0]
        for _ in 0..<100 where tree.living > 0 {
            _ = platform_trees_signal(&tree, 1, prefix)
            if tree.living > 0 { _ = platform_wait_ready(-1, 0, 2) }
        }
    }

    /// What `executor environment` printed, whatever stands before it; nil where it is not all there.
    private func environment(in output: [UInt8], token: [UInt8]) -> [[UInt8]]? {
        let opening = [0] + token + [0]
        guard let start = position(of: opening, in: output, from: 0),
            let end = position(of: token + [0], in: output, from: start + opening.count)
        else { return nil }
        let hasTerminal = value(of: "TERM", in: login.own) != nil
        return strings(in: output[(start + opening.count)..<end]).filter { entry in
            for name: StaticString in ["PORTAL_EXECUTOR", "PORTAL_PROCESS", "PWD", "OLDPWD", "SHLVL", "_"]
            where isNamed(entry, [UInt8](name)[...]) { return false }
            return hasTerminal || !isNamed(entry, [UInt8]("TERM")[...])
        }
    }

    private func position(of part: [UInt8], in bytes: [UInt8], from start: Int) -> Int? {
        var index = start
        while index + part.count <= bytes.count {
            if bytes[index] == part[0], Array(bytes[index..<index + part.count]) == part { return index }
            index += 1
        }
        return nil
    }

    /// This program's file; by way of the running one where the file was replaced.
    private func executorPath() -> [UInt8] {
        var path = [UInt8](repeating: 0, count: Limits.pathLength + 1)
        let count = platform_read_link([UInt8]("/proc/self/exe") + [0], &path, path.count - 1)
        var status = platform_status()
        if count > 0, platform_stat(path, 1, &status) == 0 { return Array(path[0..<Int(count)]) }
        var running = [UInt8]("/proc/")
        running.append(decimal: UInt64(platform_process_id()))
        running.append("/exe")
        return running
    }
}
