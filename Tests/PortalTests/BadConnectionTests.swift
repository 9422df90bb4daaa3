import Foundation
import TestSupport
import Testing

/// What a user sees where the host cannot be reached: one line, the status 255, and nothing left.
@Suite(.serialized) struct BadConnectionTests {
    private func expectOneLine(_ outcome: PortalProgram.Outcome, _ words: String..., comment: String = "") {
        #expect(outcome.status == 255)
        #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
        for word in words { #expect(outcome.errors.lowercased().contains(word.lowercased()), "\(outcome.errors)") }
    }

    @Test func anUnknownHost() async throws {
        let host = try TestHost()
        let portal = try PortalProgram(host, target: "no-such-host.invalid")
        expectOneLine(try await portal.exec("true"), "no-such-host.invalid")
    }

    @Test func aPortThatNobodyListensOn() async throws {
        let host = try TestHost()
        host.stop()
        expectOneLine(try await PortalProgram(host).exec("true"), "127.0.0.1", "\(host.port)")
    }

    @Test func aKeyThatTheHostDoesNotAccept() async throws {
        var options = TestHost.Options()
        options.sshd = ["AuthorizedKeysFile /nonexistent"]
        let outcome = try await PortalProgram(try TestHost(options)).exec("true")
        expectOneLine(outcome, "key")
    }

    @Test func anUnknownHostKeyWithNobodyToAsk() async throws {
        var options = TestHost.Options()
        options.isKnown = false
        expectOneLine(try await PortalProgram(try TestHost(options)).exec("true"), "host key", "terminal")
    }

    @Test func aChangedHostKey() async throws {
        let host = try TestHost()
        let other = try TestHost()
        let key = try String(contentsOf: other.knownHosts, encoding: .utf8).split(separator: " ").dropFirst().joined(separator: " ")
        try Data("[127.0.0.1]:\(host.port) \(key)\n".utf8).write(to: host.knownHosts)
        let outcome = try await PortalProgram(host).exec("true")
        #expect(outcome.status == 255)
        #expect(outcome.errors.contains("CHANGED"))
        #expect(outcome.errors.contains("ssh-keygen"))
    }

    @Test func aTargetThatIsNone() async throws {
        let portal = try PortalProgram(try TestHost(), target: "x@-oProxyCommand=x")
        let outcome = try await portal.run(["exec", "-F", portal.config, "x@-oProxyCommand=x", "--", "true"])
        #expect(outcome.status == 64)
        #expect(outcome.errors.contains("-oProxyCommand=x"))
    }

    @Test func missingFilesAndWrongKinds() async throws {
        let host = try TestHost()
        let portal = try PortalProgram(host)
        let cases: [(String, String, String)] = [
            ("fs.read", #"{"path":"missing"}"#, "not_found"), ("fs.read", #"{"path":"."}"#, "is_a_directory"),
            ("fs.list", #"{"path":"/etc/passwd"}"#, "not_a_directory"), ("fs.mkdir", #"{"path":"."}"#, "exists"),
            ("fs.stat", #"{"path":"/etc/passwd/x"}"#, "not_a_directory"), ("fs.stat", "{}", "invalid"),
        ]
        for (operation, parameters, code) in cases {
            let outcome = try await portal.run(["call", "-F", portal.config, "host", operation, parameters])
            #expect(outcome.status == 1, "\(operation) \(parameters)")
            let object = try #require(try JSONSerialization.jsonObject(with: outcome.output) as? [String: Any])
            let error = try #require(object["error"] as? [String: Any], "\(outcome.text)")
            #expect(error["code"] as? String == code, "\(outcome.text)")
        }
    }
}
