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
        case .request(let request):
            writer.string("request")
            if case .object(let members) = request.parameters {
                for member in members where !member.name.equals("type") {
                    writer.name(member.name)
                    writer.value(member.value)
                }
            }
        case .data(let id, let stream, let end):
            writer.string("data")
            writer.name("id")
            writer.integer(id)
            writer.name("stream")
            writer.string(stream.text)
            if end {
                writer.name("end")
                writer.bool(true)
            }
        case .credit(let id, let bytes):
            writer.string("credit")
            writer.name("id")
            writer.integer(id)
            writer.name("bytes")
            writer.integer(bytes)
        case .starved(let id):
            writer.string("starved")
            writer.name("id")
            writer.integer(id)
        case .result(let id, let value):
            writer.string("result")
            writer.name("id")
            writer.integer(id)
            writer.name("ok")
            writer.value(value)
        case .failure(let id, let error):
            writer.string("error")
            writer.name("id")
            writer.integer(id)
            writer.name("error")
            error.write(to: &writer)
        case .cancel(let id, let cancellation):
            writer.string("cancel")
            writer.name("id")
            writer.integer(id)
            if let signal = cancellation.signal {
                writer.name("signal")
                writer.integer(Int64(signal))
                writer.name("grace_ms")
                writer.integer(cancellation.graceMilliseconds)
            }
        default: writeRare(to: &writer)
        }
        writer.endObject()
        return Frame(header: writer.bytes, payload: payload)
    }

    private func writeRare(to writer: inout JSONWriter) {
        switch self {
        case .acknowledge(let received):
            writer.string("ack")
            writer.name("received")
            writer.integer(received)
        case .ping(let number):
            writer.string("ping")
            writer.name("number")
            writer.integer(number)
        case .pong(let number):
            writer.string("pong")
            writer.name("number")
            writer.integer(number)
        case .goodbye(let code, let text):
            writer.string("goodbye")
            writer.name("code")
            writer.string(code.name)
            writer.name("message")
            writer.text(text)
        case .question(let question):
            writer.string("question")
            writer.name("id")
            writer.integer(question.id)
            writer.name("text")
            writer.text(question.text)
            writer.name("secret")
            writer.bool(question.isSecret)
        case .answer(let id, let text):
            writer.string("answer")
            writer.name("id")
            writer.integer(id)
            if let text {
                writer.name("text")
                writer.byteString(text)
            }
        case .state(let state):
            writer.string("state")
            writer.name("text")
            writer.text(state.text)
            writer.name("ready")
            writer.bool(state.isReady)
            if let progress = state.progress {
                writer.name("done")
                writer.integer(progress.done)
                writer.name("total")
                writer.integer(progress.total)
            }
        default: writer.string("unknown")
        }
    }
}

extension Request {
    /// The frame of a request whose parameters a closure writes as members of the header.
    /// - Parameters:
    ///   - payload: The start of the request's own data.
    ///   - hasMore: Whether data frames follow, the last of them with `end`.
    public static func frame(
        id: UInt64, operation: StaticString, payload: [UInt8] = [], hasMore: Bool = false, parameters: (inout JSONWriter) -> Void
    ) -> Frame {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("type")
        writer.string("request")
        writer.name("id")
        writer.integer(id)
        writer.name("op")
        writer.string(operation)
        if hasMore {
            writer.name("more")
            writer.bool(true)
        }
        parameters(&writer)
        writer.endObject()
        return Frame(header: writer.bytes, payload: payload)
    }
}

/// The frame of a result whose value a closure writes; what an executor sends for most requests.
public func resultFrame(id: UInt64, _ write: (inout JSONWriter) -> Void) -> Frame {
    var writer = JSONWriter()
    writer.beginObject()
    writer.name("type")
    writer.string("result")
    writer.name("id")
    writer.integer(id)
    writer.name("ok")
    writer.beginObject()
    write(&writer)
    writer.endObject()
    writer.endObject()
    return Frame(header: writer.bytes)
}
