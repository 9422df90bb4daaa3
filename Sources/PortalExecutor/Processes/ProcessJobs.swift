import CExecutorPlatform
import PortalWire

/// Starts a child on a worker, since executing a program may read a stalled disk.
final class SpawnJob: Job {
    private let process: HostProcess
    /// The arguments, each ended by NUL.
    var arguments: [UInt8] = []
    /// What is executed, as it is said in errors.
    var program: [UInt8] = []
    var environment: Environment = []
    var hasInput = false
    var merge = false
    var terminal: ProcessTerminal?
    /// What it is confined to, as the C part takes it: nothing, which is one NUL.
    private var sandbox: [UInt8] = [0]
    private var spawn = platform_spawn()
    private var failure: OperationError?

    init(process: HostProcess) { self.process = process }

    func addArgument(_ argument: [UInt8]) {
        arguments.add(argument)
        arguments.add(0)
    }

    func confine(to sandbox: ProcessSandbox) {
        self.sandbox = sandbox.entries
        self.sandbox.add(sandbox.network ? 0x6E : 0x6F)
    }

    override func run() {
        guard !isGivenUp else {
            failure = OperationError(.cancelled, literal: "cancelled before it began")
            return
        }
        spawn.input = hasInput ? 1 : 0
        spawn.merge = merge ? 1 : 0
        spawn.rows = UInt32(terminal?.rows ?? 0)
        spawn.columns = UInt32(terminal?.columns ?? 0)
        let result = platform_spawn(
            &spawn, terminated(program), arguments, arguments.count, environment, environment.count, terminated(process.directory.bytes),
            sandbox)
        if result != 0 { failure = error(result) }
    }

    private func error(_ result: Int32) -> OperationError {
        if spawn.stage == Int32(PLATFORM_STAGE_DIRECTORY) { return systemError("start in", process.directory.bytes, result) }
        if spawn.stage == Int32(PLATFORM_STAGE_TERMINAL) { return systemError("open a terminal for", program, result) }
        if spawn.stage == Int32(PLATFORM_STAGE_SANDBOX) {
            var error = systemError("confine", program, result)
            error.code = .unsupported
            return error
        }
        var error = systemError("run", program, result)
        if platform_errno_name(result) == PLATFORM_EAGAIN {
            error = OperationError(.internal, "run", program, "the host has no processes or threads left")
            error.errno = -result
        }
        guard spawn.stage == Int32(PLATFORM_STAGE_EXECUTE) else { return error }
        var status: Int64 = 126
        if error.code == .notFound || error.code == .notADirectory {
            status = 127
            let text: Literal = program.contains(0x2F) ? "no such file, or its interpreter is missing" : "no such command"
            error = OperationError(.notFound, "run", program, text)
            error.errno = -result
        }
        error.path = nil
        return error.detailed("status", status)
    }

    override func finish() { process.spawned(spawn, failure) }
}
