import Foundation
import PortalWire
import Testing

/// A session goes on over one link after the other.
@Suite struct LingerTests {
    @Test(arguments: KillTests.programs) func streamsGoOnAtTheByte(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        let input = (0..<4_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
        let id = try peer.shell("cat", input: input)
        var cuts = 0
        while cuts < 15 {
            try peer.pump(for: "more of the stream") { peer.data[id]!.count >= (cuts + 1) * 250_000 }
            try peer.resume(after: LingeringPeer.Cut.allCases[cuts % 3])
            cuts += 1
        }
        #expect(try peer.wait(id).integer("code") == 0)
        #expect(peer.data[id] == input)
        #expect(try peer.call("session.info").integer("links") == 16)
    }

    @Test(arguments: KillTests.programs) func outputIsKeptWhileThereIsNoLink(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        let id = try peer.shell("echo begun; while ! [ -e go ]; do :; done; head -c 200000 /dev/zero; touch done")
        try peer.pump(for: "its first line") { peer.data[id]!.count == 6 }
        let link = try #require(peer.link)
        link.closeInput()
        #expect(try link.rest().isEmpty)
        #expect(eventually { link.exitStatus() == 0 })
        _ = try peer.scratch.file("go", "")
        #expect(eventually { peer.scratch.content("done") != nil })
        try peer.resume(after: .pipes)
        #expect(try peer.wait(id).integer("code") == 0)
        #expect(peer.data[id]!.count == 200_006)
    }

    @Test(arguments: KillTests.programs) func theLastLinkIsTheOne(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        let first = try #require(peer.link)
        try peer.resume(after: .nothing)
        #expect(try first.rest().isEmpty)
        #expect(eventually { first.exitStatus() == 0 })
        #expect(try peer.call("session.info").integer("links") == 2)
        #expect(peer.hello.capabilities.contains { $0.equals("resume") })
    }

    @Test(arguments: KillTests.programs) func anotherSessionsHelloEndsItsLinkOnly(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        let sleeper = try peer.startSleeper()
        let session = peer.hello.session
        for stranger in [nil, Array("00112233445566778899aabbccddeeff".utf8)] {
            try peer.open(resuming: true)
            var hello = Hello(build: Array("stranger".utf8))
            hello.session = stranger
            try peer.sendRaw(Message.hello(hello).frame().bytes)
            let last = try #require(peer.link).rest()
            #expect(String(decoding: last, as: UTF8.self).contains("a hello is of another session"))
        }
        #expect(isRunning(sleeper.process))
        try peer.resume(after: .pipes)
        #expect(peer.hello.session == session)
        #expect(try peer.call("session.info").integer("links") == 4)
    }

    @Test(arguments: KillTests.programs) func aProxyThatForgotBeginsAnew(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        let foreground = try peer.startSleeper()
        let background = try peer.startSleeper(background: true)
        let watch = try peer.send("watch.start") { $0.set("path", peer.scratch.path) }
        try peer.pump(for: "the watch") { !peer.data[watch]!.isEmpty }
        let before = peer.data[watch]
        try peer.open(resuming: true)
        #expect(peer.hello.received > 0)
        try peer.greet { $0.isAnew = true }
        // Nobody claims what was open: it ends without a word, and a change is told to nobody.
        _ = try peer.scratch.file("changed", "")
        #expect(isRunning(foreground.process))
        #expect(eventually(seconds: Double(Limits.claimSeconds) + 20) { !isRunning(foreground.process) })
        #expect(try peer.claim(foreground.id) == .unknown)
        let list = try peer.send("process.list")
        _ = try peer.wait(list)
        #expect(isRunning(background.process))
        #expect(String(decoding: peer.data[list]!, as: UTF8.self).contains("\"pid\":\(background.process),"))
        let output = try peer.send("process.output") { $0.set("process", "p2") }
        _ = try peer.wait(output)
        #expect(peer.data[output] == Array("\(background.process)\n".utf8))
        #expect(peer.data[watch] == before)
        #expect(peer.errors.isEmpty && peer.results[foreground.id] == nil)
        #expect(eventually { (try? peer.call("session.stats").integer("open")) == 1 })
        // Both count from zero: the next link goes on.
        try peer.resume(after: .pipes)
        #expect(try peer.call("session.info").integer("links") == 3)
    }

    @Test(arguments: KillTests.programs) func silenceEndsIt(program: URL) throws {
        let peer = try LingeringPeer(program)
        peer.arguments = ["--linger", "1"]
        try peer.begin()
        let sleeper = try peer.startSleeper(background: true)
        let (executor, supervisor) = (peer.executor, peer.supervisor)
        let link = try #require(peer.link)
        #expect(isRunning(supervisor) && peer.sockets.count == 1)
        link.closeInput()
        #expect(eventually { link.exitStatus() == 0 })
        #expect(isRunning(executor))
        #expect(eventually { !isRunning(executor) && !isRunning(supervisor) && !isRunning(sleeper.process) })
        #expect(peer.sockets.isEmpty)
    }

    @Test(arguments: KillTests.programs) func aLinkThatSaysNothingEndsItToo(program: URL) throws {
        let peer = try LingeringPeer(program)
        peer.arguments = ["--linger", "1"]
        try peer.begin()
        let link = try #require(peer.link)
        _ = try link.rest()
        #expect(eventually { link.exitStatus() == 0 && !isRunning(peer.executor) })
    }

    @Test(arguments: KillTests.programs) func sessionEndEndsIt(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        let sleeper = try peer.startSleeper(background: true)
        let supervisor = peer.supervisor
        _ = try peer.call("session.end")
        let link = try #require(peer.link)
        _ = try link.rest()
        #expect(eventually { link.exitStatus() == 0 && !isRunning(supervisor) })
        #expect(!isRunning(peer.executor) && !isRunning(sleeper.process) && peer.sockets.isEmpty)
    }

    @Test(arguments: KillTests.programs) func aBrokenFrameEndsIt(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        let sleeper = try peer.startSleeper(background: true)
        let supervisor = peer.supervisor
        try peer.sendRaw([0, 0, 0, 1, 0, 0, 0, 0])
        let link = try #require(peer.link)
        #expect(String(decoding: try link.rest(), as: UTF8.self).contains("a frame's length is out of bounds"))
        // The supervisor removes the socket when the executor has ended.
        #expect(eventually { link.exitStatus() == 1 && !isRunning(supervisor) })
        #expect(!isRunning(sleeper.process) && peer.sockets.isEmpty)
    }

    @Test(arguments: KillTests.programs) func goodbyeEndsTheLinkOnly(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        try peer.sendRaw(Message.goodbye(code: .cancelled, text: []).frame().bytes)
        let link = try #require(peer.link)
        _ = try link.rest()
        #expect(eventually { link.exitStatus() == 0 })
        try peer.resume(after: .pipes)
        #expect(try peer.call("session.info").integer("links") == 2)
    }

    @Test(arguments: [
        ["--linger"], ["--linger", "0"], ["--linger", "-5"], ["--linger", "5x"], ["--linger", "99999999999"],
        ["--linger", "5", "--resume"], ["--linger", "5", "--resume", "../../../../etc"], ["--linger", "5", "--resume", "0123456789ABCDEF"],
        ["--resume", "0123456789abcdef"],
    ])
    func argumentsThatMakeNoSense(arguments: [String]) throws {
        for program in KillTests.programs {
            let process = Process()
            process.executableURL = program
            process.arguments = ["serve", "token"] + arguments
            process.standardError = FileHandle.nullDevice
            try process.run()
            process.waitUntilExit()
            #expect(process.terminationStatus == 2)
        }
    }
}
