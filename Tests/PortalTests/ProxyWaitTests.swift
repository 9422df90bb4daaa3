import Foundation
import Logging
import NIOCore
import NIOPosix
import PortalSSH
import PortalWire
import TestSupport
import Testing

@testable import Portal
@testable import PortalProxy

/// What a proxy waits for, each time in vain: Docs/waits.md has the times, and these are shorter.
@Suite(.serialized) struct ProxyWaitTests {
    private let host: TestHost

    init() throws { host = try TestHost() }

    // MARK: An executor that does not do what it should

    /// A link to an executor that a script plays. Everything is touched on its loop only.
    private final class Stage: @unchecked Sendable {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        private var link: HostLink!
        private(set) var lost: [String] = []

        init(_ host: TestHost, waits: ProxyWaits, script: String) throws {
            let bytes = Data(script.utf8)
            let hash = try FakeExecutor.hash(of: bytes)
            let images = ["x86_64", "aarch64"].map { machine in
                ExecutorImage(machine: machine, sha256Hex: hash, size: bytes.count) { ByteBuffer(bytes: bytes) }
            }
            var options = ConnectOptions()
            options.sshConfigFile = host.configFile
            let (loop, made) = (loop, options)
            link = HostLink(
                eventLoop: loop, lingerSeconds: 0, waits: waits, store: nil, logger: Logger(label: "test"),
                connect: { arguments, _ in
                    try await Connector.connect(
                        to: HostAddress(host: "host"), options: made, images: images, token: String(repeating: "0", count: 32),
                        arguments: arguments, interaction: NoInteraction(), on: loop, logger: Logger(label: "test"))
                },
                handler: { [unowned self] event in if case .lost(let reason) = event { lost.append(reason) } })
        }

        func run<Value: Sendable>(_ body: @escaping @Sendable (HostLink) -> Value) async throws -> Value {
            try await loop.submit { body(self.link) }.get()
        }

        var losses: [String] { get async throws { try await loop.submit { self.lost }.get() } }
    }

    @Test func theExecutorsHello() async throws {
        var waits = ProxyWaits()
        waits.hello = .milliseconds(200)
        let stage = try Stage(host, waits: waits, script: FakeExecutor.script)
        try await stage.run { $0.connect() }
        #expect(await eventually(seconds: 20) { (try? await stage.losses.isEmpty) == false })
        #expect(try await stage.losses.first?.contains("said no hello") == true)
    }

    @Test func theEndOfASession() async throws {
        var hello = Hello(build: Array("test".utf8))
        hello.session = Array("9f86d081884c7d659a2feaa0c55ad015".utf8)
        hello.epoch = Array("00".utf8)
        hello.host = HostFacts(
            system: [0x78], machine: [0x78], release: [0x78], name: [0x78], user: [0x78], userIdentifier: 0, home: [0x2F],
            directory: [0x2F], boot: [])
        let bytes = Message.hello(hello).frame().bytes.map { "\\" + String(UInt32($0) + 0o1000, radix: 8).suffix(3) }.joined()
        let script = FakeExecutor.script.replacingOccurrences(of: "exec cat", with: "printf '\(bytes)'; exec sleep 4901")
        var waits = ProxyWaits()
        waits.sessionEnd = .milliseconds(300)
        let stage = try Stage(host, waits: waits, script: script)
        try await stage.run { $0.connect() }
        #expect(await eventually(seconds: 20) { (try? await stage.run { $0.isReady }) == true })
        let begun = ContinuousClock.now
        let closed = stage.loop.makePromise(of: Void.self)
        try await stage.run { $0.close(ending: true) { closed.succeed(()) } }
        try await closed.futureResult.get()
        let time = ContinuousClock.now - begun
        #expect(time > .milliseconds(290) && time < .seconds(4), "\(time)")
    }

    // MARK: A proxy that nobody uses

    /// A proxy with one client that has been served.
    private func served(persist: TimeAmount, waits: ProxyWaits) async throws -> (proxy: Proxy, client: ProxyConnection) {
        var configuration = Proxy.Configuration(target: try Target("host"), sshConfig: host.configFile, persist: persist, lingerSeconds: 60)
        configuration.waits = waits
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair) == 0 else {
            throw TestFailure("no sockets")
        }
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let proxy = Proxy(configuration: configuration, eventLoop: loop, logger: Logger(label: "test"))
        _ = try await ClientBootstrap(group: loop)
            .channelInitializer { channel in channel.eventLoop.makeCompletedFuture { try proxy.adopt(channel) } }
            .withConnectedSocket(pair[0]).get()
        let connection = ProxyConnection(options: ConnectionOptions())
        try await ProxyLink.open(.descriptor(pair[1]), for: connection)
        _ = try await Workspace(target: try Target("host"), connection: connection).host()
        return (proxy, connection)
    }

    @Test func aClient() async throws {
        let (proxy, client) = try await served(persist: .milliseconds(300), waits: ProxyWaits())
        let begun = ContinuousClock.now
        client.close()
        try await proxy.end.get()
        let time = ContinuousClock.now - begun
        #expect(time > .milliseconds(290) && time < .seconds(10), "\(time)")
        #expect(await eventually(seconds: 10) { ExecTests.executors(of: host) == 0 })
    }

    /// The host does not say whether anything runs there, nor does it end the session.
    @Test func theAnswerOfAHostThatHangs() async throws {
        var waits = ProxyWaits()
        waits.idleAnswer = .milliseconds(400)
        waits.sessionEnd = .milliseconds(100)
        let (proxy, client) = try await served(persist: .milliseconds(100), waits: waits)
        host.freeze()
        defer { host.thaw() }
        let begun = ContinuousClock.now
        client.close()
        try await proxy.end.get()
        let time = ContinuousClock.now - begun
        #expect(time > .milliseconds(490) && time < .seconds(10), "\(time)")
    }
}
