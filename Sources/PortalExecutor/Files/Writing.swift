import PortalWire

/// `fs.write`: the content goes to the disk as it comes, and is put in place when it is all there.
final class WriteRequest: OpenRequest {
    private var replacement: Replacement?
    private var job: WriteJob?
    private var chunks: [[UInt8]] = []
    private var hasCommitted = false
    private var isCancelled = false

    override func start(_ parameters: JSONValue, payload: [UInt8]) {
        do throws(OperationError) {
            let request = try FileWriteRequest(parameters)
            replacement = Replacement(request, path: hostPath(request.path, request.directory))
        } catch {
            return fail(error)
        }
        if !payload.isEmpty { chunks.add(payload) }
        advance()
    }

    override func receive(_ bytes: [UInt8]) {
        if !bytes.isEmpty { chunks.add(bytes) }
        advance()
    }

    // What is being put in place now is answered with how that ended.
    override func cancel(_ cancellation: Cancellation) {
        guard !hasCommitted else { return }
        isCancelled = true
        job?.giveUp()
        advance()
    }

    override func abandon() { replacement?.discard() }

    private func advance() {
        guard job == nil, !isFinished, let replacement else { return }
        let step: WriteJob.Step
        if isCancelled {
            step = .discard
        } else if inputHasEnded {
            step = .commit
            hasCommitted = true
        } else if chunks.isEmpty, replacement.hasBegun {
            return
        } else {
            step = .write
        }
        let job = WriteJob(request: self, replacement: replacement, chunks: chunks, step: step)
        chunks = []
        self.job = job
        session.workers.submit(job)
    }

    fileprivate func wrote(_ count: Int, _ outcome: Frame?) {
        job = nil
        if let outcome { return finish(outcome) }
        if count > 0 { consumed(count) }
        advance()
    }
}

private final class WriteJob: Job {
    enum Step { case write, commit, discard }

    private let request: WriteRequest
    private let replacement: Replacement
    private let chunks: [[UInt8]]
    private let step: Step
    private let id: UInt64
    private var outcome: Frame?

    init(request: WriteRequest, replacement: Replacement, chunks: [[UInt8]], step: Step) {
        self.request = request
        self.replacement = replacement
        self.chunks = chunks
        self.step = step
        id = request.id
    }

    override func run() {
        do throws(OperationError) {
            guard step != .discard else { throw OperationError(.cancelled, literal: "cancelled; the file is as it was") }
            try replacement.begin(gaveUp)
            for chunk in chunks { try replacement.write(chunk) }
            if step == .commit {
                let result = try replacement.commit()
                var writer = JSONWriter(resultOf: id)
                result.write(to: &writer)
                outcome = writer.resultFrame()
            }
        } catch {
            replacement.discard()
            outcome = failureFrame(id: id, error)
        }
    }

    override func finish() { request.wrote(chunks.reduce(0) { $0 + $1.count }, outcome) }
}
