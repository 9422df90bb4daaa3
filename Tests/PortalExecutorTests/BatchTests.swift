import Foundation
import PortalWire
import Testing

@Suite struct BatchTests {
    struct Line {
        var item: Int
        var stream: String?
        var data: [UInt8] = []
        var ok: JSONValue?
        var error: OperationError?
    }

    /// Sends a batch whose requests are given as JSON.
    private func send(_ client: ExecutorClient, _ requests: String, stop: Bool = false) throws -> UInt64 {
        let value = try JSONParser.parse(Array(requests.utf8))
        return try client.send("batch") { writer in
            writer.name("requests")
            writer.value(value)
            writer.member("stop_on_error", flag: stop)
        }
    }

    private func lines(_ content: [UInt8]?) throws -> [Line] {
        try (content ?? []).split(separator: 0x0A).map { text in
            let value = try JSONParser.parse(Array(text))
            var line = Line(item: Int(try #require(value.integer("item"))))
            line.stream = value.string("stream").map { String(decoding: $0, as: UTF8.self) }
            line.data = value.bytes("data") ?? []
            line.ok = value["ok"]
            line.error = value["error"].map { OperationError($0) }
            return line
        }
    }

    @Test func itemsRunInTheirOrder() throws {
        let scratch = try Scratch()
        let client = try ExecutorClient()
        let requests = """
            [{"op":"fs.mkdir","path":"\(scratch.path)/a"},
             {"op":"fs.write","path":"\(scratch.path)/a/b","data":"hello"},
             {"op":"fs.read","path":"\(scratch.path)/a/b"},
             {"op":"process.start","shell":"cat a/b; cat; echo no >&2","cwd":"\(scratch.path)","stdin":"stream","data":" there"},
             {"op":"fs.stat","path":"\(scratch.path)/a/b"}]
            """
        let outcome = try client.wait(try send(client, requests))
        #expect(BatchResult(try #require(outcome.result)) == BatchResult(run: 5, failed: 0))
        let all = try lines(outcome.data[.content])
        #expect(all.filter { $0.ok != nil }.map(\.item) == [0, 1, 2, 3, 4])
        #expect(all.filter { $0.stream == "content" }.flatMap(\.data) == Array("hello".utf8))
        #expect(all.filter { $0.stream == "stdout" }.flatMap(\.data) == Array("hello there".utf8))
        #expect(all.filter { $0.stream == "stderr" }.flatMap(\.data) == Array("no\n".utf8))
        #expect(all.last?.ok?.integer("size") == 5)
    }

    @Test(arguments: [true, false])
    func failures(stop: Bool) throws {
        let scratch = try Scratch()
        let client = try ExecutorClient()
        let requests = """
            [{"op":"fs.stat","path":"\(scratch.path)"},{"op":"fs.stat","path":"\(scratch.path)/none"},{"op":"fs.stat"},
             {"op":"fs.mkdir","path":"\(scratch.path)/made"}]
            """
        let outcome = try client.wait(try send(client, requests, stop: stop))
        #expect(BatchResult(try #require(outcome.result)) == (stop ? BatchResult(run: 2, failed: 1) : BatchResult(run: 4, failed: 2)))
        let all = try lines(outcome.data[.content])
        #expect(all[1].error?.code == .notFound)
        if !stop { #expect(all[2].error?.code == .invalid) }
        #expect(scratch.names == (stop ? [] : ["made"]))
    }

    @Test func whatCannotBeAnItem() throws {
        let client = try ExecutorClient()
        let requests = #"[{"op":"batch","requests":[]},{"op":"session.end"},{"op":"no.such"},{"op":7},"x",{"op":"session.stats"}]"#
        let outcome = try client.wait(try send(client, requests))
        let all = try lines(outcome.data[.content])
        #expect(all.prefix(5).allSatisfy { $0.error?.code == .unsupported })
        #expect(all.last?.ok?.integer("open") == 1)
        #expect(try client.call("batch").error?.code == .invalid)
        #expect(try client.wait(try send(client, "[]")).result?.integer("run") == 0)
    }

    /// Far more than the credit, the pieces and what is kept: everything comes, in order.
    @Test func largeData() throws {
        let scratch = try Scratch()
        let client = try ExecutorClient()
        let bytes = (0..<700_000).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 8) }
        try Data(bytes).write(to: URL(fileURLWithPath: scratch.path + "/big"))
        let requests = #"[{"op":"fs.read","path":"\#(scratch.path)/big"},{"op":"fs.read","path":"\#(scratch.path)/big"}]"#
        let all = try lines(try client.wait(try send(client, requests)).data[.content])
        for item in 0..<2 { #expect(all.filter { $0.item == item }.flatMap(\.data) == bytes) }
    }

    /// Without credit the batch waits, and the executor does not.
    @Test func stopsWithoutCredit() throws {
        let scratch = try Scratch()
        let client = try ExecutorClient()
        let file = try scratch.file("big", String(repeating: "x", count: 1_000_000))
        let id = try send(client, #"[{"op":"fs.read","path":"\#(file)"}]"#)
        client.withoutCredit.insert(id)
        try client.waitForData(id, .content, count: Limits.initialCredit)
        #expect(try client.call("fs.stat") { $0.set("path", file) }.result != nil)
        #expect(client.received(id, .content).count == Limits.initialCredit)
        try client.send(.cancel(id: id, Cancellation()))
        #expect(try client.wait(id).error?.code == .cancelled)
    }

    @Test func cancellingEndsTheItemAndSkipsTheRest() throws {
        let scratch = try Scratch()
        let client = try ExecutorClient()
        let requests = """
            [{"op":"fs.mkdir","path":"\(scratch.path)/first"},{"op":"process.start","shell":"echo started; sleep 1000"},
             {"op":"fs.mkdir","path":"\(scratch.path)/third"}]
            """
        let id = try send(client, requests)
        while !String(decoding: client.received(id, .content), as: UTF8.self).contains("started") {
            try client.waitForData(id, .content, count: client.received(id, .content).count + 1)
        }
        try client.send(.cancel(id: id, Cancellation()))
        let outcome = try client.wait(id)
        #expect(outcome.error?.code == .cancelled)
        #expect(outcome.error?.applied == .unknown)
        #expect(outcome.error?.details.first?.value.integer == 2)
        #expect(scratch.names == ["first"])
        #expect(try lines(outcome.data[.content]).last?.error?.code == .cancelled)
    }

    /// A thousand items that end while they begin are no recursion.
    @Test func manyItems() throws {
        let client = try ExecutorClient()
        let requests = "[" + Array(repeating: #"{"op":"fs.stat"}"#, count: 1024).joined(separator: ",") + "]"
        #expect(try client.wait(try send(client, requests)).result?.integer("failed") == 1024)
    }
}
