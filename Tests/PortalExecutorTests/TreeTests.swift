import PortalWire
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What a command leaves running must be gone with it, wherever it went.
@Suite struct TreeTests {
    /// How many processes have a text in their arguments, as `ps` tells.
    private func count(_ text: String) throws -> Int {
        let output = try #require(popen("ps -eo args", "r"))
        defer { pclose(output) }
        var listed = ""
        var line = [CChar](repeating: 0, count: 4096)
        while fgets(&line, 4096, output) != nil {
            listed += String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        return listed.split(separator: "\n").filter { $0.hasPrefix("sleep") && $0.contains(text) }.count
    }

    /// A time to sleep that no other test has.
    private func unique() -> String { "1000.\(UInt32.random(in: 100_000...UInt32.max))" }

    private func daemons(_ time: String) -> String {
        // In another session, deaf to hangups, and an orphan of an orphan.
        "setsid sleep \(time) & nohup sleep \(time) >/dev/null 2>&1 & (setsid sh -c '(setsid sleep \(time) &) &' &) ; "
    }

    @Test func cancelling() throws {
        let client = try ExecutorClient()
        let time = unique()
        let id = try client.send("process.start") { $0.set("shell", daemons(time) + "wait") }
        #expect(eventually { (try? count(time)) == 3 })
        try client.send(.cancel(id: id, Cancellation()))
        #expect(try client.wait(id).error?.code == .cancelled)
        #expect(try count(time) == 0)
    }

    @Test func aTimeout() throws {
        let client = try ExecutorClient()
        let time = unique()
        let outcome = try client.call("process.start") {
            $0.set("shell", "trap '' TERM; " + daemons(time) + "while :; do wait; sleep 0.1; done")
            $0.set("shell_program", "sh")
            $0.set("timeout_ms", number: 300)
        }
        #expect(outcome.result?["timed_out"]?.bool == true)
        #expect(outcome.result?["signal"]?.integer == 9)
        #expect(try count(time) == 0)
    }

    @Test func aSignalForATree() throws {
        let client = try ExecutorClient()
        let time = unique()
        let started = try client.call("process.start") {
            $0.set("shell", daemons(time) + "wait")
            $0.set("process", "daemons")
            $0.set("background", true)
        }
        #expect(started.error == nil)
        #expect(eventually { (try? count(time)) == 3 })
        let signalled = try client.call("process.signal") {
            ProcessSignalRequest(process: Array("daemons".utf8), signal: 9, tree: true).write(to: &$0)
        }
        #expect(signalled.error == nil)
        #expect(try count(time) == 0)
    }

    @Test func theEndOfTheSession() throws {
        let client = try ExecutorClient()
        let time = unique()
        for _ in 1...3 {
            _ = try client.call("process.start") {
                $0.set("shell", daemons(time) + "wait")
                $0.set("background", true)
            }
        }
        #expect(eventually { (try? count(time)) == 9 })
        #expect(try client.close() == 0)
        #expect(try count(time) == 0)
    }
}
