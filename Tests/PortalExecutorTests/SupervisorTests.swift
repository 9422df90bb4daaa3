import Foundation
import PortalWire
import Testing

/// What is left of a session when one of its processes is killed, and where it can have no socket.
@Suite struct SupervisorTests {
    @Test(arguments: KillTests.programs) func nothingOutlivesAKilledExecutor(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        let background = try peer.startSleeper(background: true)
        // One that leaves its parent and its session, and prints its number first.
        let daemon = try peer.shell("setsid sh -c 'echo $$; exec sleep 1000' & wait")
        try peer.pump(for: "the daemon's number") { peer.data[daemon]?.last == 0x0A }
        let stray = try #require(pid_t(String(decoding: peer.data[daemon]!.dropLast(), as: UTF8.self)))
        let (supervisor, session) = (peer.supervisor, peer.hello.session)
        #expect(isRunning(supervisor) && isRunning(stray) && isRunning(background.process))
        kill(peer.executor, SIGKILL)
        let link = try #require(peer.link)
        _ = try link.rest()
        #expect(eventually { link.exitStatus() == 0 && !isRunning(supervisor) })
        #expect(!isRunning(stray) && !isRunning(background.process))
        // What is known of the one in the background waits for the next executor.
        #expect(peer.sockets == [try peer.name() + "." + ProcessInfo.processInfo.hostName + ".lost"])
        try peer.open(resuming: true)
        #expect(peer.hello.session != session && peer.hello.received == 0)
        try peer.greet { $0.isAnew = true }
        #expect(try peer.call("session.info").integer("links") == 1)
    }

    @Test(arguments: KillTests.programs) func theSocketOfAKilledSessionIsReplaced(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        let (executor, former) = (peer.executor, peer.sockets)
        // Nobody is left to end it, until the session is looked for.
        let sleeper = try peer.startSleeper(background: true)
        kill(peer.supervisor, SIGKILL)
        kill(executor, SIGKILL)
        #expect(eventually { !isRunning(executor) })
        #expect(peer.sockets == former && former.count == 1)
        let foreign = peer.sessions + "/0123456789abcdef.another-host"
        try Data().write(to: URL(fileURLWithPath: foreign))
        try peer.open(resuming: true)
        #expect(peer.executor != executor && eventually { !isRunning(sleeper.process) })
        #expect(peer.sockets.count == 2 && Set(former).isDisjoint(with: peer.sockets))
        #expect(FileManager.default.fileExists(atPath: foreign))
    }

    @Test(arguments: KillTests.programs) func theSessionDoesNotNeedItsSupervisor(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        let sleeper = try peer.startSleeper(background: true)
        let supervisor = peer.supervisor
        kill(supervisor, SIGKILL)
        #expect(eventually { !isRunning(supervisor) })
        try peer.resume(after: .front)
        #expect(isRunning(sleeper.process))
        let executor = peer.executor
        _ = try peer.call("session.end")
        #expect(eventually { !isRunning(executor) && !isRunning(sleeper.process) && peer.sockets.isEmpty })
    }

    @Test(arguments: KillTests.programs) func signalsToTheGroupLeaveTheSupervisor(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        let supervisor = peer.supervisor
        for number in [SIGHUP, SIGINT, SIGTERM] { kill(-supervisor, number) }
        _ = try peer.call("session.info")
        #expect(isRunning(supervisor) && getpgid(peer.executor) == peer.executor && getsid(supervisor) == supervisor)
        #expect(try resident(supervisor) <= (program == ExecutorClient.program ? 20_000 : 600))
    }

    /// Kilobytes.
    private func resident(_ process: pid_t) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") })
        return try #require(Int(line.filter(\.isNumber)))
    }

    @Test(arguments: KillTests.programs) func anExecutorThatHangsIsLeftAlone(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        let (executor, session) = (peer.executor, peer.hello.session)
        kill(executor, SIGSTOP)
        try peer.open(resuming: true)
        #expect(peer.hello.session != session)
        // It wakes, finds a link that nobody waits for, and says nothing on it.
        kill(executor, SIGCONT)
        try peer.greet { $0.isAnew = true }
        #expect(try peer.call("session.info").integer("links") == 1)
        kill(executor, SIGTERM)
        #expect(eventually { !isRunning(executor) })
        #expect(try peer.call("session.info").integer("links") == 1)
    }

    @Test(.enabled(if: geteuid() == 0), arguments: KillTests.programs) func anotherUsersLinkIsRefused(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        let (executor, session, stranger) = (peer.executor, peer.hello.session, uid_t(65534))
        let socket = peer.sessions + "/" + (try #require(peer.sockets.first))
        // As far as the file system goes, the stranger may.
        for path in [peer.scratch.path, peer.program] { #expect(chmod(path, 0o755) == 0) }
        #expect(chown(peer.sessions, stranger, stranger) == 0 && chmod(socket, 0o666) == 0)
        let own = try #require(peer.link)
        try peer.open(resuming: true, command: ["/usr/bin/setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"])
        #expect(peer.hello.session != session && peer.executor != executor)
        #expect(own.exitStatus() == nil && isRunning(executor))
        kill(executor, SIGTERM)
        #expect(eventually { !isRunning(executor) })
    }

    @Test(arguments: KillTests.programs, ["open", "link", "file", "stranger"]) func withoutAPrivateDirectoryItEndsWithItsLink(
        program: URL, what: String
    ) throws {
        let peer = try LingeringPeer(program)
        switch what {
        case "open": #expect(mkdir(peer.sessions, 0o755) == 0)
        case "link":
            #expect(mkdir(peer.scratch.path + "/elsewhere", 0o700) == 0 && symlink("elsewhere", peer.sessions) == 0)
        case "file": _ = try peer.scratch.file("sessions", "")
        default:
            guard geteuid() == 0 else { return }
            #expect(mkdir(peer.sessions, 0o700) == 0 && chown(peer.sessions, 65534, 65534) == 0)
        }
        try peer.begin()
        #expect(!peer.hello.capabilities.contains { $0.equals("resume") })
        let info = try peer.call("session.info")
        let problem = "keep a session in \(peer.sessions): it is not a directory of this user with mode 0700"
        #expect(info.string("linger_problem") == Array(problem.utf8))
        #expect(info.integer("linger_seconds") == nil)
        let link = try #require(peer.link)
        #expect(link.front == peer.executor)
        link.closeInput()
        #expect(eventually { link.exitStatus() == 0 })
    }

    @Test(arguments: KillTests.programs) func itLivesWhereItsProgramWasCalledFrom(program: URL) throws {
        let peer = try LingeringPeer(program)
        // A path that is longer than a socket's address can be.
        let deep = peer.scratch.path + "/" + String(repeating: "d", count: 120)
        try FileManager.default.createDirectory(atPath: deep, withIntermediateDirectories: false)
        let copy = deep + "/executor"
        try FileManager.default.copyItem(atPath: program.path, toPath: copy)
        try peer.open(command: ["/bin/sh", "-c", "cd / && exec '\(copy)' \"$@\""])
        try peer.greet()
        #expect(try peer.call("session.info").integer("linger_seconds") == 60)
        #expect(peer.hello.host?.directory == Array("/".utf8))
        #expect(try FileManager.default.contentsOfDirectory(atPath: deep + "/sessions").count == 1)
    }
}
