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
}
