import Foundation
import NIOCore
import TestSupport
import Testing

@testable import PortalSSH

@Suite struct StreamTests {
    /// Writes `total` bytes of a counting pattern as fast as the pipe's own marks allow.
    private func sendPattern(_ total: Int, _ pipe: HostPipe, _ sent: Sent) {
        var offset = sent.offset
        while offset < total, pipe.pendingBytes < 512 << 10 {
            let start = offset % Self.period
            let count = min(50_001, total - offset)
            pipe.write(ByteBuffer(bytes: Self.pattern[start..<start + count]))
            offset += count
        }
        sent.offset = offset
    }

    private static let period = 65536
    /// Long enough for a piece that begins anywhere in its first period.
    private static let pattern: [UInt8] = (0..<3 * period).map { UInt8(truncatingIfNeeded: $0 % period &* 31 &+ $0 % period >> 8) }

    /// `@unchecked Sendable`: touched on the pipe's loop, and read elsewhere only through it.
    private final class Sent: @unchecked Sendable {
        var offset = 0
        var received = 0
        var wrong = -1
        var end: HostPipeEnd?
    }

    @Test func rekeyingWhileMegabytesGoBothWays() async throws {
        var options = TestHost.Options()
        options.sshd = ["RekeyLimit 8M"]
        let host = try TestHost(options)
        let pipe = try await host.connect()
        let total = 60 << 20
        let sent = Sent()
        try await pipe.eventLoop.submit {
            pipe.start(
                onBytes: { bytes in
                    let start = sent.received % Self.period
                    let isRight = bytes.withUnsafeReadableBytes { received in
                        Self.pattern[start...].withUnsafeBytes {
                            $0.count >= received.count && memcmp($0.baseAddress!, received.baseAddress!, received.count) == 0
                        }
                    }
                    if !isRight, sent.wrong < 0 { sent.wrong = sent.received }
                    sent.received += bytes.readableBytes
                    // pendingBytes is asked again as the echo comes back.
                    self.sendPattern(total, pipe, sent)
                },
                onWritable: { self.sendPattern(total, pipe, sent) },
                onClosed: { sent.end = $0 })
            self.sendPattern(total, pipe, sent)
        }.get()
        let arrived = await eventually(seconds: 120) {
            (try? await pipe.eventLoop.submit { sent.received >= total || sent.end != nil }.get()) ?? true
        }
        let state = try await pipe.eventLoop.submit { (sent.received, sent.wrong, sent.end) }.get()
        #expect(arrived && state.0 == total && state.1 == -1, "\(state)")
        pipe.close()
    }

    @Test func pausingClosesTheWindow() async throws {
        let host = try TestHost()
        var options = ConnectOptions()
        options.receiveWindow = 256 << 10
        let pipe = try await host.connect(options: options)
        let received = Received()
        try await received.start(pipe)
        let total = 8 << 20
        try await pipe.eventLoop.submit {
            pipe.pauseReading()
            pipe.write(ByteBuffer(repeating: 7, count: total))
            #expect(pipe.pendingBytes > 512 << 10)
        }.get()
        // The echo has nowhere to go: the far side stops reading, and so this side stops sending.
        var last = -1
        #expect(
            await eventually(seconds: 20) {
                let pending = (try? await pipe.eventLoop.submit { pipe.pendingBytes }.get()) ?? 0
                defer { last = pending }
                try? await Task.sleep(for: .milliseconds(200))
                return pending == last && pending > 0
            })
        #expect(received.count == 0 && received.writables == 0)
        try await pipe.eventLoop.submit { pipe.resumeReading() }.get()
        #expect(await eventually(seconds: 20) { received.count == total }, "\(received.count)")
        #expect(received.writables == 1)
        pipe.close()
        #expect(await eventually(seconds: 5) { received.end?.reason == "closed here" })
    }

    /// A writer that stops exactly at the high mark is told to go on too.
    @Test func writableIsToldAtTheMark() async throws {
        let host = try TestHost()
        let pipe = try await host.connect()
        let received = Received()
        try await received.start(pipe)
        try await pipe.eventLoop.submit {
            while pipe.pendingBytes < 512 << 10 { pipe.write(ByteBuffer(repeating: 1, count: 32 << 10)) }
            #expect(pipe.pendingBytes == 512 << 10)
        }.get()
        #expect(await eventually(seconds: 10) { received.writables == 1 })
        pipe.close()
    }

    @Test func oneSessionIsEnough() async throws {
        var options = TestHost.Options()
        options.sshd = ["MaxSessions 1", "DisableForwarding yes"]
        let host = try TestHost(options)
        let pipe = try await host.connect()
        let received = Received()
        try await received.start(pipe)
        try await pipe.send("x")
        #expect(await eventually(seconds: 10) { received.text == "x" })
        pipe.close()
        #expect(host.logins == 1)
    }

    @Test func serverKilledMidStream() async throws {
        let host = try TestHost()
        let pipe = try await host.connect()
        let received = Received()
        try await received.start(pipe)
        try await pipe.send("before")
        #expect(await eventually(seconds: 10) { received.text == "before" })
        host.stop()
        #expect(await eventually(seconds: 5) { received.end != nil })
        #expect(received.end?.exitStatus == nil && received.end?.reason.contains("closed") == true, "\(String(describing: received.end))")
        // Nothing traps after the end.
        try await pipe.send("after")
        pipe.close()
    }

    @Test func statusAndStandardErrorOfTheExecutor() async throws {
        let host = try TestHost()
        let script = FakeExecutor.script.replacingOccurrences(of: "exec cat", with: "read line; echo \"last words\" >&2; exit $line")
        let file = host.directory.appendingPathComponent("image").path
        try Data(script.utf8).write(to: URL(fileURLWithPath: file))
        let hash = String(try Tool.run("sha256sum", file).prefix(64))
        let images = ["x86_64", "aarch64"].map { machine in
            ExecutorImage(machine: machine, sha256Hex: hash, size: script.utf8.count) { ByteBuffer(string: script) }
        }
        let pipe = try await host.connect(images: images)
        let received = Received()
        try await received.start(pipe)
        try await pipe.send("7\n")
        #expect(await eventually(seconds: 10) { received.end != nil })
        #expect(received.end?.exitStatus == 7)
        #expect(received.end.map { String(decoding: $0.stderrTail, as: UTF8.self) } == "last words\n")
    }

    @Test func endBeforeStartIsNotLost() async throws {
        let host = try TestHost()
        let pipe = try await host.connect()
        host.stop()
        let received = Received()
        try await received.start(pipe)
        #expect(await eventually(seconds: 5) { received.end != nil })
    }

    @Test func closeIsBoundedWhenTheHostIsFrozen() async throws {
        let host = try TestHost()
        let pipe = try await host.connect()
        let received = Received()
        try await received.start(pipe)
        host.freeze()
        defer { host.thaw() }
        try await pipe.eventLoop.submit { pipe.write(ByteBuffer(repeating: 1, count: 64 << 20)) }.get()
        pipe.close()
        #expect(await eventually(seconds: 4) { received.end != nil })
    }
}

@Suite struct TransportTests {
    @Test func refusedAndUnknown() async throws {
        let host = try TestHost()
        let port = host.port
        host.stop()
        let refused = try await host.failure()
        #expect(refused.code == .refused && refused.message.contains("port \(port)"), "\(refused)")
        let unknown = try await host.failure(alias: "no-such-host.invalid")
        #expect(unknown.code == .unknownHost && unknown.message.contains("no-such-host.invalid"), "\(unknown)")
        let file = try await host.failure(configFile: "/nonexistent/config")
        #expect(file.code == .badConfiguration, "\(file)")
    }

    @Test func notAnSSHServer() async throws {
        let host = try TestHost()
        host.freeze()
        defer { host.thaw() }
        var options = ConnectOptions()
        options.handshakeTimeout = .milliseconds(500)
        let error = try await host.failure(options: options)
        #expect(error.code == .timedOut && error.message.contains("Negotiating keys"), "\(error)")
    }

    @Test func proxyCommand() async throws {
        let host = try TestHost()
        let config = host.directory.appendingPathComponent("proxied").path
        // bash's /dev/tcp is the nc that every developer machine has.
        let script = host.directory.appendingPathComponent("relay").path
        try Data("exec 3<>/dev/tcp/$1/$2; cat <&3 & cat >&3; kill $!\n".utf8).write(to: URL(fileURLWithPath: script))
        let text = try String(contentsOfFile: host.configFile, encoding: .utf8).replacingOccurrences(
            of: "HostName 127.0.0.1", with: "HostName 127.0.0.1\n  ProxyCommand bash \(script) %h %p")
        try Data(text.utf8).write(to: URL(fileURLWithPath: config))
        let pipe = try await host.connect(configFile: config)
        let received = Received()
        try await received.start(pipe)
        try await pipe.send("through")
        #expect(await eventually(seconds: 10) { received.text == "through" })
        pipe.close()

        try Data(text.replacingOccurrences(of: "bash \(script) %h %p", with: "sh -c 'echo no way >&2; exit 1'").utf8).write(
            to: URL(fileURLWithPath: config))
        let error = try await host.failure(configFile: config)
        #expect(error.code == .disconnected && error.message.contains("no way"), "\(error)")
    }

    @Test func proxyJump() async throws {
        let host = try TestHost()
        let bastion = try TestHost()
        let config = host.directory.appendingPathComponent("jump").path
        let target = try String(contentsOfFile: host.configFile, encoding: .utf8).replacingOccurrences(
            of: "HostName", with: "ProxyJump bastion\n  HostName")
        let jump = try String(contentsOfFile: bastion.configFile, encoding: .utf8).replacingOccurrences(
            of: "Host host", with: "Host bastion")
        try Data((target + "\n" + jump).utf8).write(to: URL(fileURLWithPath: config))
        let pipe = try await host.connect(configFile: config)
        let received = Received()
        try await received.start(pipe)
        try await pipe.send("through")
        #expect(await eventually(seconds: 10) { received.text == "through" })
        #expect(bastion.logins == 1 && host.logins == 1)
        pipe.close()
        // The jump's ssh ends with the pipe.
        #expect(await eventually(seconds: 5) { Tool.descendants(of: getpid()).allSatisfy { !Tool.commandLine(of: $0).contains(config) } })
    }

    @Test func cancelling() async throws {
        let host = try TestHost()
        host.freeze()
        defer { host.thaw() }
        let person = Person()
        let connecting = Task { try await host.failure(person: person) }
        let isConnected: @Sendable () -> Bool = {
            person.phases.contains { if case .keyExchange(let origin) = $0 { origin != nil } else { false } }
        }
        #expect(await eventually(seconds: 10) { isConnected() }, "\(person.phases)")
        connecting.cancel()
        #expect(try await connecting.value.code == .cancelled)
    }
}
