import Foundation
import PortalWire
import Testing

/// What an executor waits for, each time in vain: Docs/waits.md has the times. They are its own, so that these tests take them.
@Suite struct ExecutorWaitTests {
    @Test(arguments: KillTests.programs) func aSessionThatNobodySaidHelloIn(program: URL) throws {
        let peer = try LingeringPeer(program)
        peer.arguments = ["--linger", "1"]
        try peer.open()
        let link = try #require(peer.link)
        _ = try link.rest()
        #expect(eventually { link.exitStatus() == 0 && !isRunning(peer.executor) })
    }

    /// An acknowledgement that nothing else goes with.
    @Test(arguments: KillTests.programs) func anAcknowledgement(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        let begun = ContinuousClock.now
        _ = try peer.send("session.stats")
        #expect(peer.unacknowledged > 0)
        try peer.pump(for: "the acknowledgement") { peer.unacknowledged == 0 }
        let time = ContinuousClock.now - begun
        #expect(time > .milliseconds(40) && time < .seconds(5), "\(time)")
    }

    /// A peer that does not read the last frames.
    @Test func aPeerThatTakesNothing() throws {
        let client = try ExecutorClient()
        let id = try client.send("process.start") {
            $0.set("shell", "exec cat /dev/zero")
            $0.set("login", false)
        }
        try client.waitForData(id, .stdout, count: 1)
        let executor = client.processIdentifier
        // Nobody reads from here on, and there is credit for more than the pipe takes.
        #expect(eventually { Self.isBlocked(executor) })
        let begun = ContinuousClock.now
        kill(executor, SIGTERM)
        #expect(eventually { !isRunning(executor) })
        let time = ContinuousClock.now - begun
        #expect(time > .seconds(0.9) && time < .seconds(6), "\(time)")
    }

    /// Whether the pipe of a process's standard output is full: what is in it does not change while more could come.
    private static func isBlocked(_ process: pid_t) -> Bool {
        let descriptor = open("/proc/\(process)/fd/1", O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var count: Int32 = 0
        return ioctl(descriptor, UInt(FIONREAD), &count) == 0 && count >= 60_000
    }

    /// A thread inside a disk that never answers holds up neither other requests nor the end.
    @Test(.enabled(if: StuckDisk.isPossible)) func aDiskThatDoesNotAnswer() throws {
        let disk = try StuckDisk()
        let client = try ExecutorClient()
        _ = try client.send("fs.stat") { $0.set("path", disk.path + "/file") }
        let scratch = try Scratch()
        #expect(try client.call("fs.stat") { $0.set("path", scratch.path) }.result != nil)
        #expect(try client.call("session.stats").value().integer("open") == 2)
        let begun = ContinuousClock.now
        #expect(try client.close() == 0)
        let time = ContinuousClock.now - begun
        #expect(time > .seconds(1.9) && time < .seconds(8), "\(time)")
        withExtendedLifetime(disk) {}
    }

    /// A program that became another user's cannot be killed.
    private static func another(in scratch: Scratch) throws -> String? {
        let copy = scratch.path + "/setpriv"
        guard geteuid() == 0, (try? FileManager.default.copyItem(atPath: "/usr/bin/setpriv", toPath: copy)) != nil else { return nil }
        return chmod(copy, 0o4755) == 0 ? copy : nil
    }

    /// What cannot be killed is not waited for, when it is cancelled and when the session ends.
    @Test(.enabled(if: geteuid() == 0)) func aProcessThatCannotBeKilled() throws {
        let scratch = try Scratch()
        chmod(scratch.path, 0o755)
        let program = try #require(try Self.another(in: scratch))
        let clients = try (0..<2).map { _ in try ExecutorClient(isStranger: true) }
        var sleepers: [pid_t] = []
        defer { for sleeper in sleepers { kill(sleeper, SIGKILL) } }
        let requests = try clients.map { client in
            let id = try client.send("process.start") {
                $0.set("shell", "echo $$; exec '\(program)' --reuid 0 --regid 0 --clear-groups sleep 1000")
                $0.set("login", false)
                $0.set("shell_program", "/bin/sh")
                $0.set("cwd", "/")
            }
            let sleeper = try #require(pid_t(try client.waitForText(id, "\n").dropLast()))
            sleepers.append(sleeper)
            #expect(eventually { FileManager.default.contents(atPath: "/proc/\(sleeper)/comm") == Data("sleep\n".utf8) })
            return id
        }
        // Both at once.
        let begun = ContinuousClock.now
        try clients[0].send(.cancel(id: requests[0], Cancellation()))
        let ending = clients[1].processIdentifier
        kill(ending, SIGTERM)
        #expect(eventually { !isRunning(ending) })
        let endTime = ContinuousClock.now - begun
        #expect(endTime > .seconds(1.9) && endTime < .seconds(9), "\(endTime)")
        let error = try #require(try clients[0].wait(requests[0]).error)
        let time = ContinuousClock.now - begun
        #expect(error.code == .cancelled && String(decoding: error.message, as: UTF8.self).contains("has not ended it yet"))
        #expect(error.applied == .yes && time > .seconds(6.9) && time < .seconds(15), "\(time)")
        #expect(sleepers.allSatisfy(isRunning))
    }
}
