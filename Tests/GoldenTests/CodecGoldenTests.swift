import GoldenCaptures
import PortalLink
import PortalWire
import Testing

/// Every frame of every capture through the codec of PortalWire, and the broken ones through a link's end.
@Suite struct CodecGoldenTests {
    @Test(arguments: try Capture.all())
    func roundTrip(capture: Capture) throws {
        for step in capture.steps {
            switch step.action {
            case .send(let frames, isWellFormed: true):
                for frame in frames.prefix(2) { try check(frame, "\(capture.name).vec:\(step.line)") }
            case .expect(let pattern):
                var writer = JSONWriter()
                writer.value(Pattern.sample(pattern))
                let isPartial = Pattern.text(pattern).contains("\"...\"")
                if !isPartial || pattern["type"]?.string != Array("hello".utf8) {
                    try check(Frame(header: writer.bytes), "\(capture.name).vec:\(step.line)")
                }
            default: break
            }
        }
    }

    private func check(_ frame: Frame, _ place: String) throws {
        // Decoded, wherever it is cut.
        for cut in [0, 1, 4, 7, 8, 9, frame.bytes.count / 2, frame.bytes.count - 1] {
            var decoder = FrameDecoder()
            frame.bytes[..<cut].withUnsafeBytes { decoder.receive($0) }
            let early = try decoder.next()
            #expect(early?.bytes == nil, "\(place)")
            frame.bytes[cut...].withUnsafeBytes { decoder.receive($0) }
            let decoded = try decoder.next()
            #expect(decoded?.bytes == frame.bytes, "\(place)")
            #expect(decoded?.headerLength == frame.headerLength, "\(place)")
        }
        // Its JSON, written again and parsed, is the same.
        let header = try frame.parseHeader()
        #expect(Pattern.text(try JSONParser.parse(Array(Pattern.text(header).utf8))) == Pattern.text(header), "\(place)")
        // And so is its message, but for what it does not know.
        let message = try Message(frame)
        if case .unknown = message { return }
        let again = try message.frame(payload: Array(frame.payload)).parseHeader()
        guard case .object(let before) = header, case .object(let after) = again else {
            Issue.record("\(place): not objects")
            return
        }
        for member in after {
            let original = before.first { $0.name == member.name }.map(\.value)
            #expect(original.map(Pattern.text) == Pattern.text(member.value), "\(place): \(String(decoding: member.name, as: UTF8.self))")
        }
        if case .hello = message { return }
        #expect(before.count == after.count, "\(place): \(Pattern.text(header)) became \(Pattern.text(again))")
    }

    /// What the captures say that breaks a link, breaks the near side's as well, by the same rule.
    @Test(arguments: try Capture.all().filter { $0.name.hasPrefix("broken-") })
    func broken(capture: Capture) throws {
        let expected = capture.steps.compactMap { step -> [UInt8]? in
            if case .expect(let pattern) = step.action, pattern["type"]?.string == Array("goodbye".utf8) {
                pattern["message"]?.string
            } else {
                nil
            }
        }
        try #require(expected.count == 1)
        // Credit, requests and the session are the business of whoever drives the link's end.
        let isOfTheDriver = [WireError.credit, .identifier, .requests, .session].contains { [UInt8]($0.rule) == expected[0] }
        var endpoint = LinkEndpoint(isCounting: true)
        var rule: [UInt8]?
        for bytes in capture.clientBytes {
            bytes.withUnsafeBytes { endpoint.receive($0) }
            do throws(LinkError) { while try endpoint.nextEvent() != nil {} } catch { rule = error.text }
        }
        #expect(rule == (isOfTheDriver ? nil : expected[0]))
    }
}
