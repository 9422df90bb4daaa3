import CExecutorPlatform
import PortalWire

/// A process from its start to its last byte of output, and then what is still told of it.
///
/// Its output goes to the request that started it, as far as that has credit, or into a recording.
final class HostProcess {
    private static let graceMilliseconds: UInt64 = 250
    private static let timeoutGraceMilliseconds: UInt64 = 2000
    /// How long a killed process may take to be gone before its request ends without it.
    private static let killMilliseconds: UInt64 = 5000
    private static let listedLength = 1024

    private enum Ending { case own, cancelled, timedOut }
    private enum Killing { case not, running, done }

    /// Outlives every process: the session ends with this program.
    unowned(unsafe) let session: Session
    let name: [UInt8]
    /// Whether it is still told of when it has ended.
    let isKept: Bool
    let hasTerminal: Bool
    let directory: HostPath
    let startedMilliseconds: UInt64
    let input: ProcessInput
    let acceptsInputRequests: Bool
    /// Where its output is kept; nil where its starter gets it.
    let recording: Recording?
    /// What is known of it when this executor is killed.
    private let kept: ProcessRecord?
    var waiters: [WaitRequest] = []
    private(set) var identifier: Int32 = 0
    private(set) var outputs: [ProcessOutput] = []
    private(set) var isOver = false
    private(set) var end: ProcessEnd?
    /// The request that started it, until that has been answered.
    private var owner: RunRequest?
    let marker: ProcessMarker
    private let command: [UInt8]
    /// Until it runs or has failed to; waiting for the login's environment while `isWaiting`.
    private var spawnJob: SpawnJob?
    private var isWaiting = false
    private let usesLogin: Bool
    private let timeoutMilliseconds: UInt64?
    /// What its environment differs in.
    private var changes: Environment
    private var startedAt = platform_clock()
    private var leaderEnd: ProcessEnd?
    private var ending = Ending.own
    private var killing = Killing.not
    private var cancellation: Cancellation?
    private var timeoutTimer: Timer?
    private var killTimer: Timer?
    private var graceTimer: Timer?
    private var isGraceOver = false
    private var left: UInt64?
    private var isCounting = false
    private var recordingTimer: Timer?

    init(_ request: ProcessStartRequest, name: [UInt8], owner: RunRequest) {
        let session = owner.session
        self.session = session
        self.name = name
        self.owner = owner
        isKept = request.process != nil || request.background
        hasTerminal = request.terminal != nil
        acceptsInputRequests = request.input == .requests || hasTerminal
        usesLogin = request.login
        timeoutMilliseconds = request.timeoutMilliseconds
        let home = session.facts.home
        directory = request.directory.map { HostPath($0, directory: nil, home: home) } ?? HostPath(home)
        input = ProcessInput(loop: session.loop, isTerminal: hasTerminal)
        marker = session.processes.newMarker()
        command = HostProcess.text(of: request.command)
        startedMilliseconds = platform_wall_clock()
        if request.background {
            let record = ProcessRecord(
                owner: marker.number, name: name, command: command, directory: directory.bytes, hasTerminal: hasTerminal,
                startedMilliseconds: startedMilliseconds)
            kept = record
            recording = Recording(session.processes.recordings, record)
        } else {
            kept = nil
            recording = nil
        }
        changes = marker.entry
        for variable in request.environment { change(variable.name, variable.value) }
        if let terminal = request.terminal { change([UInt8]("TERM"), terminal.term ?? [UInt8]("xterm-256color")) }
        let job = SpawnJob(process: self)
        job.hasInput = request.input != .none
        job.merge = request.merge
        job.terminal = request.terminal
        job.program = request.shellProgram ?? session.login.shell
        switch request.command {
        case .arguments(let arguments):
            job.program = arguments[0]
            for argument in arguments { job.addArgument(argument) }
        case .shell(let text):
            job.addArgument(job.program)
            job.addArgument([UInt8]("-c"))
            job.addArgument(text)
        case .loginShell: job.addArgument([UInt8]("-") + lastComponent(job.program))
        }
        spawnJob = job
    }

    /// One that an executor had started which was killed.
    init(_ former: UnsafeMutablePointer<platform_record>, session: Session, processes: ProcessTable) {
        self.session = session
        marker = processes.newMarker()
        let record = ProcessRecord(former, owner: marker.number)
        kept = record
        name = record.name
        isKept = true
        hasTerminal = record.hasTerminal
        acceptsInputRequests = false
        usesLogin = false
        timeoutMilliseconds = nil
        directory = HostPath(record.directory)
        input = ProcessInput(loop: session.loop, isTerminal: false)
        recording = Recording(processes.recordings, record)
        command = record.command
        changes = []
        startedMilliseconds = record.startedMilliseconds
        identifier = record.identifier
        end = record.end
        isOver = true
        input.close("the process has ended")
    }

    private func change(_ name: [UInt8], _ value: [UInt8]?) {
        changes.add(name)
        if let value {
            changes.add(0x3D)
            changes.add(value)
        }
        changes.add(0)
    }

    private static func text(of command: ProcessStartRequest.Command) -> [UInt8] {
        var text: [UInt8] = []
        switch command {
        case .shell(let script): text = script
        case .loginShell: text = [UInt8]("(login shell)")
        case .arguments(let arguments):
            for argument in arguments where text.count <= listedLength {
                if !text.isEmpty { text.add(0x20) }
                text.add(argument)
            }
        }
        guard text.count > listedLength else { return text }
        // Cut before a character, not in it.
        var length = listedLength
        while length > listedLength - 4, text[length] & 0xC0 == 0x80 { length -= 1 }
        return text.part(0, length)
    }

    // MARK: Start

    func start() {
        isWaiting = true
        if usesLogin { session.login.whenKnown(self) } else { spawn() }
    }

    /// The environments are known.
    func spawn() {
        guard !isOver, let spawnJob else { return }
        isWaiting = false
        let login = session.login
        spawnJob.environment = changed(usesLogin ? login.entries : login.own, changes)
        changes = []
        session.processes.willStart()
        session.workers.submit(spawnJob)
        startedAt = platform_clock()
        if let timeoutMilliseconds {
            timeoutTimer = session.loop.after(timeoutMilliseconds) { [self] in timedOut() }
        }
    }

    func spawned(_ started: platform_spawn, _ failure: OperationError?) {
        spawnJob = nil
        let end = session.processes.didStart(failure == nil ? started.process : nil, self)
        if let failure { return conclude(with: failure, end: nil) }
        identifier = started.process
        kept?.started(identifier)
        addOutput(started.output_descriptor, .stdout)
        if started.error_descriptor >= 0 { addOutput(started.error_descriptor, .stderr) }
        if started.input_descriptor >= 0 { input.open(started.input_descriptor) }
        // Its starter hears of the start, also where it has ended by now.
        if cancellation == nil, recording != nil, let owner {
            self.owner = nil
            owner.runsInBackground(ProcessStarted(process: name, identifier: identifier))
        }
        if let end { leaderEnded(end) }
        if let cancellation {
            beginCancelling(cancellation)
        } else if ending == .timedOut {
            beginTimeout()
        }
    }

    private func addOutput(_ descriptor: Int32, _ stream: StreamName) {
        outputs.add(ProcessOutput(descriptor, stream: stream, loop: session.loop) { [self] in wake() })
    }

    // MARK: Output

    /// There may be something to do: output to take, or an end to come to.
    private func wake() {
        if recording != nil { record() } else if let owner { session.markReady(owner) }
    }

    /// Takes one piece of each output into the recording; what is left has its turn after others.
    private func record() {
        guard let recording, !isOver else { return }
        for output in outputs where output.mayHaveMore && recording.hasRoom {
            if case .bytes(let bytes) = output.read(Limits.preferredPayloadLength) {
                recording.append(bytes, isError: output.stream == .stderr, session: session) { [self] in record() }
            }
        }
        advance()
        guard !isOver, recordingTimer == nil, recording.hasRoom, mayHaveMore else { return }
        recordingTimer = session.loop.after(0) { [self] in
            recordingTimer = nil
            record()
        }
    }

    /// Bytes that it has printed so far.
    private var printed: UInt64 {
        if let recording { return recording.end }
        var count: UInt64 = 0
        for output in outputs { count += output.taken }
        return count
    }

    private var mayHaveMore: Bool {
        for output in outputs where output.mayHaveMore { return true }
        return false
    }

    private var isAllTaken: Bool {
        for output in outputs where !output.isClosed { return false }
        return true
    }

    /// Whether somebody still holds an output open.
    private var wasLeft: Bool {
        for output in outputs where output.wasLeft { return true }
        return false
    }

    // MARK: End

    func leaderEnded(_ end: platform_end) {
        leaderEnd = ProcessEnd(
            code: end.code >= 0 ? end.code : nil, signal: end.code >= 0 ? nil : end.signal,
            wallMilliseconds: (platform_clock() - startedAt) / 1_000_000, processorMilliseconds: end.processor_milliseconds)
        timeoutTimer?.cancel()
        input.close("the process has ended")
        // Whoever was to be ended with it does not outlive it.
        if ending != .own, killing == .not { kill() }
        wake()
    }

    /// Does what is next once the leader has ended.
    func advance() {
        guard var end = leaderEnd, killing != .running, !isOver else { return }
        if ending == .cancelled { return concludeCancelled() }
        guard isAllTaken else {
            if graceTimer == nil {
                graceTimer = session.loop.after(HostProcess.graceMilliseconds) { [self] in
                    isGraceOver = true
                    wake()
                }
            } else if isGraceOver {
                for output in outputs { output.endAfterPending() }
                if isAllTaken { advance() }
            }
            return
        }
        if wasLeft, left == nil { return countLeft() }
        end.timedOut = ending == .timedOut
        end.left = left ?? 0
        owner?.countDropped(&end)
        conclude(with: nil, end: end)
    }

    private func countLeft() {
        guard !isCounting else { return }
        isCounting = true
        signalTree(0) { [self] count in
            left = UInt64(max(count, 0))
            advance()
        }
    }

    private func concludeCancelled() {
        owner?.sendPending()
        let text: Literal = leaderEnd == nil ? "cancelled; the process was killed but the host has not ended it yet" : "cancelled"
        var error = OperationError(.cancelled, literal: text, applied: .yes)
        if let leaderEnd {
            error = error.detailed(leaderEnd.code == nil ? "signal" : "code", Int64(leaderEnd.code ?? leaderEnd.signal ?? 0))
        }
        conclude(with: error, end: leaderEnd)
    }

    private func conclude(with error: OperationError?, end: ProcessEnd?) {
        isOver = true
        self.end = end
        kept?.ended(end)
        timeoutTimer?.cancel()
        killTimer?.cancel()
        graceTimer?.cancel()
        recordingTimer?.cancel()
        spawnJob = nil
        for output in outputs { output.close() }
        input.close("the process has ended")
        let owner = self.owner
        self.owner = nil
        owner?.processEnded(error, end)
        recording?.wakeFollowers(session)
        let waiters = self.waiters
        self.waiters = []
        for waiter in waiters { waiter.processEnded(end) }
        session.processes.ended(self)
    }

    /// Nobody will ask for it again.
    func forget() {
        recording?.forget()
        kept?.forget()
    }

    // MARK: Killing

    /// The request that started it gives it up.
    func cancel(_ cancellation: Cancellation) {
        // A second one may be less patient.
        self.cancellation = cancellation
        spawnJob?.giveUp()
        if identifier > 0 { return beginCancelling(cancellation) }
        // One that waits for the login's environment need not be waited for.
        if isWaiting { conclude(with: OperationError(.cancelled, literal: "cancelled before it began"), end: nil) }
    }

    private func beginCancelling(_ cancellation: Cancellation) {
        ending = .cancelled
        timeoutTimer?.cancel()
        killTimer?.cancel()
        guard let signal = cancellation.signal, leaderEnd == nil else { return kill() }
        signalTree(signal) { _ in }
        killTimer = session.loop.after(min(cancellation.graceMilliseconds, 1 << 32)) { [self] in kill() }
    }

    private func timedOut() {
        guard ending == .own, leaderEnd == nil else { return }
        ending = .timedOut
        if identifier > 0 { beginTimeout() }
    }

    private func beginTimeout() {
        guard leaderEnd == nil else { return kill() }
        signalTree(TreeTarget.terminate) { _ in }
        killTimer = session.loop.after(HostProcess.timeoutGraceMilliseconds) { [self] in kill() }
    }

    private func kill() {
        guard killing == .not, !isOver else { return }
        killing = .running
        killTimer?.cancel()
        signalTree(TreeTarget.kill) { [self] _ in
            killing = .done
            wake()
            guard leaderEnd == nil else { return }
            killTimer = session.loop.after(HostProcess.killMilliseconds) { [self] in
                if leaderEnd == nil, ending == .cancelled { concludeCancelled() }
            }
        }
    }

    private func signalTree(_ signal: Int32, completion: @escaping (Int32) -> Void) {
        session.processes.trees.submit(TreeTarget(leader: identifier, marker: marker.number, signal: signal, completion: completion))
    }

    /// For `process.signal`.
    func signal(_ number: Int32, tree: Bool, completion: @escaping (_ isAllowed: Bool) -> Void) {
        if tree {
            signalTree(number) { _ in completion(true) }
        } else {
            // A group of which nobody is left is no failure: it is being reported as ended already.
            completion(platform_group_signal(identifier, number) == 0)
        }
    }

    /// For `process.resize`. Returns zero, or the negated errno.
    func resize(rows: UInt16, columns: UInt16) -> Int32 {
        guard let terminal = outputs.first, !terminal.isClosed else { return 0 }
        return platform_resize(terminal.descriptor, UInt32(rows), UInt32(columns))
    }

    var hasStarted: Bool { identifier > 0 }

    /// For `process.list`.
    var listing: ProcessListing {
        ProcessListing(
            process: name, identifier: identifier, command: command, directory: directory.bytes, startedMilliseconds: startedMilliseconds,
            running: !isOver, hasTerminal: hasTerminal, background: recording != nil, output: printed, end: end)
    }
}
