import Foundation
import PortalWire
import TestSupport
import Testing

/// What the image of a session that outlives its links holds in memory. The program of the tests is many times as large.
@Suite struct LinkMemoryTests {
    private static let image = KillTests.programs.first { $0 != ExecutorClient.program }
    private static let idleKilobytes = 512
    private static let links = 100
    private static let callsOfLink = 30
    /// Less than the smallest block of memory for each call, and than three quarters of a kilobyte for each link. Threads come and go with theirs.
    private static let growthKilobytes = 64

    /// What is shared with the supervisor counts too: it is taken when it is looked at, not when it is written.
    @Test(.enabled(if: image != nil, "no image was built for this machine"))
    func anIdleSessionIsSmall() throws {
        let peer = try LingeringPeer(try #require(LinkMemoryTests.image))
        try peer.begin()
        _ = try peer.call("session.stats")
        let idle = try #require(FoundProcess(peer.executor)).residentKilobytes
        print("resident memory of an idle session: \(idle) KB")
        #expect(idle > 0 && idle <= LinkMemoryTests.idleKilobytes)
    }

    /// What a burst needed stays with the allocator; what one call after the other needs is there after the first ones.
    @Test(.enabled(if: image != nil, "no image was built for this machine"))
    func neitherCallsNorLinksLeaveAnythingBehind() throws {
        let peer = try LingeringPeer(try #require(LinkMemoryTests.image))
        try Data(repeating: 0x61, count: 4096).write(to: URL(filePath: peer.scratch.path + "/small"))
        try peer.begin()
        for _ in 0..<20 { try useLink(peer) }
        let before = try #require(FoundProcess(peer.executor))
        let (kilobytes, descriptors) = (before.residentKilobytes, before.descriptors)
        for _ in 0..<LinkMemoryTests.links { try useLink(peer) }
        let growth = before.residentKilobytes - kilobytes
        print("resident memory after \(LinkMemoryTests.links) links: \(kilobytes) KB and \(growth) KB")
        #expect(kilobytes > 0 && growth <= LinkMemoryTests.growthKilobytes)
        #expect(before.descriptors == descriptors)
    }

    private func useLink(_ peer: LingeringPeer) throws {
        for number in 0..<LinkMemoryTests.callsOfLink {
            let id =
                switch number % 10 {
                case 0: try peer.shell(":")
                case 1, 2, 3: try peer.send("fs.read") { $0.set("path", peer.scratch.path + "/small") }
                case 4:
                    try peer.send("fs.mkdir") {
                        $0.set("path", peer.scratch.path + "/made"); $0.set("parents", true)
                    }
                default: try peer.send("fs.stat") { $0.set("path", peer.scratch.path + "/small") }
                }
            _ = try peer.wait(id)
        }
        // One whose answer is on its way when the link ends.
        let last = try peer.send("fs.stat") { $0.set("path", peer.scratch.path) }
        try peer.resume(after: .pipes)
        _ = try peer.wait(last)
    }
}
