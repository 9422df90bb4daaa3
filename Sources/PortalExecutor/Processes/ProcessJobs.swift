import CExecutorPlatform
import PortalWire

/// Starts a child on a worker, since executing a program may read a stalled disk.
final class SpawnJob: Job {
    struct Started {
        var process: Int32
        var input: Int32
        var output: Int32
        var errors: Int32
    }

    private let request: RunRequest
    private let command: [[UInt8]]
    private let environment: [[UInt8]]
    private let directory: HostPath
    private let search: [UInt8]
    private let hasInput: Bool
    private let merge: Bool
    private var started: Started?
    private var failure: OperationError?

    init(
        request: RunRequest, command: [[UInt8]], environment: [[UInt8]], directory: HostPath, search: [UInt8], hasInput: Bool, merge: Bool
    ) {
        self.request = request
        self.command = command
        self.environment = environment
        self.directory = directory
        self.search = search
        self.hasInput = hasInput
        self.merge = merge
    }

    override func run() {
        guard !isGivenUp else {
            failure = OperationError(.cancelled, literal: "cancelled before it began")
            return
        }
        var arguments: [UInt8] = []
        for argument in command { arguments += argument + [0] }
        var variables: [UInt8] = []
        for entry in environment { variables += entry + [0] }
        let place = directory.terminated
        let path = search + [0]
        var spawn = platform_spawn()
        spawn.argument_count = Int32(truncatingIfNeeded: command.count)
        spawn.environment_count = Int32(truncatingIfNeeded: environment.count)
        spawn.input = hasInput ? 1 : 0
        spawn.merge = merge ? 1 : 0
        let result = arguments.withUnsafeBufferPointer { arguments in
            variables.withUnsafeBufferPointer { variables in
                place.withUnsafeBufferPointer { place in
                    path.withUnsafeBufferPointer { path in
                        spawn.arguments = arguments.baseAddress
                        spawn.environment = variables.baseAddress
                        spawn.directory = place.baseAddress
                        spawn.search = path.baseAddress
                        return platform_spawn(&spawn)
                    }
                }
            }
        }
        if result == 0 {
            started = Started(
                process: spawn.process, input: spawn.input_descriptor, output: spawn.output_descriptor, errors: spawn.error_descriptor)
        } else {
            failure = error(stage: spawn.stage, result)
        }
    }

    private func error(stage: Int32, _ result: Int32) -> OperationError {
        if stage == Int32(PLATFORM_STAGE_DIRECTORY) { return systemError("start in", directory.bytes, result) }
        guard stage == Int32(PLATFORM_STAGE_EXECUTE) else { return systemError("run", command[0], result) }
        var error = systemError("run", command[0], result)
        error.path = nil
        var status: Int64 = 126
        if error.code == .notFound || error.code == .notADirectory {
            status = 127
            let text: StaticString = command[0].contains(0x2F) ? "no such file, or its interpreter is missing" : "no such command"
            error = OperationError(.notFound, "run", command[0], text)
            error.path = nil
            error.errno = -result
        }
        error.details = [JSONMember(name: [UInt8]("status"), value: .integer(status))]
        return error
    }

    override func finish() { request.spawned(started, failure) }
}

/// Signals a process's tree, or counts it, on a worker: it reads all of /proc and waits for the killed to be gone.
final class TreeJob: Job {
    static let kill: Int32 = 9
    static let terminate: Int32 = 15

    private let leader: Int32
    private let marker: [UInt8]
    private let signal: Int32
    private let completion: (Int32) -> Void
    private var count: Int32 = 0

    /// The completion gets how many there were (for KILL: still are).
    init(leader: Int32, marker: [UInt8], signal: Int32, completion: @escaping (Int32) -> Void) {
        self.leader = leader
        self.marker = marker
        self.signal = signal
        self.completion = completion
    }

    override func run() { count = platform_tree_signal(leader, marker + [0], signal) }
    override func finish() { completion(count) }
}
