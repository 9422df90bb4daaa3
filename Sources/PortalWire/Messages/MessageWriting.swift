extension Message {
    /// The frame that says this. A request is written by `Request.frame`, since its parameters are its operation's.
    public func frame(payload: [UInt8] = []) -> Frame {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("type")
        switch self {
        case .hello(let hello):
            writer.string("hello")
            hello.writeMembers(to: &writer)
        case .data(let id, let stream, let end):
            writer.string("data")
            writer.member("id", number: id)
            writer.member("stream", string: stream.text)
            if end {
                writer.member("end", flag: true)
            }
        case .credit(let id, let bytes):
            writer.string("credit")
            writer.member("id", number: id)
            writer.member("bytes", number: bytes)
        case .starved(let id):
            writer.string("starved")
            writer.member("id", number: id)
        case .failure(let id, let error):
            writer.string("error")
            writer.member("id", number: id)
            writer.name("error")
            error.write(to: &writer)
        default: writeRare(to: &writer)
        }
        writer.endObject()
        return Frame(header: writer.bytes, payload: payload)
    }

    private func writeRare(to writer: inout JSONWriter) {
        switch self {
        case .claimed(let id, let claimed):
            writer.string("claimed")
            writer.member("id", number: id)
            writer.name("state")
            switch claimed {
            case .open(let received, let credit, let cancels):
                writer.string("open")
                writer.member("received", number: received)
                writer.member("credit", number: credit)
                writer.member("cancels", number: cancels)
            case .ended: writer.string("ended")
            case .missing: writer.string("missing")
            case .unknown: writer.string("unknown")
            }
        case .acknowledge(let received):
            writer.string("ack")
            writer.member("received", number: received)
        case .ping(let number):
            writer.string("ping")
            writer.member("number", number: number)
        case .pong(let number):
            writer.string("pong")
            writer.member("number", number: number)
        case .goodbye(let code, let text):
            writer.string("goodbye")
            writer.member("code", string: code.name)
            writer.member("message", text: text)
        default:
            #if !hasFeature(Embedded)
                writeNear(to: &writer)
            #endif
        }
    }

    #if !hasFeature(Embedded)
        // What an executor never sends: an image has no code for it.
        private func writeNear(to writer: inout JSONWriter) {
            switch self {
            case .request(let request):
                writer.string("request")
                if case .object(let members) = request.parameters {
                    for member in members where !member.name.equals("type") {
                        writer.name(member.name)
                        writer.value(member.value)
                    }
                }
            case .result(let id, let value):
                writer.string("result")
                writer.member("id", number: id)
                writer.name("ok")
                writer.value(value)
            case .cancel(let id, let cancellation):
                writer.string("cancel")
                writer.member("id", number: id)
                if let signal = cancellation.signal {
                    writer.member("signal", signed: Int64(signal))
                    writer.member("grace_ms", number: cancellation.graceMilliseconds)
                }
            case .claim(let claim):
                writer.string("claim")
                writer.member("id", number: claim.id)
                writer.member("op", string: claim.operation)
                writer.member("history", number: claim.history)
                writer.member("received", number: claim.received)
            case .lapse(let some):
                writer.string("lapse")
                writer.name("some")
                writer.bool(some)
            case .question(let question):
                writer.string("question")
                writer.member("id", number: question.id)
                writer.member("text", text: question.text)
                writer.name("secret")
                writer.bool(question.isSecret)
            case .answer(let id, let text):
                writer.string("answer")
                writer.member("id", number: id)
                if let text {
                    writer.member("text", bytes: text)
                }
            case .state(let state):
                writer.string("state")
                writer.member("text", text: state.text)
                writer.name("ready")
                writer.bool(state.isReady)
                if let progress = state.progress {
                    writer.member("done", number: progress.done)
                    writer.member("total", number: progress.total)
                }
                if let place = state.place {
                    writer.member("epoch", string: place.epoch)
                    writer.member("history", number: place.history)
                }
            default: writer.string("unknown")
            }
        }
    #endif
}

extension Request {
    /// The frame of a request whose parameters a closure writes as members of the header.
    /// - Parameters:
    ///   - payload: The start of the request's own data.
    ///   - hasMore: Whether data frames follow, the last of them with `end`.
    public static func frame(
        id: UInt64, operation: Literal, payload: [UInt8] = [], hasMore: Bool = false, parameters: (inout JSONWriter) -> Void
    ) -> Frame {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("type", string: "request")
        writer.member("id", number: id)
        writer.member("op", string: operation)
        if hasMore {
            writer.member("more", flag: true)
        }
        parameters(&writer)
        writer.endObject()
        return Frame(header: writer.bytes, payload: payload)
    }
}

extension JSONWriter {
    /// Begins the last frame of a request that succeeded: the members of its result are written next. Not a function that is given one which writes
    /// them: that one would have its own copy of what it writes.
    @inline(never)
    public init(resultOf id: UInt64) {
        self.init()
        beginObject()
        member("type", string: "result")
        member("id", number: id)
        beginObject("ok")
    }

    /// The frame that `init(resultOf:)` began.
    @inline(never)
    public mutating func resultFrame() -> Frame {
        endObject()
        endObject()
        return Frame(header: bytes)
    }
}

/// The last frame of a request that succeeded and has nothing to tell.
@inline(never)
public func emptyResultFrame(id: UInt64) -> Frame {
    var writer = JSONWriter(resultOf: id)
    return writer.resultFrame()
}

/// The last frame of a request that failed.
@inline(never)
public func failureFrame(id: UInt64, _ error: OperationError) -> Frame { Message.failure(id: id, error).frame() }

#if !hasFeature(Embedded)
    /// The last frame of a request that succeeded, whose members a function writes.
    public func resultFrame(id: UInt64, _ write: (inout JSONWriter) -> Void) -> Frame {
        var writer = JSONWriter(resultOf: id)
        write(&writer)
        return writer.resultFrame()
    }
#endif
