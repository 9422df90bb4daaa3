import PortalWire
import Testing

@Suite struct OutputCapTests {
    private func run(_ text: String, limit: Int) throws -> ExecutorClient.Outcome {
        try ExecutorClient().call("process.start") {
            $0.set("shell", text)
            $0.set("shell_program", "sh")
            $0.set("output_limit", number: limit)
        }
    }

    @Test func headAndTailAreKept() throws {
        let all = Array((1...100_000).map { "\($0)\n" }.joined().utf8)
        for limit in [1, 7, 1000, 65536, 400_001] {
            let outcome = try run("seq 1 100000", limit: limit)
            let head = limit - limit / 2
            let expected = Array(all[..<head]) + Array(all[(all.count - limit / 2)...])
            #expect(outcome.data[.stdout] == expected, "\(limit)")
            #expect(outcome.result?["dropped"]?.integer == Int64(all.count - limit))
            #expect(outcome.result?["dropped_stderr"] == nil)
        }
    }

    @Test func nothingIsDroppedOfWhatFits() throws {
        let outcome = try run("printf 123456; printf abc >&2", limit: 6)
        #expect(outcome.data[.stdout] == Array("123456".utf8))
        #expect(outcome.data[.stderr] == Array("abc".utf8))
        #expect(outcome.result?["dropped"] == nil)
        let none = try run("printf 123; printf abcd >&2", limit: 0)
        #expect(none.data.isEmpty)
        #expect(none.result?["dropped"]?.integer == 3)
        #expect(none.result?["dropped_stderr"]?.integer == 4)
    }

    /// What is dropped needs no credit: a requester that grants none still gets the end.
    @Test func theProcessIsNotHeldBack() throws {
        let client = try ExecutorClient()
        let id = try client.send("process.start") {
            $0.set("shell", "head -c 20000000 /dev/zero; echo last")
            $0.set("output_limit", number: 100_000)
        }
        client.withoutCredit.insert(id)
        let outcome = try client.wait(id)
        #expect(outcome.data[.stdout]?.count == 100_000)
        #expect(outcome.data[.stdout]?.suffix(5) == Array("last\n".utf8)[...])
        #expect(outcome.result?["dropped"]?.integer == Int64(19_900_005))
    }
}
