import PortalLink
import PortalWire

/// `process.output`
final class OutputRequest: OpenRequest {
    private var process: HostProcess?
    private var recording: Recording?
    private var follows = false
    /// The first byte that is sent, once that is settled.
    private var from: UInt64 = 0
    private var position: UInt64 = 0
    private var lost: UInt64 = 0
    /// How many bytes may still be sent.
    private var rest: UInt64 = 0
    private var job: RecordedJob?
    private var jobIsOfError = false

    override func start(_ parameters: JSONValue, payload: [UInt8]) {
        do throws(OperationError) {
            let request = try ProcessOutputRequest(parameters)
            guard let process = session.processes.find(request.process) else {
                throw .process(.notFound, "read the output of", request.process, "there is and was no process of this name")
            }
            guard let recording = process.recording else {
                throw .process(.invalid, "read the output of", request.process, "it was not started in the background: its starter has it")
            }
            self.process = process
            self.recording = recording
            let end = recording.end
            var wanted = min(request.from, end)
            if let tail = request.tail { wanted = max(wanted, end - min(end, tail)) }
            follows = request.follow
            position = wanted
            from = wanted
            rest = follows ? UInt64.max : end - max(wanted, recording.first)
            if let limit = request.limit { rest = min(rest, limit) }
            if follows { recording.followers.add(self) }
            session.markReady(self)
        } catch {
            fail(error)
        }
    }

    override func produce() -> Bool {
        guard job == nil, let recording else { return false }
        // Nothing is sent yet, so it can still begin later.
        if position == from, position < recording.first {
            lost += recording.first - position
            position = recording.first
            from = position
        }
        guard rest > 0 else {
            conclude()
            return false
        }
        guard credit.available > 0 else { return false }
        // Forgotten since it was begun with.
        guard position >= recording.first, !recording.isForgotten else {
            conclude()
            return false
        }
        let place = recording.place(of: position, most: Int(min(UInt64(pieceLength), rest)))
        if place.count == 0 {
            if !follows || process?.isOver ?? true { conclude() }
            return false
        }
        guard place.isStored, let file = recording.file else {
            send(recording.bytes(at: position, count: place.count), isError: place.isError)
            return true
        }
        jobIsOfError = place.isError
        let job = RecordedJob(self, file, count: place.count, at: position)
        self.job = job
        session.workers.submit(job)
        return false
    }

    private func send(_ bytes: [UInt8], isError: Bool) {
        position += UInt64(bytes.count)
        rest -= UInt64(bytes.count)
        sendData(isError ? .stderr : .stdout, bytes)
    }

    func didRead(_ bytes: [UInt8]) {
        job = nil
        guard !isFinished, let recording else { return }
        // What was forgotten meanwhile may have been written over while it was read.
        if position >= recording.first {
            if bytes.isEmpty { return finishReading(OperationError(.internal, literal: "the file of the process's output cannot be read")) }
            send(bytes, isError: jobIsOfError)
        }
        session.markReady(self)
    }

    override func cancel(_ cancellation: Cancellation) {
        job?.giveUp()
        finishReading(OperationError(.cancelled, literal: "cancelled"))
    }

    private func conclude() {
        guard let process else { return }
        let result = ProcessOutputResult(from: from, next: position, lost: lost, running: !process.isOver, end: process.end)
        var writer = JSONWriter(resultOf: id)
        result.write(to: &writer)
        finish(writer.resultFrame())
        leave()
    }

    private func finishReading(_ error: OperationError) {
        fail(error)
        leave()
    }

    private func leave() {
        if let recording { remove(self, from: &recording.followers) }
        recording = nil
        process = nil
    }
}

/// `process.list`
final class ListingRequest: OpenRequest {
    private static let pieceLength = 16 * 1024

    private var processes: [HostProcess] = []
    private var next = 0
    private var lines: [UInt8] = []

    override func start(_ parameters: JSONValue, payload: [UInt8]) {
        processes = session.processes.all
        session.markReady(self)
    }

    override func produce() -> Bool {
        while lines.count < ListingRequest.pieceLength, next < processes.count {
            lines.add(processes[next].listing.line())
            next += 1
        }
        if lines.isEmpty {
            finishEmpty()
            return false
        }
        guard credit.available > 0 else { return false }
        sendData(.content, lines.takeFirst(pieceLength))
        return true
    }

    override func cancel(_ cancellation: Cancellation) { failCancelled() }
}
