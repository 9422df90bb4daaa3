import TestSupport
import Testing

@testable import PortalSSH

@Suite struct KnownHostsTests {
    static let key = "AAAAC3NzaC1lZDI1NTE5AAAAIB9vQn6sGhFSa0x3Y7M1oJ9eLhQK0r3nC6c2bXW1dT5y"
    static let otherKey = "AAAAC3NzaC1lZDI1NTE5AAAAIB9vQn6sGhFSa0x3Y7M1oJ9eLhQK0r3nC6c2bXW1dT5z"

    private func verdict(_ text: String, name: String, key: String = key) throws -> KnownHosts.Verdict {
        let hosts = KnownHosts(files: [("file", Array(text.utf8))], name: name)
        return hosts.verdict(on: try #require(decodeBase64(key.utf8)))
    }

    @Test(arguments: [
        ("host", "host", true), ("a,host,b", "host", true), ("host", "hosts", false), ("*.lan", "a.lan", true), ("*.lan", "lan", false),
        ("h?st", "host", true), ("*,!host", "host", false), ("!host,*", "host", false), ("*,!other", "host", true), ("HOST", "host", true),
        ("[host]:2222", "[host]:2222", true), ("host", "[host]:2222", false), ("[host]:2222", "host", false), ("*a*b*c", "xaybzc", true),
        ("*a*b*c", "xaybz", false),
    ])
    func names(pattern: String, name: String, isMatch: Bool) throws {
        #expect(try verdict("\(pattern) ssh-ed25519 \(Self.key) comment", name: name) == (isMatch ? .known : .unknown(others: [])))
    }

    @Test func hashedByOpenSSH() throws {
        // ssh-keygen -H hashed this line.
        let file = "/tmp/portal-test-hash-\(newToken())"
        defer { _ = try? Tool.run("rm", "-f", file, file + ".old") }
        try Tool.run("sh", "-c", "echo '[host]:2222 ssh-ed25519 \(Self.key)' > \(file); ssh-keygen -H -f \(file) 2>/dev/null")
        let line = try Tool.run("cat", file)
        #expect(line.hasPrefix("|1|"))
        #expect(try verdict(line, name: "[host]:2222") == .known)
        #expect(try verdict(line, name: "host") == .unknown(others: []))
    }

    @Test func markersAndChanges() throws {
        let line = "# comment\n\nhost ssh-ed25519 \(Self.otherKey)\n"
        guard case .changed(let entry) = try verdict(line, name: "host") else {
            Issue.record("not seen as changed")
            return
        }
        #expect(entry.line == 3)
        #expect(try verdict(line + "host ssh-ed25519 \(Self.key)", name: "host") == .known)
        guard case .revoked = try verdict("host ssh-ed25519 \(Self.key)\n@revoked * ssh-ed25519 \(Self.key)", name: "host") else {
            Issue.record("not seen as revoked")
            return
        }
        #expect(try verdict("@cert-authority * ssh-ed25519 \(Self.key)", name: "host") == .unknown(others: []))
        #expect(try verdict("host ssh-rsa \(Self.key)", name: "host") == .unknown(others: []), "the type must be the key's own")
    }

    @Test func knownTypesAreOfferedFirst() {
        #expect(Algorithms.hostKeys(knownTypes: ["ecdsa-sha2-nistp256"]).first == "ecdsa-sha2-nistp256")
        #expect(Algorithms.hostKeys(knownTypes: ["ssh-rsa"]).prefix(3) == ["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"])
        #expect(Algorithms.hostKeys(knownTypes: []) == Algorithms.hostKey)
    }

    @Test(arguments: ["", "f", "fo", "foo", "foob", "fooba", "foobar"])
    func base64RoundTrip(text: String) {
        #expect(decodeBase64(base64(Array(text.utf8)).utf8) == Array(text.utf8))
        #expect(decodeBase64("a!".utf8) == nil)
    }
}

@Suite struct ConfigurationTests {
    @Test func parsesWhatSSHPrints() {
        let output = """
            user me
            hostname Server.Example
            port 2222
            addressfamily inet
            identitiesonly yes
            stricthostkeychecking accept-new
            identityfile ~/.ssh/%r_%h
            identityfile /k/100%%
            globalknownhostsfile /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2
            userknownhostsfile /root/a b /root/.c
            connecttimeout none
            proxyjump a@b:2201,c@d:22
            something else

            """
        var configuration = SSHConfiguration(parsing: Array(output.utf8), for: HostAddress(host: "alias"))
        #expect(configuration.user == "me" && configuration.port == 2222 && configuration.alias == "alias")
        #expect(configuration.addressFamily == .inet && configuration.identitiesOnly && configuration.strictHostKeyChecking == .acceptNew)
        #expect(configuration.identityFiles == ["\(Environment.home)/.ssh/me_Server.Example", "/k/100%"])
        #expect(configuration.userKnownHostsFiles == ["/root/a b", "/root/.c"])
        #expect(configuration.connectTimeoutSeconds == nil)
        #expect(configuration.knownHostsName == "[server.example]:2222")
        #expect(
            configuration.transportCommand(configFile: "/f")?.suffix(10).joined(separator: " ")
                == "-F /f -l c -p 22 -J a@b:2201 -W Server.Example:2222 d".split(separator: " ").suffix(10).joined(separator: " "))
        configuration.hostKeyAlias = "Name"
        #expect(configuration.knownHostsName == "name")
        configuration.proxyCommand = "nc %h %p %% %x"
        #expect(configuration.transportCommand(configFile: nil)?.last == "exec nc Server.Example 2222 % %x")
    }

    @Test(arguments: [
        ("host", HostAddress(host: "host")), ("me@host", HostAddress(user: "me", host: "host")),
        ("me@corp@host", HostAddress(user: "me@corp", host: "host")),
        ("ssh://me@host:22/", HostAddress(user: "me", host: "host", port: 22)),
        ("ssh://[::1]:2222", HostAddress(host: "::1", port: 2222)), ("me@[::1]", HostAddress(user: "me", host: "::1")),
    ])
    func addresses(text: String, address: HostAddress) throws { #expect(try HostAddress(parsing: text) == address) }

    @Test(arguments: [
        "", "-oProxyCommand=x", "a b", "a;b", "$(x)", "me@", "ssh://h:0", "ssh://h:99999", "ssh://h:x", "[::1", "-l@host", "a'b",
    ])
    func badAddresses(text: String) { #expect(throws: SSHError.self) { try HostAddress(parsing: text) } }
}

@Suite struct SentinelTests {
    static let token = "00112233445566778899aabbccddeeff"

    @Test func cutAtEveryByte() {
        let noise = Array("motd \u{1}\u{2}portal 0011 \u{1}\u{1}".utf8) + [0, 1, 2] + Array("portal other".utf8)
        let line = [1, 2] + Array("portal \(Self.token) need x86_64 12".utf8) + [3, 10]
        let stream = noise + line + [0] + SentinelScanner.opening(token: Self.token) + [1, 2, 3, 0]
        for cut in 0...stream.count {
            for second in cut...stream.count {
                var scanner = SentinelScanner(token: Self.token)
                var events = scanner.feed(stream[..<cut])
                var rest: [UInt8] = []
                for part in [stream[cut..<second], stream[second...]] {
                    if case .opened = events.last { rest += part } else { events += scanner.feed(part) }
                }
                guard events.count == 2, events[0] == .line(Array("need x86_64 12".utf8)), case .opened(let first) = events[1] else {
                    Issue.record("cut at \(cut) and \(second): \(events)")
                    return
                }
                #expect(first + rest == [1, 2, 3, 0])
            }
        }
    }

    @Test func openingNeedsItsZeroAndItsToken() {
        var scanner = SentinelScanner(token: Self.token)
        #expect(scanner.feed(SentinelScanner.opening(token: Self.token).dropFirst()).isEmpty)
        #expect(scanner.feed(SentinelScanner.opening(token: String(Self.token.reversed()))).isEmpty)
        #expect(scanner.feed(SentinelScanner.opening(token: Self.token) + [7]) == [.opened(rest: [7])])
    }

    @Test func noiseIsBounded() {
        var scanner = SentinelScanner(token: Self.token)
        for _ in 0..<100 { _ = scanner.feed([UInt8](repeating: 65, count: 1000)) }
        #expect(scanner.noise.count == SentinelScanner.noiseLimit)
        // A line that never ends is not waited for, and not kept either.
        let endless = [1, 2] + Array("portal \(Self.token) ".utf8) + [UInt8](repeating: 66, count: 100_000)
        #expect(scanner.feed(endless).isEmpty)
        #expect(scanner.noise.count == SentinelScanner.noiseLimit)
        #expect(scanner.feed(SentinelScanner.opening(token: Self.token)) == [.opened(rest: [])])
    }
}

@Suite struct ScriptTests {
    @Test func passesThroughLoginShells() throws {
        let command = try BootstrapScript.command(
            images: FakeExecutor.images(), token: SentinelTests.token, arguments: ["--cwd", "/it's", "a\\b!"])
        #expect(command.hasPrefix("exec /bin/sh -c '") && command.hasSuffix("'"))
        let script = command.dropFirst("exec /bin/sh -c '".count).dropLast()
        #expect(!script.contains("'") && !script.contains("!") && !script.contains("\n") && !script.contains("\\\\"))
        try Tool.run("sh", "-n", "-c", String(script))
    }

    @Test func refusesWhatItCannotQuote() {
        #expect(throws: SSHError.self) { try BootstrapScript.command(images: [], token: "x'; rm", arguments: []) }
        #expect(throws: SSHError.self) { try BootstrapScript.command(images: [], token: "00", arguments: ["line\n"]) }
        let image = ExecutorImage(machine: "vax", sha256Hex: String(repeating: "0", count: 64), size: 1) { fatalError("never asked for") }
        #expect(throws: SSHError.self) { try BootstrapScript.command(images: [image], token: "00", arguments: []) }
    }
}

@Suite struct PrivateKeyFileTests {
    @Test(arguments: [
        ("ed25519", "", "RFC4716", false), ("ed25519", "secret", "RFC4716", true), ("ecdsa", "secret", "PEM", true),
        ("rsa", "", "PEM", false),
        ("rsa", "secret", "PKCS8", true), ("ecdsa", "", "PKCS8", false),
    ])
    func recognized(type: String, passphrase: String, format: String, isEncrypted: Bool) throws {
        let path = "/tmp/portal-test-key-\(newToken())"
        defer { _ = try? Tool.run("rm", "-f", path, path + ".pub") }
        try Tool.run("ssh-keygen", "-q", "-t", type, "-m", format, "-N", passphrase, "-f", path)
        let contents = try #require(Environment.contents(of: path))
        let publicContents = try #require(Environment.contents(of: path + ".pub"))
        let file = try #require(PrivateKeyFile(path: path, contents: contents, publicContents: publicContents))
        #expect(file.isEncrypted == isEncrypted)
        #expect(file.kind == (type == "rsa" ? .rsa : .other))
        #expect(file.publicKey == PrivateKeyFile.publicKey(publicContents))
        if format == "RFC4716" {
            #expect(
                PrivateKeyFile(path: path, contents: contents, publicContents: nil)?.publicKey == PrivateKeyFile.publicKey(publicContents))
        }
        #expect(PrivateKeyFile(path: path, contents: publicContents, publicContents: nil) == nil)
    }
}
