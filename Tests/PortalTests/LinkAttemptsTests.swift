import Foundation
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import PortalProxy
@testable import PortalSSH

/// Attempts to reach a host that is not there, and a network that comes back.
@Suite struct LinkAttemptsTests {
    /// `@unchecked Sendable`: everything is behind the lock.
    private final class Host: @unchecked Sendable {
        private let lock = NSLock()
        private var begun: [NIODeadline] = []
        private var waiting: [CheckedContinuation<Void, Never>] = []
        /// What each attempt reaches before it hangs; nil to fail at once.
        let phase: ConnectPhase?

        init(hangingAfter phase: ConnectPhase?) { self.phase = phase }

        var count: Int { lock.withLock { begun.count } }
        var last: NIODeadline? { lock.withLock { begun.last } }

        func connect(_ reached: @Sendable (ConnectPhase) -> Void) async throws -> HostPipe {
            lock.withLock { begun.append(.now()) }
            if let phase {
                reached(phase)
                await withCheckedContinuation { continuation in lock.withLock { waiting.append(continuation) } }
            }
            throw SSHError(.unreachable, "there is nothing")
        }

        func release() { for continuation in lock.withLock({ waiting }) { continuation.resume() } }
    }

    /// `@unchecked Sendable`: the attempts are touched on the loop only.
    private final class Stage: @unchecked Sendable {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let host: Host
        private var attempts: LinkAttempts!

        init(_ host: Host) async throws {
            self.host = host
            try await onLoop { stage in
                stage.attempts = LinkAttempts(
                    eventLoop: stage.loop, connect: { _, reached in try await host.connect(reached) }, arguments: { [] },
                    ended: { [unowned stage] _ in stage.attempts.next(longest: .seconds(30)) })
                stage.attempts.next(longest: .seconds(30))
            }
        }

        private func onLoop(_ body: @escaping @Sendable (Stage) -> Void) async throws { try await loop.submit { body(self) }.get() }

        func networkChanged() async throws {
            try await onLoop {
                $0.attempts.networkChanged()
                $0.attempts.next(longest: .seconds(30))
            }
        }

        func end() async throws {
            try await onLoop { $0.attempts.giveUp() }
            host.release()
        }
    }

    @Test func aPauseEnds() async throws {
        let host = Host(hangingAfter: nil)
        let stage = try await Stage(host)
        // The next one would come two seconds later.
        #expect(await eventually(seconds: 20) { host.count == 5 })
        let changed = NIODeadline.now()
        try await stage.networkChanged()
        #expect(await eventually(seconds: 10) { host.count > 5 })
        #expect(try #require(host.last) - changed < .milliseconds(1500), "not after its pause")
        // And the pauses begin anew.
        #expect(await eventually(seconds: 10) { host.count >= 8 })
        #expect(try #require(host.last) - changed < .milliseconds(1900))
        try await stage.end()
    }

    /// What hangs before anything answered is begun anew, unless it is too young for that.
    @Test func anAttemptThatHangsIsBegunAnew() async throws {
        let host = Host(hangingAfter: .connecting(host: "host", port: 22))
        let stage = try await Stage(host)
        #expect(await eventually(seconds: 10) { host.count == 1 })
        try await stage.networkChanged()
        let first = try #require(host.last)
        #expect(await eventually(seconds: 10) { NIODeadline.now() - first > .milliseconds(1100) })
        #expect(host.count == 1)
        try await stage.networkChanged()
        #expect(await eventually(seconds: 10) { host.count == 2 })
        try await stage.end()
    }

    /// What is about to succeed is left alone, as long as it has its address.
    @Test(arguments: [("127.0.0.1", 1), ("203.0.113.77", 2)])
    func anAttemptThatHasComeThrough(address: String, count: Int) async throws {
        let origin = try #require(LocalAddress(try SocketAddress(ipAddress: address, port: 4711)))
        #expect(origin.isThere == (count == 1))
        let host = Host(hangingAfter: .keyExchange(from: origin))
        let stage = try await Stage(host)
        #expect(await eventually(seconds: 10) { host.count == 1 })
        let first = try #require(host.last)
        #expect(await eventually(seconds: 10) { NIODeadline.now() - first > .milliseconds(1100) })
        try await stage.networkChanged()
        if count > 1 { #expect(await eventually(seconds: 10) { host.count == count }) }
        #expect(host.count == count)
        try await stage.end()
    }
}
