import CExecutorPlatform
import PortalWire

/// `session.info`
final class InfoRequest: OpenRequest {
    override func start(_ parameters: JSONValue, payload: [UInt8]) {
        var writer = JSONWriter(resultOf: id)
        writer.name("host")
        session.facts.write(to: &writer)
        writer.member("build", string: executorBuild)
        writer.name("capabilities")
        writer.beginArray()
        for capability in session.capabilities { writer.string(capability) }
        writer.endArray()
        writer.member("epoch", string: session.epoch)
        writer.member("pid", signed: Int64(platform_process_id()))
        writer.number("links", session.linkCount)
        if session.outlivesLinks { writer.member("linger_seconds", number: session.lingerSeconds) }
        if let problem = session.lingerText { writer.member("linger_problem", bytes: problem) }
        writer.member("shell", bytes: session.login.shell)
        writer.member("login", string: session.login.state.name)
        if let problem = session.login.problem { writer.member("login_problem", string: problem) }
        writer.beginObject("limits")
        writer.number("headerLength", Limits.headerLength)
        writer.number("payloadLength", Limits.payloadLength)
        writer.number("preferredPayloadLength", Limits.preferredPayloadLength)
        writer.number("depth", Limits.depth)
        writer.number("values", Limits.values)
        writer.number("initialCredit", Limits.initialCredit)
        writer.number("maximumCredit", Limits.maximumCredit)
        writer.number("replayBytes", Limits.replayBytes)
        writer.number("acknowledgementBytes", Limits.acknowledgementBytes)
        writer.number("acknowledgementFrames", Limits.acknowledgementFrames)
        writer.number("openRequests", Limits.openRequests)
        writer.number("claimSeconds", Limits.claimSeconds)
        writer.number("pathLength", Limits.pathLength)
        writer.endObject()
        finish(writer.resultFrame())
    }
}

/// `session.stats`
final class StatsRequest: OpenRequest {
    override func start(_ parameters: JSONValue, payload: [UInt8]) {
        var writer = JSONWriter(resultOf: id)
        writer.number("requests", Int(truncatingIfNeeded: session.requestCount))
        writer.number("open", session.openCount)
        writer.number("processes", session.processes.livingCount)
        writer.member("bytes_in", number: session.bytesIn)
        writer.member("bytes_out", number: session.bytesOut)
        writer.member("resident_kb", number: platform_resident_kilobytes())
        writer.number("threads", session.workers.threadCount + session.signalling.threadCount + 1)
        finish(writer.resultFrame())
    }
}

/// `session.end`
final class EndRequest: OpenRequest {
    override func start(_ parameters: JSONValue, payload: [UInt8]) {
        finishEmpty()
        session.end(status: 0)
    }
}

extension JSONWriter {
    fileprivate mutating func number(_ name: Literal, _ value: Int) {
        self.name(name)
        integer(Int64(value))
    }
}
