import CExecutorPlatform
import PortalLink
import PortalWire

/// `process.start`: a process from its start to its last byte.
final class RunRequest: OpenRequest {
    private static let graceMilliseconds: UInt64 = 250
    private static let timeoutGraceMilliseconds: UInt64 = 2000
    /// How long a killed process may take to be gone before the request ends without it.
    private static let killMilliseconds: UInt64 = 5000

    private enum Ending { case own, cancelled, timedOut }
    private enum Killing { case not, running, done }

    let input: ProcessInput
    private(set) var acceptsInputRequests = false
    private var name: NamedProcess?
    private var marker: [UInt8] = []
    private var stream: InputSource?
    private var spawnJob: SpawnJob?
    private var process: Int32 = -1
    private var outputs: [ProcessOutput] = []
    private var turn = 0
    private let startedAt = platform_clock()
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

    override init(_ request: Request, session: Session) {
        input = ProcessInput(loop: session.loop)
        super.init(request, session: session)
    }

    // MARK: Start

    override func start(_ parameters: JSONValue, payload: [UInt8]) {
        let request: ProcessStartRequest
        do throws(OperationError) {
            request = try ProcessStartRequest(parameters)
        } catch {
            return fail(error)
        }
        if let name = request.process {
            guard let entry = session.processes.register(name, self) else {
                return fail(OperationError(.exists, "start", name, "a process of this name is running"))
            }
            self.name = entry
        }
        acceptsInputRequests = request.input == .requests
        if request.input == .stream {
            let source = InputSource(owner: self, endsInput: true) { _ in }
            stream = source
            input.add(source)
            input.append(payload, end: inputHasEnded, to: source)
        }
        spawn(request)
        if let milliseconds = request.timeoutMilliseconds {
            timeoutTimer = session.loop.after(milliseconds) { [self] in timedOut() }
        }
    }

    private func spawn(_ request: ProcessStartRequest) {
        marker = session.processes.newMarker()
        let environment = childEnvironment(changes: request.environment, marker: marker)
        let command: [[UInt8]]
        switch request.command {
        case .arguments(let arguments): command = arguments
        case .shell(let text): command = [[UInt8]("/bin/sh"), [UInt8]("-c"), text]
        case .loginShell: return fail(OperationError(.unsupported, literal: "no terminals yet"))
        }
        let home = session.facts.home
        let directory = request.directory.map { HostPath($0, directory: nil, home: home) } ?? HostPath(home)
        let job = SpawnJob(
            request: self, command: command, environment: environment, directory: directory, search: searchPath(in: environment),
            hasInput: request.input != .none, merge: request.merge)
        spawnJob = job
        session.processes.willStart()
        session.workers.submit(job)
    }

    func spawned(_ started: SpawnJob.Started?, _ failure: OperationError?) {
        spawnJob = nil
        let end = session.processes.didStart(started?.process, self)
        guard let started else {
            return conclude(with: failure ?? OperationError(.internal, literal: "the process did not start"), end: nil)
        }
        process = started.process
        addOutput(started.output, .stdout)
        if started.errors >= 0 { addOutput(started.errors, .stderr) }
        if started.input >= 0 { input.open(started.input) }
        if let end { leaderEnded(end) }
        if let cancellation { beginCancelling(cancellation) } else if ending == .timedOut { beginTimeout() }
    }

    private func addOutput(_ descriptor: Int32, _ stream: StreamName) {
        outputs.append(ProcessOutput(descriptor, stream: stream, loop: session.loop) { [self] in session.markReady(self) })
    }

    override func receive(_ bytes: [UInt8]) {
        if let stream { input.append(bytes, end: inputHasEnded, to: stream) } else { consumed(bytes.count) }
    }

    // MARK: Output

    override func produce() -> Bool {
        for _ in 0..<outputs.count {
            turn += 1
            let output = outputs[turn % outputs.count]
            guard output.mayHaveMore, credit.available > 0 else { continue }
            if case .bytes(let bytes) = output.read(pieceLength) {
                sendData(output.stream, bytes)
                break
            }
        }
        advance()
        return !isFinished && credit.available > 0 && outputs.contains { $0.mayHaveMore }
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
        session.markReady(self)
    }

    /// Does what is next once the leader has ended.
    private func advance() {
        guard var end = leaderEnd, killing != .running, !isFinished else { return }
        if ending == .cancelled { return concludeCancelled() }
        guard outputs.allSatisfy({ $0.isClosed }) else {
            if graceTimer == nil {
                graceTimer = session.loop.after(RunRequest.graceMilliseconds) { [self] in graceIsOver() }
            } else if isGraceOver {
                for output in outputs { output.endAfterPending() }
                if outputs.allSatisfy({ $0.isClosed }) { advance() }
            }
            return
        }
        if outputs.contains(where: { $0.wasLeft }), left == nil { return countLeft() }
        end.timedOut = ending == .timedOut
        end.left = left ?? 0
        conclude(with: nil, end: end)
    }

    private func graceIsOver() {
        isGraceOver = true
        session.markReady(self)
    }

    private func countLeft() {
        guard !isCounting else { return }
        isCounting = true
        session.workers.submit(
            TreeJob(leader: process, marker: marker, signal: 0) { [self] count in
                left = UInt64(max(count, 0))
                advance()
            })
    }

    private func concludeCancelled() {
        // What is in the pipes goes as far as the credit does: a requester that gave up may never grant more.
        for output in outputs {
            output.endAfterPending()
            while credit.available > 0, case .bytes(let bytes) = output.read(pieceLength) { sendData(output.stream, bytes) }
        }
        var error = OperationError(.cancelled, literal: "cancelled", applied: .yes)
        if let code = leaderEnd?.code { error.details = [JSONMember(name: [UInt8]("code"), value: .integer(Int64(code)))] }
        if let signal = leaderEnd?.signal { error.details = [JSONMember(name: [UInt8]("signal"), value: .integer(Int64(signal)))] }
        if leaderEnd == nil { error.message = [UInt8]("cancelled; the process was killed but the host has not ended it yet") }
        conclude(with: error, end: leaderEnd)
    }

    private func conclude(with error: OperationError?, end: ProcessEnd?) {
        for timer in [timeoutTimer, killTimer, graceTimer] { timer?.cancel() }
        for output in outputs { output.close() }
        input.close("the process has ended")
        if let error { fail(error) } else if let end { finish(resultFrame(id: id) { end.write(to: &$0) }) }
        if let name { session.processes.ended(name, end) }
    }

    // MARK: Killing

    override func cancel(_ cancellation: Cancellation) {
        // A second one may be less patient.
        self.cancellation = cancellation
        spawnJob?.giveUp()
        if process >= 0 { beginCancelling(cancellation) }
    }

    private func beginCancelling(_ cancellation: Cancellation) {
        ending = .cancelled
        timeoutTimer?.cancel()
        killTimer?.cancel()
        guard let signal = cancellation.signal, leaderEnd == nil else { return kill() }
        signalTree(signal)
        killTimer = session.loop.after(min(cancellation.graceMilliseconds, 1 << 32)) { [self] in kill() }
    }

    private func timedOut() {
        guard ending == .own, leaderEnd == nil else { return }
        ending = .timedOut
        if process >= 0 { beginTimeout() }
    }

    private func beginTimeout() {
        guard leaderEnd == nil else { return kill() }
        signalTree(TreeJob.terminate)
        killTimer = session.loop.after(RunRequest.timeoutGraceMilliseconds) { [self] in kill() }
    }

    private func signalTree(_ signal: Int32) {
        session.workers.submit(TreeJob(leader: process, marker: marker, signal: signal) { _ in })
    }

    private func kill() {
        guard killing == .not, !isFinished else { return }
        killing = .running
        killTimer?.cancel()
        session.workers.submit(
            TreeJob(leader: process, marker: marker, signal: TreeJob.kill) { [self] _ in
                killing = .done
                session.markReady(self)
                guard leaderEnd == nil else { return }
                killTimer = session.loop.after(RunRequest.killMilliseconds) { [self] in
                    if leaderEnd == nil, ending == .cancelled { concludeCancelled() }
                }
            })
    }

    /// For `process.signal`.
    func signal(_ number: Int32, tree: Bool, completion: @escaping () -> Void) {
        if tree {
            session.workers.submit(TreeJob(leader: process, marker: marker, signal: number) { _ in completion() })
        } else {
            // A group of which nobody is left is being reported as ended already.
            _ = platform_group_signal(process, number)
            completion()
        }
    }

    var hasStarted: Bool { process >= 0 }
}
