import CExecutorPlatform
import PortalWire

/// The environment that the user's login gives, captured once, when the first command needs it; and the user's own shell.
final class LoginEnvironment {
    enum State {
        case unused, running, captured, failed

        var name: Literal {
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
    private(set) var problem: Literal?
    let shell: [UInt8]
    /// The executor's own environment.
    let own = ownEnvironment()
    /// That of the login; the executor's own where it could not be captured.
    private(set) var entries: Environment = []
    private let workers: WorkerPool
    private var waiting: [HostProcess] = []
    private var job: LoginJob?

    init(workers: WorkerPool) {
        self.workers = workers
        let buffer = Buffer()
        platform_shell(buffer.start, buffer.count)
        shell = buffer.text
    }

    /// Goes on with a process's start as soon as the entries are known.
    func whenKnown(_ process: HostProcess) {
        if state == .captured || state == .failed { return process.spawn() }
        waiting.add(process)
        guard state == .unused else { return }
        state = .running
        let job = LoginJob(self, process.marker)
        self.job = job
        workers.submit(job)
    }

    /// The session ends: no other shell is begun.
    func giveUp() { job?.giveUp() }

    fileprivate func finished(_ captured: Environment?, _ problem: Literal?) {
        entries = captured ?? own
        state = captured == nil ? .failed : .captured
        self.problem = problem
        job = nil
        let processes = waiting
        waiting = []
        for process in processes { process.spawn() }
    }
}

/// Waits for a login shell on a worker.
private final class LoginJob: Job {
    private let login: LoginEnvironment
    private let marker: ProcessMarker
    private var captured: Environment?
    private var problem: Literal?

    init(_ login: LoginEnvironment, _ marker: ProcessMarker) {
        self.login = login
        self.marker = marker
    }

    override func run() {
        var entries: UnsafeMutablePointer<UInt8>?
        let length = platform_login_environment(
            terminated(login.shell), login.own, login.own.count, marker.entry, terminated(marker.prefix), marker.number, gaveUp, &entries)
        if let entries, length >= 0 {
            captured = Array(UnsafeBufferPointer(start: entries, count: Int(length)))
            platform_free(entries)
        }
        switch length {
        case 0...: problem = nil
        case -1: problem = "the user's shell ended without saying its environment"
        case -2: problem = "the user's shell was not ready within its time; look at its start-up files"
        default: problem = "the user's shell cannot be started"
        }
    }

    override func finish() { login.finished(captured, problem) }
}

/// What stands behind the last slash.
func lastComponent(_ path: [UInt8]) -> [UInt8] {
    guard let slash = path.lastIndex(of: 0x2F) else { return path }
    return path.part(from: slash + 1)
}
