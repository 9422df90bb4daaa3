import PortalLink
import PortalWire

/// `process.start`: a process and its starter, who gets its output and its end; of one in the background, its name.
final class RunRequest: OpenRequest {
    private var process: HostProcess?
    private var stream: InputSource?
    /// Where `output_limit` is given.
    private var outputCap: OutputCap?
    private var errorCap: OutputCap?
    private var turn = 0
    private var end: ProcessEnd?

    override func start(_ parameters: JSONValue, payload: [UInt8]) {
        let request: ProcessStartRequest
        do throws(OperationError) {
            request = try ProcessStartRequest(parameters)
        } catch {
            return fail(error)
        }
        guard let name = session.processes.claim(request.process) else {
            return fail(OperationError(.exists, "start", request.process ?? [], "a process of this name is running"))
        }
        let process = HostProcess(request, name: name, owner: self)
        self.process = process
        session.processes.add(process)
        if let limit = request.outputLimit {
            outputCap = OutputCap(limit: Int(limit))
            errorCap = OutputCap(limit: Int(limit))
        }
        if request.input == .stream {
            let source = InputSource(owner: self, endsInput: request.terminal == nil) { _ in }
            stream = source
            process.input.add(source)
            process.input.append(payload, end: inputHasEnded, to: source)
        }
        process.start()
    }

    override func receive(_ bytes: [UInt8]) {
        if let stream, let process { process.input.append(bytes, end: inputHasEnded, to: stream) } else { consumed(bytes.count) }
    }

    override func cancel(_ cancellation: Cancellation) {
        if let process { return process.cancel(cancellation) }
        // It has ended, and only what `output_limit` kept back is still on its way.
        failCancelled(.yes)
    }

    // MARK: Output

    override func produce() -> Bool {
        guard let process else { return sendTails() }
        let outputs = process.outputs
        for _ in 0..<outputs.count {
            turn += 1
            if take(from: outputs[turn % outputs.count]) { break }
        }
        process.advance()
        return !isFinished && outputs.contains { canTake(from: $0) }
    }

    private func cap(_ output: ProcessOutput) -> OutputCap? { output.stream == .stderr ? errorCap : outputCap }

    private func canTake(from output: ProcessOutput) -> Bool {
        output.mayHaveMore && (credit.available > 0 || cap(output)?.rest == 0)
    }

    private func take(from output: ProcessOutput) -> Bool {
        guard canTake(from: output) else { return false }
        let cap = cap(output)
        let isKept = cap?.rest == 0
        let most = isKept ? Limits.preferredPayloadLength : min(pieceLength, cap?.rest ?? Int.max)
        guard case .bytes(let bytes) = output.read(most) else { return false }
        if isKept {
            cap?.keep(bytes)
        } else {
            cap?.rest -= bytes.count
            sendData(output.stream, bytes)
        }
        return true
    }

    /// What is in the pipes goes as far as the credit does: a requester that gave up may never grant more.
    func sendPending() {
        for output in process?.outputs ?? [] {
            output.endAfterPending()
            while take(from: output) {}
        }
        while sendTail(.stdout, outputCap) || sendTail(.stderr, errorCap) {}
    }

    // MARK: End

    func countDropped(_ end: inout ProcessEnd) {
        if let outputCap { end.dropped = outputCap.finish() }
        if let errorCap { end.droppedErrors = errorCap.finish() }
    }

    func runsInBackground(_ started: ProcessStarted) {
        process = nil
        var writer = JSONWriter(resultOf: id)
        started.write(to: &writer)
        finish(writer.resultFrame())
    }

    func processEnded(_ error: OperationError?, _ end: ProcessEnd?) {
        process = nil
        self.end = end
        if let error { return fail(error) }
        if sendTails() { session.markReady(self) }
    }

    /// The last halves, and then the result. Returns whether there is more that can be sent.
    private func sendTails() -> Bool {
        if sendTail(.stdout, outputCap) || sendTail(.stderr, errorCap) { return true }
        if let end, outputCap?.isEmpty ?? true, errorCap?.isEmpty ?? true {
            var writer = JSONWriter(resultOf: id)
            end.write(to: &writer)
            finish(writer.resultFrame())
        }
        return false
    }

    private func sendTail(_ stream: StreamName, _ cap: OutputCap?) -> Bool {
        guard let cap, credit.available > 0, !cap.isEmpty else { return false }
        sendData(stream, cap.take(pieceLength))
        return true
    }
}
