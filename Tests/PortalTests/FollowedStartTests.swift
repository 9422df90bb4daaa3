import Foundation
import Portal
import PortalWire
import TestSupport
import Testing

/// Commands that are started in the background and followed from their first byte on; files whose reading is given up.
@Suite(.serialized) struct FollowedStartTests {
    let host: TestHost

    init() throws { host = try TestHost() }

    private func connect(port: Int? = nil) async throws -> Workspace {
        var options = ConnectionOptions()
        options.proxy = .inProcess
        options.sshConfig = host.configFile
        if let port {
            options.sshConfig = host.directory.path + "/relayed"
            try Data(host.sshConfig(alias: "host", port: port).utf8).write(to: URL(fileURLWithPath: options.sshConfig!))
        }
        return try await Workspace.connect("host", options: options)
    }

    private func request(_ text: String, named name: String?) -> ProcessStartRequest {
        var request = ProcessStartRequest(command: .shell(Array(text.utf8)), process: name.map { Array($0.utf8) })
        request.shellProgram = Array("/bin/sh".utf8)
        return request
    }

    @Test func everythingComesFromTheFirstByte() async throws {
        let workspace = try await connect()
        for number in 0..<20 {
            let (process, output) = try await workspace.startInBackgroundAndFollow(
                request("echo out; echo err >&2; exit 3", named: "n\(number)"))
            var text = ""
            for await piece in output { text += String(decoding: piece.bytes, as: UTF8.self) }
            let result = try await output.result()
            #expect(process.name == "n\(number)" && text.count == 8 && result.end?.code == 3 && result.next == 8)
        }
        _ = try await workspace.startInBackgroundAndFollow(request("sleep 1000", named: "taken"))
        let taken = await #expect(throws: PortalError.self) {
            _ = try await workspace.startInBackgroundAndFollow(request("true", named: "taken"))
        }
        #expect(taken?.code == .exists)
        let nameless = await #expect(throws: PortalError.self) {
            _ = try await workspace.startInBackgroundAndFollow(request("true", named: nil))
        }
        #expect(nameless?.code == .invalid)
        var missing = request("true", named: "missing")
        missing.shellProgram = Array("/nowhere/sh".utf8)
        let none = missing
        let absent = await #expect(throws: PortalError.self) { _ = try await workspace.startInBackgroundAndFollow(none) }
        #expect(absent?.code == .notFound && absent?.details.integer("status") == 127)
    }

    @Test func aShortCommandCostsOneRoundTrip() async throws {
        let relay = try await NetworkRelay(to: host.port, line: NetworkRelay.Line(roundTrip: .milliseconds(200)))
        let workspace = try await connect(port: relay.port)
        // The first one waits for the environment of the login.
        _ = try await workspace.run(RemoteCommand("true"))
        let start = ContinuousClock.now
        let (_, output) = try await workspace.startInBackgroundAndFollow(request("echo out", named: "short"))
        let result = try await output.result()
        #expect(result.end?.code == 0)
        #expect(ContinuousClock.now - start < .milliseconds(380))
        workspace.close()
        await relay.stop()
    }

    @Test func aReadingThatIsGivenUp() async throws {
        let workspace = try await connect()
        try Data(count: 50_000_000).write(to: host.home.appendingPathComponent("large"))
        let large = try await workspace.read(FileReadRequest(path: Array("large".utf8)))
        #expect(await large.next() != nil)
        large.cancel()
        let cancelled = await #expect(throws: PortalError.self) { _ = try await large.end() }
        #expect(cancelled?.code == .cancelled)
    }
}
