import Foundation
import TestSupport
import Testing

@testable import PortalSSH

@Suite struct AuthenticationTests {
    @Test(arguments: ["ed25519", "ecdsa"])
    func keyFiles(type: String) async throws {
        var options = TestHost.Options()
        options.keyType = type
        options.hostKeyType = type
        let host = try TestHost(options)
        try await host.connect().close()
        #expect(host.logins == 1)
    }

    @Test func encryptedKey() async throws {
        var options = TestHost.Options()
        options.passphrase = "right"
        let host = try TestHost(options)
        let person = Person { question in
            if case .passphrase(_, let attempt) = question { attempt == 1 ? "wrong" : "right" } else { nil }
        }
        try await host.connect(person: person).close()
        #expect(person.questions == [.passphrase(path: host.keyFile.path, attempt: 1), .passphrase(path: host.keyFile.path, attempt: 2)])
    }

    @Test func wrongPassphraseThreeTimes() async throws {
        var options = TestHost.Options()
        options.passphrase = "right"
        let host = try TestHost(options)
        let person = Person { _ in "wrong" }
        let error = try await host.failure(person: person)
        #expect(error.code == .authenticationFailed && error.message.contains("wrong passphrase"), "\(error)")
        #expect(person.questions.count == 3)
        let nobody = try await host.failure()
        #expect(nobody.code == .authenticationFailed && nobody.message.contains("nobody gave the passphrase"), "\(nobody)")
    }

    @Test func passphraseIsNotAskedForAnUnwantedKey() async throws {
        var options = TestHost.Options()
        options.passphrase = "right"
        options.sshd = ["AuthorizedKeysFile /dev/null", "KbdInteractiveAuthentication no", "PasswordAuthentication yes"]
        let host = try TestHost(options)
        let person = Person()
        let error = try await host.failure(person: person)
        #expect(error.code == .authenticationFailed, "\(error)")
        #expect(error.message.contains("not accepted") && error.message.contains("password (nobody could be asked)"), "\(error)")
        #expect(error.message.contains("@host"), "\(error)")
        #expect(!person.questions.contains(.passphrase(path: host.keyFile.path, attempt: 1)))
    }

    @Test func wrongPasswords() async throws {
        var options = TestHost.Options()
        options.sshd = ["AuthorizedKeysFile /dev/null", "PasswordAuthentication yes"]
        let host = try TestHost(options)
        let person = Person { _ in "no" }
        let error = try await host.failure(person: person)
        #expect(error.code == .authenticationFailed && error.message.contains("password (wrong)"), "\(error)")
        #expect(person.questions.count == 3)
    }

    @Test func interactivePrompts() async throws {
        var options = TestHost.Options()
        options.sshd = [
            "AuthorizedKeysFile /dev/null", "KbdInteractiveAuthentication yes", "UsePAM yes", "PasswordAuthentication no",
        ]
        let host = try TestHost(options)
        let person = Person { _ in "no such password" }
        let error = try await host.failure(person: person)
        #expect(error.code == .authenticationFailed && error.message.contains("keyboard-interactive"), "\(error)")
        // With PAM here the host asks; without, it has no questions and refuses at once.
        for question in person.questions {
            guard case .keyboardInteractive(let prompt, let echo) = question else {
                Issue.record("\(question)")
                continue
            }
            #expect(prompt.contains("assword") && !echo)
        }
    }

    @Test func agent() async throws {
        let host = try TestHost()
        let socket = host.directory.appendingPathComponent("agent").path
        let agent = try Child(["ssh-agent", "-D", "-a", socket], output: "/dev/null")
        defer { agent.end() }
        #expect(waitUntil(seconds: 10) { FileManager.default.fileExists(atPath: socket) })
        try Tool.run("env", "SSH_AUTH_SOCK=\(socket)", "ssh-add", "-q", host.keyFile.path)
        // An RSA key in front of it must not be in the way.
        let rsa = host.directory.appendingPathComponent("rsa").path
        try Tool.run("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", rsa)
        try Tool.run("env", "SSH_AUTH_SOCK=\(socket)", "ssh-add", "-q", rsa)
        let config = host.directory.appendingPathComponent("agent_config").path
        func configure(_ more: String) throws {
            let text =
                "Host host\n HostName 127.0.0.1\n Port \(host.port)\n UserKnownHostsFile \(host.knownHosts.path)\n IdentityAgent \(socket)\n\(more)\n"
            try Data(text.utf8).write(to: URL(fileURLWithPath: config))
        }
        try configure(" IdentityFile /nonexistent")
        try await host.connect(configFile: config).close()
        #expect(host.logins == 1)

        // IdentitiesOnly: only keys that a file names.
        try configure(" IdentitiesOnly yes\n IdentityFile \(rsa)")
        let error = try await host.failure(configFile: config)
        #expect(error.code == .authenticationFailed && !error.message.contains("test key"), "\(error)")
        if !Libssh2.signsRSAWithSHA2 {
            #expect(error.message.contains("SHA-1 only") && error.message.contains("ssh-keygen -t ed25519"), "\(error)")
        }
        try FileManager.default.copyItem(atPath: host.keyFile.path + ".pub", toPath: host.directory.path + "/only.pub")
        try configure(" IdentitiesOnly yes\n IdentityFile \(host.directory.path)/only.pub")
        try await host.connect(configFile: config).close()
        #expect(host.logins == 2)
    }

    @Test func agentThatDoesNotAnswer() async throws {
        let host = try TestHost()
        let config = host.directory.appendingPathComponent("dead_agent").path
        let text = try String(contentsOfFile: host.configFile, encoding: .utf8).replacingOccurrences(
            of: "IdentityAgent none", with: "IdentityAgent \(host.directory.path)/nobody")
        try Data(text.utf8).write(to: URL(fileURLWithPath: config))
        try await host.connect(configFile: config).close()
        #expect(host.logins == 1)
    }
}

@Suite struct HostKeyTests {
    private func unknownHost(_ client: [String] = []) throws -> TestHost {
        var options = TestHost.Options()
        options.isKnown = false
        options.client = client
        return try TestHost(options)
    }

    @Test(arguments: [false, true])
    func askedOnceAndRemembered(isHashed: Bool) async throws {
        let host = try unknownHost(isHashed ? ["HashKnownHosts yes"] : [])
        let person = Person { if case .unknownHostKey = $0 { "yes" } else { nil } }
        try await host.connect(person: person).close()
        try await host.connect(person: person).close()
        #expect(person.questions.count == 1)
        guard case .unknownHostKey(let name, let type, let fingerprint)? = person.questions.first else { return }
        #expect(name == "[127.0.0.1]:\(host.port)" && type == "ssh-ed25519")
        let printed = try Tool.run("ssh-keygen", "-l", "-f", host.directory.path + "/host_key.pub")
        #expect(printed.contains(" \(fingerprint) "), "\(printed)")
        let remembered = try String(contentsOf: host.knownHosts, encoding: .utf8)
        #expect(remembered.hasPrefix("|1|") == isHashed)
        #expect(remembered.split(separator: "\n").count == 1)
        // ssh itself understands what was added.
        try Tool.run("ssh", "-F", host.configFile, "-o", "StrictHostKeyChecking=yes", "-o", "BatchMode=yes", "host", "true")
        let mode = try FileManager.default.attributesOfItem(atPath: host.knownHosts.path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test func declinedNobodyAndStrict() async throws {
        let host = try unknownHost()
        for person in [Person(), Person { _ in "no" }] {
            let error = try await host.failure(person: person)
            #expect(error.code == .hostKeyUnknown && error.message.contains("SHA256:"), "\(error)")
            #expect(person.questions.count == 1)
        }
        #expect(!FileManager.default.fileExists(atPath: host.knownHosts.path))
        let strict = try unknownHost(["StrictHostKeyChecking yes"])
        let person = Person { _ in "yes" }
        #expect(try await strict.failure(person: person).code == .hostKeyUnknown)
        #expect(person.questions.isEmpty)
        let accepting = try unknownHost(["StrictHostKeyChecking accept-new"])
        try await accepting.connect().close()
        #expect(FileManager.default.fileExists(atPath: accepting.knownHosts.path))
    }

    @Test func changedAndRevokedAreRefused() async throws {
        let host = try TestHost()
        let other = "ssh-ed25519 \(KnownHostsTests.key)"
        let line = try String(contentsOf: host.knownHosts, encoding: .utf8)
        try Data("# first\n[127.0.0.1]:\(host.port) \(other)\n".utf8).write(to: host.knownHosts)
        let person = Person { _ in "yes" }
        let error = try await host.failure(person: person)
        #expect(error.code == .hostKeyChanged && error.message.contains("\(host.knownHosts.path):2"), "\(error)")
        #expect(error.message.contains("ssh-keygen") && error.message.contains("-R"), "\(error)")
        #expect(person.questions.isEmpty)
        try Data((line + "@revoked " + line).utf8).write(to: host.knownHosts)
        #expect(try await host.failure(person: person).code == .hostKeyRevoked)
        #expect(host.logins == 0)
    }
}
