import NIOCore
import PortalWire

// What becomes of open requests when the link is lost, and when the host has forgotten them.

extension Proxy {
    private static let patienceStep = TimeAmount.seconds(1)

    /// Nobody wants the answer any more. The host is told, now or when there is a link again.
    func giveUp(_ id: UInt64) {
        if link.hasSession { _ = link.cancel(Message.cancel(id: id, Cancellation()).frame(), of: id) } else { link.ended(id) }
    }

    // MARK: No link

    /// While there is no link, clients are told once a second how it is, and whose patience is over is answered.
    func beginPatience() {
        guard patienceTask == nil else { return }
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        patienceTask = eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: Proxy.patienceStep) { _ in bound.value.lookAtPatience() }
    }

    private func lookAtPatience() {
        guard case .interrupted(let reason) = link.state else {
            patienceTask?.cancel()
            patienceTask = nil
            return
        }
        let now = NIODeadline.now()
        let seconds = max(0, (now - link.interruptedAt).nanoseconds / 1_000_000_000)
        let text = "no connection to the host for \(seconds) s: \(reason)"
        for client in clients.values where !client.openRequests.isEmpty {
            for (id, request) in client.openRequests where now - max(link.interruptedAt, request.begun) >= client.patience {
                end(id, request, of: client, "\(text); gave up after \(client.patience.nanoseconds / 1_000_000_000) s of waiting")
            }
            // What takes a moment is nobody's concern.
            if seconds >= 1 { client.send(.state(LinkState(text: Array(text.utf8), isReady: false))) }
            client.flush()
        }
    }

    /// There is no link and none will be tried: everything that is open ends, each with what is known of it.
    func lost(_ reason: String) {
        failOwnRequests(reason)
        failWaiting(reason)
        for client in clients.values {
            for (id, request) in client.openRequests { end(id, request, of: client, reason) }
            client.flush()
            updateReading(client)
        }
    }

    private func end(_ id: UInt64, _ request: ProxyClient.OpenRequest, of client: ProxyClient, _ reason: String) {
        client.openRequests[id] = nil
        connectWaiters.removeAll { $0.id == id }
        let name = String(decoding: request.operation, as: UTF8.self)
        let error: OperationError
        if !request.isSent || link.isWaiting(id) {
            client.forgetWaiting(id)
            link.ended(id)
            error =
                request.isClaim ? Proxy.unknownOutcome(of: request.operation, reason) : OperationError(.disconnected, Array(reason.utf8))
        } else if request.repeatable != nil || OperationNames.isReadOnly(request.operation) {
            giveUp(id)
            error = OperationError(.disconnected, Array(reason.utf8))
        } else {
            let isTold = link.hasSession
            giveUp(id)
            let text =
                "\(reason); whether \(name) took effect is unknown\(isTold ? ", and it is cancelled when the host is reached again" : "")"
            error = OperationError(isTold ? .disconnected : .outcomeUnknown, Array(text.utf8), applied: .unknown)
        }
        client.send(.failure(id: id, error))
    }

    // MARK: Another executor

    /// Another executor answers: what was open on the host ends there, and each request is answered with what can be found out about it.
    /// What changes nothing is asked again where nothing of its answer was seen yet.
    func forgotten(_ reason: String) {
        failOwnRequests(reason)
        logger.notice("\(reason)")
        for client in clients.values {
            for (id, request) in client.openRequests where request.isSent && !link.isWaiting(id) {
                link.ended(id)
                if let frame = request.repeatable, !request.hasAnswers {
                    link.send(frame, of: id)
                } else if let parameters = request.parameters {
                    check(id, request.operation, parameters, of: client.number, reason)
                } else {
                    client.openRequests[id] = nil
                    client.send(.failure(id: id, Proxy.unknownOutcome(of: request.operation, reason)))
                }
            }
            client.flush()
        }
    }

    static func unknownOutcome(of operation: [UInt8], _ reason: String) -> OperationError {
        let name = String(decoding: operation, as: UTF8.self)
        if OperationNames.isReadOnly(operation) {
            return OperationError(.disconnected, Array("\(reason); \(name) had been answered in part".utf8))
        }
        let text = "\(reason); whether \(name) took effect is unknown"
        return OperationError(.outcomeUnknown, Array(text.utf8), applied: .unknown)
    }

    /// A write or an edit may have been in place before the executor ended. The file's content now says whether it was.
    private func check(_ id: UInt64, _ operation: [UInt8], _ parameters: JSONValue, of number: UInt64, _ reason: String) {
        var error = Proxy.unknownOutcome(of: operation, reason)
        request(
            FileReadRequest.operation,
            parameters: { writer in
                for name in ["path", "cwd"] as [Literal] {
                    if let value = parameters[name] {
                        writer.name(name)
                        writer.value(value)
                    }
                }
                writer.member("first_line", number: 1)
                writer.member("lines", number: 0)
                writer.member("hash", flag: true)
            },
            answer: { [unowned self] answer in
                guard let client = clients[number], client.openRequests.removeValue(forKey: id) != nil else { return }
                if case .result(_, let found) = answer, let hash = found.string("file_sha256") {
                    error.details = [JSONMember(name: [UInt8]("sha256"), value: .string(hash))]
                    if parameters.string("sha256") == hash {
                        error.applied = .yes
                        error.message = Array("\(reason); the file has the new content".utf8)
                    } else if parameters.string("if_match") == hash {
                        error.applied = .no
                        error.message = Array("\(reason); the file has its old content".utf8)
                    }
                }
                client.send(.failure(id: id, error))
                client.flush()
            })
    }
}
