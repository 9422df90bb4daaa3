import PortalWire

extension OpenRequest {
    /// The living process of a name; where there is none the request fails.
    fileprivate func livingProcess(_ verb: Literal, _ name: [UInt8]) -> HostProcess? {
        if let process = session.processes.find(name), !process.isOver { return process }
        fail(.process(.notFound, verb, name, "no process of this name is running"))
        return nil
    }
}

extension OperationError {
    static func process(_ code: ErrorCode, _ verb: Literal, _ name: [UInt8], _ text: Literal) -> OperationError {
        var error = OperationError(code, verb, name, text)
        error.path = nil
        return error
    }
}

/// `process.write`
final class InputRequest: OpenRequest {
    private var process: HostProcess?
    private var source: InputSource?

    override func start(_ parameters: JSONValue, payload: [UInt8]) {
        let request: ProcessWriteRequest
        do throws(OperationError) {
            request = try ProcessWriteRequest(parameters)
        } catch {
            return fail(error)
        }
        guard let process = livingProcess("write to", request.process) else { return }
        guard process.acceptsInputRequests else {
            return fail(.process(.invalid, "write to", request.process, "it was not started with stdin requests"))
        }
        let isTerminal = process.hasTerminal
        let source = InputSource(owner: self, endsInput: request.end && !isTerminal, sendsEnd: request.end && isTerminal) {
            [self] obstacle in
            self.process = nil
            self.source = nil
            if let obstacle { fail(.process(.invalid, "write to", request.process, obstacle)) } else { finishEmpty() }
        }
        self.process = process
        self.source = source
        process.input.add(source)
        if !isFinished { process.input.append(payload, end: inputHasEnded, to: source) }
    }

    override func receive(_ bytes: [UInt8]) {
        if let process, let source { process.input.append(bytes, end: inputHasEnded, to: source) }
    }

    override func cancel(_ cancellation: Cancellation) {
        // Whether the process has some of it is not known to whoever gave up.
        failCancelled(.unknown)
        if let process, let source { process.input.remove(source) }
        process = nil
        source = nil
    }
}

/// `process.signal`
final class SignalRequest: OpenRequest {
    override func start(_ parameters: JSONValue, payload: [UInt8]) {
        do throws(OperationError) {
            let request = try ProcessSignalRequest(parameters)
            guard let process = livingProcess("signal", request.process) else { return }
            guard process.hasStarted else {
                throw OperationError.process(.notFound, "signal", request.process, "it is only being started")
            }
            process.signal(request.signal, tree: request.tree) { [self] isAllowed in
                if isAllowed { return finishEmpty() }
                fail(.process(.permissionDenied, "signal", request.process, "the host lets this user signal nobody of its group"))
            }
        } catch {
            fail(error)
        }
    }
}

/// `process.resize`
final class ResizeRequest: OpenRequest {
    override func start(_ parameters: JSONValue, payload: [UInt8]) {
        do throws(OperationError) {
            let request = try ProcessResizeRequest(parameters)
            guard let process = livingProcess("resize", request.process) else { return }
            guard process.hasTerminal else { throw .process(.invalid, "resize", request.process, "it has no terminal") }
            let result = process.resize(rows: request.rows, columns: request.columns)
            if result < 0 { throw systemError("resize", request.process, result) }
            finishEmpty()
        } catch {
            fail(error)
        }
    }
}

/// `process.wait`
final class WaitRequest: OpenRequest {
    private var process: HostProcess?
    private var timer: Timer?

    override func start(_ parameters: JSONValue, payload: [UInt8]) {
        do throws(OperationError) {
            let request = try ProcessWaitRequest(parameters)
            guard let process = session.processes.find(request.process) else {
                throw OperationError.process(.notFound, "wait for", request.process, "there is and was no process of this name")
            }
            if process.isOver { return processEnded(process.end) }
            process.waiters.add(self)
            self.process = process
            if let milliseconds = request.timeoutMilliseconds {
                timer = session.loop.after(milliseconds) { [self] in
                    leave()
                    fail(.process(.timedOut, "wait for", request.process, "it is still running"))
                }
            }
        } catch {
            fail(error)
        }
    }

    func processEnded(_ end: ProcessEnd?) {
        timer?.cancel()
        process = nil
        if let end {
            var writer = JSONWriter(resultOf: id)
            end.write(to: &writer)
            finish(writer.resultFrame())
        } else {
            fail(OperationError(.notFound, literal: "the process did not start"))
        }
    }

    override func cancel(_ cancellation: Cancellation) {
        leave()
        failCancelled()
    }

    private func leave() {
        timer?.cancel()
        if let process { remove(self, from: &process.waiters) }
        process = nil
    }
}
