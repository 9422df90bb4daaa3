import Foundation
import Synchronization
import TestSupport
import Testing

@testable import PortalProxy

/// What proxies leave in the runtime directory.
@Suite(.serialized) struct RuntimeDirectoryTests {
    private func names(_ portal: PortalProgram) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: portal.runtime.path)) ?? []).sorted()
    }

    @Test func aProxyThatNeverConnectedLeavesNothing() async throws {
        let host = try TestHost()
        let portal = try PortalProgram(host, target: "no-such-host.invalid")
        // Several at once, and again while the proxy of the first ones is about to go.
        for _ in 0..<3 {
            try await withThrowingTaskGroup(of: PortalProgram.Outcome.self) { group in
                for _ in 0..<4 { group.addTask { try await portal.exec("true") } }
                for try await outcome in group {
                    #expect(outcome.status == 255 && outcome.errors.contains("no-such-host.invalid"), "\(outcome.errors)")
                }
            }
        }
        #expect(await eventually(seconds: 20) { names(portal).isEmpty }, "\(names(portal))")
    }

    @Test func aProxyThatConnectedLeavesItsLog() async throws {
        let portal = try PortalProgram(try TestHost())
        #expect(try await portal.exec("true").status == 0)
        #expect(names(portal).map { $0.split(separator: ".").last.map(String.init) } == ["lock", "log", "session", "sock"])
        _ = try await portal.run(["stop", "--all"])
        #expect(await eventually(seconds: 20) { names(portal).allSatisfy { $0.hasSuffix(".log") } }, "\(names(portal))")
        #expect(names(portal).count == 1)
    }

    /// What a proxy says before it listens reaches whoever started it.
    @Test func aProxyThatCannotStartIsQuoted() async throws {
        let portal = try PortalProgram(try TestHost())
        // The socket's place is taken by what cannot be removed as a file.
        let identity = try await portal.exec("true")
        #expect(identity.status == 0)
        let socket = try #require(names(portal).first { $0.hasSuffix(".sock") })
        _ = try await portal.run(["stop", "--all"])
        #expect(await eventually(seconds: 20) { !names(portal).contains(socket) })
        try FileManager.default.createDirectory(
            at: portal.runtime.appendingPathComponent(socket).appendingPathComponent("taken"), withIntermediateDirectories: true)
        let outcome = try await portal.exec("true")
        #expect(outcome.status == 255 && outcome.errors.contains("cannot listen on"), "\(outcome.errors)")
        #expect(!names(portal).contains { $0.hasSuffix(".lock") }, "\(names(portal))")
    }

    /// The file goes with its holder, and nobody comes to hold one that is gone.
    @Test func aLockThatIsRemovedHasOneHolder() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("portal-lock-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let path = directory.appendingPathComponent("lock").path
        let holders = Mutex((now: 0, most: 0, times: 0))
        DispatchQueue.concurrentPerform(iterations: 8) { _ in
            for _ in 0..<2000 {
                guard let lock = try? FileLock(tryLocking: path) else { continue }
                holders.withLock {
                    $0.now += 1
                    $0.most = max($0.most, $0.now)
                    $0.times += 1
                }
                sched_yield()
                holders.withLock { $0.now -= 1 }
                lock.release()
            }
        }
        let outcome = holders.withLock { $0 }
        #expect(outcome.most == 1 && outcome.times > 100, "\(outcome)")
        #expect(!FileManager.default.fileExists(atPath: path))
    }
}
