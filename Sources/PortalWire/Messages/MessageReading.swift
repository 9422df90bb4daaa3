extension Message {
    /// Reads a frame's header.
    /// - Throws: `WireError` for what is not JSON, not an object, or misses a member that its type demands. An unknown type is `.unknown`.
    public init(_ frame: Frame) throws(WireError) {
        let header = try frame.parseHeader()
        guard case .object = header, let type = header.string("type") else { throw .message }
        guard let message = Message(type: type, header: header) else { throw .message }
        self = message
    }

    private init?(type: [UInt8], header: JSONValue) {
        // In the order of their frequency: a stream's frames pay for the comparisons.
        if type.equals("data") {
            guard let id = header.unsigned("id"), let name = header.string("stream"), let stream = StreamName(name) else { return nil }
            self = .data(id: id, stream: stream, end: header.bool("end") ?? false)
        } else if type.equals("request") {
            guard let id = header.unsigned("id"), let operation = header.string("op") else { return nil }
            self = .request(Request(id: id, operation: operation, parameters: header, hasMore: header.bool("more") ?? false))
        } else if type.equals("credit") {
            guard let id = header.unsigned("id"), let bytes = header.unsigned("bytes") else { return nil }
            self = .credit(id: id, bytes: bytes)
        } else if type.equals("starved") {
            guard let id = header.unsigned("id") else { return nil }
            self = .starved(id: id)
        } else if type.equals("ack") {
            guard let received = header.unsigned("received") else { return nil }
            self = .acknowledge(received)
        } else if type.equals("cancel") {
            guard let id = header.unsigned("id") else { return nil }
            var cancellation = Cancellation()
            if let signal = header.integer("signal") {
                guard let number = Int32(exactly: signal), number > 0, number <= 64 else { return nil }
                cancellation.signal = number
            }
            cancellation.graceMilliseconds = header.unsigned("grace_ms") ?? 0
            self = .cancel(id: id, cancellation)
        } else if type.equals("ping") || type.equals("pong") {
            guard let number = header.unsigned("number") else { return nil }
            self = type.equals("ping") ? .ping(number) : .pong(number)
        } else if type.equals("hello") {
            guard let hello = Hello(header) else { return nil }
            self = .hello(hello)
        } else if type.equals("claim") {
            guard let claim = Claim(header) else { return nil }
            self = .claim(claim)
        } else if type.equals("lapse") {
            guard let some = header.bool("some") else { return nil }
            self = .lapse(some)
        } else if type.equals("goodbye") {
            guard let code = header.string("code"), let text = header.string("message") else { return nil }
            self = .goodbye(code: ErrorCode(name: code), text: text)
        } else {
            #if hasFeature(Embedded)
                self = .unknown
            #else
                self.init(near: type, header: header)
            #endif
        }
    }

    #if !hasFeature(Embedded)
        // What only a proxy or a client is sent. To an executor these are types that it does not know, and an image has no code for them.
        private init?(near type: [UInt8], header: JSONValue) {
            if type.equals("result") {
                guard let id = header.unsigned("id"), let value = header["ok"] else { return nil }
                self = .result(id: id, value)
            } else if type.equals("error") {
                guard let id = header.unsigned("id"), let error = header["error"] else { return nil }
                self = .failure(id: id, OperationError(error))
            } else if type.equals("claimed") {
                guard let id = header.unsigned("id"), let state = header.string("state") else { return nil }
                if state.equals("open") {
                    guard let received = header.unsigned("received"), let credit = header.unsigned("credit"),
                        let cancels = header.unsigned("cancels")
                    else { return nil }
                    self = .claimed(id: id, .open(received: received, credit: credit, cancels: cancels))
                } else if state.equals("ended") {
                    self = .claimed(id: id, .ended)
                } else {
                    self = .claimed(id: id, state.equals("missing") ? .missing : .unknown)
                }
            } else if type.equals("question") {
                guard let id = header.unsigned("id"), let text = header.string("text") else { return nil }
                self = .question(Question(id: id, text: text, isSecret: header.bool("secret") ?? true))
            } else if type.equals("answer") {
                guard let id = header.unsigned("id") else { return nil }
                self = .answer(id: id, text: header.bytes("text"))
            } else if type.equals("state") {
                guard let text = header.string("text"), let ready = header.bool("ready") else { return nil }
                var state = LinkState(text: text, isReady: ready)
                if let done = header.unsigned("done"), let total = header.unsigned("total") { state.progress = (done, total) }
                if let epoch = header.string("epoch"), let history = header.unsigned("history") {
                    state.place = HistoryPlace(epoch: epoch, history: history)
                }
                self = .state(state)
            } else {
                self = .unknown
            }
        }
    #endif
}

extension Claim {
    // Not inlined: with this in it, the compiler makes wrong code of the function above for i686 (it refuses requests; the golden conversations
    // show it).
    @inline(never)
    fileprivate init?(_ header: JSONValue) {
        guard let id = header.unsigned("id"), let history = header.unsigned("history"), let received = header.unsigned("received") else {
            return nil
        }
        self.init(id: id, operation: [], history: history, received: received)
        #if !hasFeature(Embedded)
            guard let operation = header.string("op") else { return nil }
            self.operation = operation
        #endif
    }
}
