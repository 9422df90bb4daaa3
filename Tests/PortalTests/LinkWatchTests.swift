import Foundation
import NIOCore
import PortalSSH
import Testing

@testable import PortalProxy

/// When the host is asked whether it lives, and when another link is made, with clocks that are only numbers.
@Suite struct LinkWatchTests {
    private static let second: UInt64 = 1_000_000_000
    private static let start: UInt64 = 1000 * second

    /// Steps once a second and returns what was to be done at which second.
    private func steps(
        _ watch: inout LinkWatch, from first: UInt64, to last: UInt64, isBusy: Bool, roundTrip: UInt64? = nil
    ) -> [UInt64: LinkWatch.Step] {
        var steps: [UInt64: LinkWatch.Step] = [:]
        for second in first...last {
            let now = LinkWatchTests.start + second * LinkWatchTests.second
            let step = watch.step(at: now, wall: now, isBusy: isBusy, roundTrip: roundTrip)
            if step != .nothing { steps[second] = step }
        }
        return steps
    }

    private func new() -> LinkWatch { LinkWatch(at: LinkWatchTests.start, wall: LinkWatchTests.start) }

    @Test func aBusyLinkThatSaysNothing() {
        var watch = new()
        #expect(steps(&watch, from: 1, to: 80, isBusy: true) == [4: .ask, 10: .doubt].merging((64...80).map { ($0, .giveUp) }) { $1 })
    }

    @Test func anIdleLinkIsAskedSeldom() {
        var watch = new()
        #expect(steps(&watch, from: 1, to: 20, isBusy: false) == [15: .ask])
        watch.heard(at: LinkWatchTests.start + 20 * LinkWatchTests.second)
        #expect(steps(&watch, from: 21, to: 40, isBusy: false) == [35: .ask])
    }

    @Test func aLongRoundTripGetsMoreTime() {
        var watch = new()
        #expect(steps(&watch, from: 1, to: 30, isBusy: true, roundTrip: 2 * LinkWatchTests.second) == [4: .ask, 18: .doubt])
    }

    /// A closed lid: the steady clock stands still or not, the other goes on.
    @Test(arguments: [0, 120] as [UInt64])
    func sleep(steadySeconds: UInt64) {
        var watch = new()
        _ = steps(&watch, from: 1, to: 2, isBusy: true)
        var steady = LinkWatchTests.start + (3 + steadySeconds) * LinkWatchTests.second
        var wall = LinkWatchTests.start + 123 * LinkWatchTests.second
        #expect(watch.step(at: steady, wall: wall, isBusy: true, roundTrip: nil) == .ask)
        var seen: [LinkWatch.Step] = []
        for _ in 0..<3 {
            steady += LinkWatchTests.second
            wall += LinkWatchTests.second
            seen.append(watch.step(at: steady, wall: wall, isBusy: true, roundTrip: nil))
        }
        #expect(seen == [.doubt, .nothing, .nothing], "less patience than with a link that was awake")
    }

    /// A clock that is set back says nothing; one that is set forward asks once too often, and that is all.
    @Test func aClockThatIsSet() {
        var watch = new()
        let now = LinkWatchTests.start + LinkWatchTests.second
        #expect(watch.step(at: now, wall: 5, isBusy: true, roundTrip: nil) == .nothing)
        #expect(watch.step(at: now + 1, wall: LinkWatchTests.start * 2, isBusy: true, roundTrip: nil) == .ask)
        watch.heard(at: now + 2)
        #expect(watch.step(at: now + 3, wall: LinkWatchTests.start * 2 + 1, isBusy: true, roundTrip: nil) == .nothing)
    }

    /// The host is asked at once, once, and has less time to answer.
    @Test func anotherNetwork() {
        var watch = new()
        let start = LinkWatchTests.start
        #expect(watch.networkChanged(at: start, roundTrip: nil) == .ask)
        #expect(watch.networkChanged(at: start + LinkWatchTests.second / 4, roundTrip: nil) == .nothing)
        #expect(watch.patienceEnd(roundTrip: nil) == start + LinkWatchTests.second / 2)
        #expect(steps(&watch, from: 1, to: 20, isBusy: false) == [1: .doubt])
        watch.heard(at: start + 20 * LinkWatchTests.second)
        #expect(steps(&watch, from: 21, to: 40, isBusy: false) == [35: .ask], "what was heard takes the suspicion away")
    }

    /// Not answered, and the network changes once more: it may be back, and another link is not waited for.
    @Test func anotherNetworkTwice() {
        var watch = new()
        let (start, second) = (LinkWatchTests.start, LinkWatchTests.second)
        #expect(watch.networkChanged(at: start, roundTrip: second / 2) == .ask)
        #expect(watch.networkChanged(at: start + 2 * second, roundTrip: second / 2) == .nothing)
        #expect(watch.networkChanged(at: start + 3 * second, roundTrip: second / 2) == .doubt)
        #expect(watch.networkChanged(at: start + 4 * second, roundTrip: second / 2) == .nothing)
        #expect(steps(&watch, from: 1, to: 60, isBusy: false) == [60: .giveUp], "and the first question is the one that counts")
    }

    @Test func backoffGrowsToHalfAMinute() {
        var backoff = Backoff()
        let least = (0..<12).map { _ in backoff.next(chance: 0).nanoseconds / 1_000_000 }
        #expect(least == [0, 250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 30_000])
        backoff.reset()
        let short = (0..<5).map { _ in backoff.next(chance: 1, longest: .seconds(1)).nanoseconds / 1_000_000 }
        #expect(short == [0, 312, 625, 1000, 1000])
        backoff.reset()
        let most = (0..<12).map { _ in backoff.next(chance: 1).nanoseconds / 1_000_000 }
        #expect(most == [0, 312, 625, 1250, 2500, 5000, 10_000, 20_000, 30_000, 30_000, 30_000, 30_000])
    }

    /// What a person has to see to is not tried again and again.
    @Test func whatIsTriedAgain() {
        let transient = SSHError.Code.allCases.filter { SSHError($0, "").isTransient }
        #expect(
            transient == [
                .unknownHost, .refused, .unreachable, .timedOut, .proxyCommandFailed, .handshakeFailed, .noSentinel, .disconnected,
                .cancelled,
            ])
    }
}

@Suite struct SessionStoreTests {
    private let directory = FileManager.default.temporaryDirectory.appending(path: "portal-store-\(UUID().uuidString)")
    private var store: SessionStore { SessionStore(path: directory.path + "/box.session") }
    private let secret = [UInt8]("9f86d081884c7d659a2feaa0c55ad015".utf8)

    init() throws { try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true) }

    @Test func keepsOneSecret() throws {
        defer { try? FileManager.default.removeItem(at: directory) }
        #expect(store.read() == nil)
        store.write([UInt8](repeating: 0x61, count: 32))
        store.write(secret)
        #expect(store.read() == secret)
        let attributes = try FileManager.default.attributesOfItem(atPath: store.path)
        #expect(attributes[.posixPermissions] as? Int == 0o600)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["box.session"])
        store.remove()
        #expect(store.read() == nil)
    }

    /// What others could have read or written, or is no secret, is none.
    @Test func refusesWhatIsNotIts() throws {
        defer { try? FileManager.default.removeItem(at: directory) }
        store.write(secret)
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: store.path)
        #expect(store.read() == nil)
        for text in ["", "9f86", String(repeating: "G", count: 32), String(repeating: "a", count: 33)] {
            store.write([UInt8](text.utf8))
            #expect(store.read() == nil, "\(text)")
        }
        store.remove()
        try FileManager.default.createSymbolicLink(atPath: store.path, withDestinationPath: directory.path + "/elsewhere")
        #expect(store.read() == nil)
    }

    /// As `printf %s SECRET | sha256sum` says it.
    @Test func name() { #expect(SessionStore.name(ofSecret: secret) == "6721246223140285") }
}
