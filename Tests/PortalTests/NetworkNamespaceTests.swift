import Foundation
import TestSupport
import Testing

/// The network of this side goes away and comes back: a real one, of the kernel's, with a cable that is pulled while a command prints.
@Suite(
    .serialized,
    .enabled(if: NetworkNamespaces.obstacle == nil, Comment(rawValue: "not run: \(NetworkNamespaces.obstacle ?? "")")))
struct NetworkNamespaceTests {
    private let network: NetworkNamespaces
    private let host: TestHost
    private let portal: PortalProgram

    init() throws {
        network = try NetworkNamespaces()
        var options = TestHost.Options()
        options.namespace = network.far
        options.sshd = ["ListenAddress \(NetworkNamespaces.hostAddress)"]
        host = try TestHost(options)
        let config = host.sshConfig(alias: "host", port: host.port, address: NetworkNamespaces.hostAddress)
        portal = try PortalProgram(host, sshConfig: config, network: network)
    }

    private func status() async throws -> (state: String, reason: String) {
        let status = try await portal.run(["status", "--json"])
        let object = try JSONSerialization.jsonObject(with: status.output) as? [String: Any]
        return (object?["state"] as? String ?? "", object?["error"] as? String ?? "")
    }

    private func isInterrupted() async -> Bool { (try? await status())?.state == "interrupted" }

    /// How long a new call and the stream wait, from now on.
    private func recovery(_ stream: LineStream, _ what: String) async throws -> Duration {
        let start = ContinuousClock.now
        async let call = portal.exec("echo", "there")
        let stream = await stream.more(within: 60)
        #expect(try await call.text == "there\n")
        print("\(what): the stream goes on after \(stream), a new program's call is answered after \(ContinuousClock.now - start)")
        return stream
    }

    /// The cable is pulled for as long as it takes to be noticed. The link is the old one afterwards, or another.
    @Test func theCableIsPulled() async throws {
        let stream = try LineStream(portal, host)
        _ = await stream.more(within: 20)
        let pulled = ContinuousClock.now
        try network.unplug()
        #expect(await eventually(seconds: 8) { await isInterrupted() }, "the kernel tells, so that it does not take ten seconds")
        print("noticed after \(ContinuousClock.now - pulled)")
        try network.plugIn()
        #expect(try await recovery(stream, "pulled") < .seconds(2))
        try await stream.finish()
        #expect(host.logins <= 2)
    }

    /// Pulled and plugged in again before anything is the matter.
    @Test func theCableIsPulledBriefly() async throws {
        let stream = try LineStream(portal, host)
        _ = await stream.more(within: 20)
        try network.unplug()
        // The time is the measured thing itself.
        try await Task.sleep(for: .milliseconds(700))
        try network.plugIn()
        #expect(try await recovery(stream, "pulled for 0.7 s") < .seconds(2))
        try await stream.finish()
    }

    /// Another network: the old address is gone, and with it the link, which nobody has to wait for.
    @Test func theAddressChanges() async throws {
        let stream = try LineStream(portal, host)
        _ = await stream.more(within: 20)
        try network.unplug()
        try network.changeAddress(from: NetworkNamespaces.addresses[0], to: NetworkNamespaces.addresses[1])
        var reason = ""
        #expect(
            await eventually(seconds: 2) {
                reason = (try? await status())?.reason ?? ""
                return reason.contains("address is gone") || reason.contains("cannot be reached")
            }, "\(reason)")
        try network.plugIn()
        #expect(try await recovery(stream, "another address") < .seconds(2))
        try await stream.finish()
        #expect(host.logins == 2)
    }

    /// The default route goes and comes back, as a VPN's does.
    @Test func theRouteIsWithdrawn() async throws {
        let stream = try LineStream(portal, host)
        _ = await stream.more(within: 20)
        try network.removeRoute()
        #expect(await eventually(seconds: 8) { await isInterrupted() })
        try network.addRoute()
        #expect(try await recovery(stream, "the route") < .seconds(2))
        try await stream.finish()
    }

    /// Some seconds; PORTAL_SILENCE_SECONDS are more of them.
    private static let silences =
        [12] + [ProcessInfo.processInfo.environment["PORTAL_SILENCE_SECONDS"].flatMap { Int($0) }].compactMap { $0 }

    /// Something far away drops everything: no kernel tells of it, neither of the beginning nor of the end.
    @Test(arguments: silences)
    func silenceFarAway(seconds: Int) async throws {
        let stream = try LineStream(portal, host)
        _ = await stream.more(within: 20)
        try network.setSilent(true)
        // The time is the measured thing itself.
        try await Task.sleep(for: .seconds(seconds))
        #expect(try await status().state == "interrupted")
        try network.setSilent(false)
        #expect(try await recovery(stream, "\(seconds) s of silence") < .seconds(3))
        try await stream.finish()
    }
}
