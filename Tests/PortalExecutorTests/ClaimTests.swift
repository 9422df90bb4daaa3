import Foundation
import PortalWire
import Testing

/// A proxy dies, and the clients' requests are claimed through the next one.
@Suite struct ClaimTests {
    private static let text = Array((1...400).map { "\($0)\n" }.joined().utf8)

    /// An answer of several frames, of which the client has the first 0, 1, 2 and so on to all of them.
    @Test(arguments: KillTests.programs) func everyFrameOfAnAnswer(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        var taken: UInt64 = 0
        var hasMore = true
        while hasMore {
            // Acknowledging begins with each history; this one acknowledges nothing.
            peer.stopAcknowledging()
            try peer.beginAnew()
            let id = try peer.shell("for i in 1 2 3; do echo $i; read line; done; exit 3", input: [])
            var parts: [[UInt8]] = [[]]
            for number in 1...3 {
                let before = peer.frames[id] ?? 0
                try peer.pump(for: "line \(number)") { peer.data[id]!.count == 2 * number }
                for _ in before..<peer.frames[id]! { parts.append(peer.data[id]!) }
                try peer.sendData(id, [0x0A], end: number == 3)
            }
            #expect(try peer.wait(id).integer("code") == 3)
            let total = peer.frames[id]!
            while UInt64(parts.count) <= total { parts.append(Array("1\n2\n3\n".utf8)) }
            hasMore = taken < total
            peer.forget(id, keeping: taken, parts[Int(taken)])
            try peer.beginAnew()
            #expect(try peer.claim(id) == .ended)
            if hasMore { #expect(try peer.wait(id).integer("code") == 3) }
            #expect(peer.data[id] == Array("1\n2\n3\n".utf8) && peer.frames[id] == total, "\(taken) of \(total)")
            taken += 1
        }
        #expect(taken >= 4)
    }

    /// Streams both ways, with ten proxies one after the other; each has a part of the data that never came there.
    @Test(arguments: KillTests.programs) func streamsGoOn(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        let id = try peer.shell("cat; echo end", input: [])
        var sent: UInt64 = 1
        for round in 0..<10 {
            try peer.sendData(id, ClaimTests.text, end: false)
            sent += 1
            if round.isMultiple(of: 2) { try peer.pump(for: "its echo") { peer.data[id]!.count == (round + 1) * ClaimTests.text.count } }
            try peer.beginAnew()
            guard case .open(let received, _, let cancels) = try peer.claim(id) else {
                Issue.record("it is not open")
                return
            }
            #expect(cancels == 0 && (received == sent || received + 1 == sent))
            if received < sent { try peer.sendData(id, ClaimTests.text, end: false) }
        }
        try peer.sendData(id, [], end: true)
        #expect(try peer.wait(id).integer("code") == 0)
        #expect(peer.data[id] == (0..<10).flatMap { _ in ClaimTests.text } + Array("end\n".utf8))
    }

    @Test(arguments: KillTests.programs) func whatNeverCameIsMissingAndNothingElse(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        let ended = try peer.shell("echo done")
        _ = try peer.wait(ended)
        #expect(try peer.claim(4711) == .unknown, "nobody's proxy died")
        try peer.beginAnew()
        let before = try #require(peer.hello.history)
        #expect(before == 1)
        #expect(try peer.claim(4711, history: before) == .missing)
        #expect(try peer.claim(4711, history: before + 1) == .unknown, "of this proxy's own history")
        // The second proxy may have acknowledged what its client never got.
        try peer.lapse(true)
        try peer.beginAnew()
        #expect(peer.hello.history == 2)
        #expect(try peer.claim(4711, history: 2) == .unknown)
        #expect(try peer.claim(4711, history: 1) == .unknown)
        try peer.lapse(true)
        try peer.lapse(false)
        try peer.beginAnew()
        #expect(try peer.claim(4711, history: 3) == .missing)
    }

    /// A client that lacks what the proxy acknowledged: the rest of the answer would not fit.
    @Test(arguments: KillTests.programs) func aGapIsNotHidden(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        let sleeper = try peer.startSleeper()
        // A long stream has been acknowledged by and by.
        let stream = try peer.shell("head -c 3000000 /dev/zero; exec sleep 1000")
        try peer.pump(for: "the stream") { peer.data[stream]!.count == 3_000_000 }
        peer.forget(stream, keeping: 1, [])
        try peer.beginAnew()
        #expect(try peer.claim(stream) == .unknown)
        guard case .open = try peer.claim(sleeper.id) else {
            Issue.record("the other one is lost too")
            return
        }
        #expect(isRunning(sleeper.process))
        #expect(try peer.claim(sleeper.id) == .unknown, "it was claimed")
        #expect(isRunning(sleeper.process))
        #expect(eventually { (try? peer.call("session.stats").integer("open")) == 2 })
    }
}
