import Foundation
import PortalLink
import PortalWire
import Testing

@Suite struct LinkTests {
    @Test func brokenFramesEndTheLinkWithTheRule() throws {
        let client = try ExecutorClient()
        try client.sendRaw([0, 0, 0, 1, 0, 0, 0, 0])
        #expect(try client.exitStatus() == 1)
        #expect(client.goodbye == [UInt8](WireError.frameLength.rule))
    }

    @Test func anIdentifierInUseEndsTheLink() throws {
        let client = try ExecutorClient()
        for _ in 0..<2 {
            let frame = Request.frame(id: 77, operation: "process.start") { $0.set("shell", "sleep 1000") }
            try client.sendRaw(frame.bytes)
        }
        #expect(try client.exitStatus() == 1)
        #expect(client.goodbye == [UInt8](WireError.identifier.rule))
    }

    @Test func endAnswersAndExits() throws {
        let client = try ExecutorClient()
        #expect(try client.call("session.end").result != nil)
        #expect(try client.exitStatus() == 0)
    }

    @Test func unknownOperationsLeaveTheLinkAlone() throws {
        let client = try ExecutorClient()
        #expect(try client.call("fs.nothing").error?.code == .unsupported)
        #expect(try client.call("session.info").result?["epoch"]?.string == client.hello?.epoch)
    }

    /// Each mutated frame may break the link, never the executor: it ends with status 0 or 1, by no signal.
    @Test func mutatedFramesNeverTrap() throws {
        let iterations = ProcessInfo.processInfo.environment["PORTAL_FUZZ_ITERATIONS"].flatMap { Int($0) } ?? 20000
        let seeds = [
            Request.frame(id: 1, operation: "fs.stat") { $0.set("path", "/proc/self") },
            Request.frame(id: 2, operation: "fs.read") { $0.set("path", "/proc/self/stat") },
            Request.frame(id: 3, operation: "process.wait") { $0.set("process", "none") },
            Message.credit(id: 1, bytes: 70000).frame(), Message.cancel(id: 1, Cancellation()).frame(),
            Message.data(id: 2, stream: .content, end: true).frame(payload: [1, 2, 3]), Message.ping(5).frame(),
            Message.acknowledge(0).frame(),
        ]
        var random = SystemRandomNumberGenerator()
        var done = 0
        while done < iterations {
            let client = try ExecutorClient()
            // Until the executor has had enough of this peer, which is often the first frame.
            while done < iterations {
                done += 1
                var bytes = seeds.randomElement(using: &random)!.bytes
                for _ in 0..<Int.random(in: 1...3, using: &random) {
                    // Mostly behind the lengths: a wrong length ends the link before anything is parsed.
                    let first = Int.random(in: 0..<20, using: &random) == 0 ? 0 : Frame.prefixLength
                    bytes[Int.random(in: first..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
                }
                do { try client.sendRaw(bytes) } catch { break }
                if done % 16 == 0 { break }
            }
            let status = try client.close()
            #expect(status == 0 || status == 1)
        }
    }
}
