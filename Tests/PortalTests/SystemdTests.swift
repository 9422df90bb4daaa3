import Foundation
import TestSupport
import Testing

/// A host whose systemd ends what a login leaves behind, and one whose does not.
@Suite(
    .serialized, .enabled(if: SystemdMachine.obstacle == nil, Comment(rawValue: "not run: \(SystemdMachine.obstacle ?? "")")))
struct SystemdTests {
    private static let sleeper = "sleep 9713"

    private func status(_ portal: PortalProgram) async throws -> String { try await portal.run(["status"]).text }

    private func isSleeping(_ machine: SystemdMachine) -> Bool {
        ((try? machine.commands()) ?? []).contains { $0.hasPrefix(SystemdTests.sleeper) }
    }

    /// Starts something in the background as the first thing of all, so that it is there before the executor is moved.
    private func begin(_ portal: PortalProgram) async throws {
        let begun = try await portal.run(
            ["exec", "-F", portal.config, "--background", "--name", "left", "host", "--", "sh", "-c", "sleep 9713; true"])
        #expect(begun.status == 0, "\(begun.errors)")
    }

    private func runs(_ portal: PortalProgram) async throws -> Bool {
        let listed = try await portal.run(["ps", "-F", portal.config, "host"])
        return listed.text.contains("left") && listed.text.contains("running")
    }

    /// Every login ends. The next one, which the proxy makes at once, finds everything; when there is none any more, nothing is left.
    @Test func aUserWhoDoesNotLinger() async throws {
        let machine = try SystemdMachine(killingUserProcesses: true)
        let portal = try PortalProgram(machine, sshConfig: machine.sshConfig, network: machine.network)
        try await begin(portal)
        #expect(await eventually(seconds: 10) { (try? await status(portal))?.contains("with this user's last login") ?? false })
        try machine.endLogins()
        #expect(await eventually(seconds: 10) { (try? await runs(portal)) ?? false })
        #expect(isSleeping(machine))
        #expect(try await status(portal).contains("with this user's last login"))
        // Without its proxy no login comes back, and systemd waits for ten seconds.
        kill(try await portal.proxyProcess(), SIGKILL)
        #expect(await eventually(seconds: 40) { !isSleeping(machine) })
    }

    /// What runs there needs no login.
    @Test func aUserWhoLingers() async throws {
        let machine = try SystemdMachine(killingUserProcesses: true)
        try machine.setLingering(true)
        let portal = try PortalProgram(machine, sshConfig: machine.sshConfig, network: machine.network)
        try await begin(portal)
        // Where it is, is seen on the host: nothing is said of it.
        let place = "cat /proc/[0-9]*/cgroup 2>/dev/null | grep -c 'user@.*/portal-[0-9]*\\.scope'"
        #expect(await eventually(seconds: 10) { (try? machine.run(place)).map { (Int($0.prefix { $0.isNumber }) ?? 0) >= 4 } ?? false })
        #expect(try await !status(portal).contains("what runs there ends"))
        kill(try await portal.proxyProcess(), SIGKILL)
        // systemd would end the user's processes ten seconds after the login. The time is the tested thing itself.
        try await Task.sleep(for: .seconds(15))
        #expect(isSleeping(machine))
        #expect(try await runs(portal))
    }

    /// Where nothing would be killed, nothing is moved: the user's own systemd ends with the last login.
    @Test func aHostThatKillsNothing() async throws {
        let machine = try SystemdMachine(killingUserProcesses: false)
        let portal = try PortalProgram(machine, sshConfig: machine.sshConfig, network: machine.network)
        try await begin(portal)
        kill(try await portal.proxyProcess(), SIGKILL)
        // As above.
        try await Task.sleep(for: .seconds(15))
        #expect(isSleeping(machine))
        #expect(try await runs(portal))
        #expect(try await !status(portal).contains("what runs there ends"))
        let places = try machine.run("cat /proc/[0-9]*/cgroup 2>/dev/null")
        #expect(!places.contains(#/\/portal-[0-9]+\.scope/#) && places.contains("/session-"), "\(places)")
    }
}
