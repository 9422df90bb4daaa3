import CExecutorPlatform
import PortalWire

/// What a child is started with, and what it then has.
struct ChildStart {
    struct Started {
        var process: Int32 = -1
        var input: Int32 = -1
        var output: Int32 = -1
        var errors: Int32 = -1
    }

    var command: [[UInt8]]
    /// What is executed, where that is not the first word of the command.
    var program: [UInt8]?
    var environment: [[UInt8]] = []
    var directory: [UInt8]
    var hasInput = false
    var merge = false
    var terminal: ProcessTerminal?
    private(set) var started = Started()
    /// Where it failed.
    private(set) var stage: Int32 = 0

    init(command: [[UInt8]], directory: [UInt8]) {
        self.command = command
        self.directory = directory
    }

    /// Returns when the child executes its program; else the negated errno. It may read a stalled disk.
    mutating func start() -> Int32 {
        let arguments = terminated(command)
        let variables = terminated(environment)
        let place = directory + [0]
        let path = searchPath(in: environment) + [0]
        let executed = (program ?? command[0]) + [0]
        var spawn = platform_spawn()
        spawn.argument_count = Int32(truncatingIfNeeded: command.count)
        spawn.environment_count = Int32(truncatingIfNeeded: environment.count)
        spawn.input = hasInput ? 1 : 0
        spawn.merge = merge ? 1 : 0
        if let terminal {
            spawn.rows = UInt32(terminal.rows)
            spawn.columns = UInt32(terminal.columns)
        }
        let result = arguments.withUnsafeBufferPointer { arguments in
            variables.withUnsafeBufferPointer { variables in
                place.withUnsafeBufferPointer { place in
                    path.withUnsafeBufferPointer { path in
                        executed.withUnsafeBufferPointer { executed in
                            spawn.arguments = arguments.baseAddress
                            spawn.environment = variables.baseAddress
                            spawn.directory = place.baseAddress
                            spawn.search = path.baseAddress
                            spawn.program = executed.baseAddress
                            return platform_spawn(&spawn)
                        }
                    }
                }
            }
        }
        stage = spawn.stage
        if result == 0 {
            started = Started(
                process: spawn.process, input: spawn.input_descriptor, output: spawn.output_descriptor, errors: spawn.error_descriptor)
        }
        return result
    }

    private func terminated(_ strings: [[UInt8]]) -> [UInt8] {
        var bytes: [UInt8] = []
        for string in strings {
            bytes.add(string)
            bytes.add(0)
        }
        return bytes
    }
}

/// Starts a child on a worker.
final class SpawnJob: Job {
    private let process: HostProcess
    private var child: ChildStart
    private var failure: OperationError?

    init(process: HostProcess, child: ChildStart) {
        self.process = process
        self.child = child
    }

    override func run() {
        guard !isGivenUp else {
            failure = OperationError(.cancelled, literal: "cancelled before it began")
            return
        }
        let result = child.start()
        if result != 0 { failure = error(result) }
    }

    private func error(_ result: Int32) -> OperationError {
        if child.stage == Int32(PLATFORM_STAGE_DIRECTORY) { return systemError("start in", child.directory, result) }
        let program = child.program ?? child.command[0]
        if child.stage == Int32(PLATFORM_STAGE_TERMINAL) { return systemError("open a terminal for", program, result) }
        var error = systemError("run", program, result)
        guard child.stage == Int32(PLATFORM_STAGE_EXECUTE) else { return error }
        error.path = nil
        var status: Int64 = 126
        if error.code == .notFound || error.code == .notADirectory {
            status = 127
            let text: StaticString = program.contains(0x2F) ? "no such file, or its interpreter is missing" : "no such command"
            error = OperationError(.notFound, "run", program, text)
            error.path = nil
            error.errno = -result
        }
        error.details = [JSONMember(name: [UInt8]("status"), value: .integer(status))]
        return error
    }

    override func finish() { process.spawned(child.started, failure) }
}
