import Foundation
import Logging
import NIOCore
import TestSupport
import Testing

@testable import PortalSSH

/// What connecting waits for, each time in vain: Docs/waits.md has the times, and these are shorter.
@Suite struct WaitTests {
    /// Does something when a step of connecting begins.
    private struct StepObserver: LogHandler {
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.debug
        let action: @Sendable (String) -> Void

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { action("\(event.message)") }

        static func logger(_ action: @escaping @Sendable (String) -> Void) -> Logger {
            Logger(label: "steps") { _ in StepObserver(action: action) }
        }
    }

    /// Does something when a phase of connecting begins, and answers no question, ever.
    private struct Absent: Interaction {
        var action: @Sendable (ConnectPhase) -> Void = { _ in }

        func answer(_ question: Question) async -> String? {
            try? await Task.sleep(for: .seconds(1000))
            return nil
        }

        func progress(_ phase: ConnectPhase) { action(phase) }
    }

    /// An ssh_config in which the host is reached by other means.
    private func config(_ host: TestHost, _ lines: String...) throws -> String {
        let path = host.directory.appendingPathComponent("config-\(UUID().uuidString.prefix(8))").path
        let own = try String(contentsOfFile: host.configFile, encoding: .utf8).split(separator: "\n").dropFirst()
        try Data(("Host host\n" + (lines + own.map(String.init)).joined(separator: "\n") + "\n").utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// An ssh_config in which the host is reached by what a shell's text prints.
    private func config(_ host: TestHost, proxyCommand: String) throws -> String {
        let script = host.directory.appendingPathComponent("proxy.sh").path
        try Data((proxyCommand + "\n").utf8).write(to: URL(fileURLWithPath: script))
        return try config(host, "ProxyCommand sh \(script)")
    }

    // MARK: Reaching it

    @Test func theConfiguration() async throws {
        let host = try TestHost()
        let file = try config(host, "Match exec \"sleep 4801\"")
        var options = ConnectOptions()
        options.configurationTimeout = .seconds(1)
        let error = try await host.failure(configFile: file, options: options)
        #expect(error.code == .timedOut && error.message.contains("ssh -G"), "\(error)")
        #expect(await eventually(seconds: 5) { Tool.descendants(of: getpid()).allSatisfy { Tool.commandLine(of: $0) != "sleep 4801 " } })
    }

    @Test func theNameOfTheHost() async throws {
        let host = try TestHost()
        let isOver = DispatchSemaphore(value: 0)
        defer { isOver.signal() }
        var options = ConnectOptions()
        options.connectTimeout = .milliseconds(300)
        options.lookUp = { _, _, _ in
            isOver.wait()
            return .success([])
        }
        let error = try await host.failure(options: options)
        #expect(error.code == .timedOut && error.message.contains("was not resolved"), "\(error)")
    }

    /// A server whose queue is full does not answer, as one behind a firewall that drops what comes.
    @Test func theAddress() async throws {
        let host = try TestHost()
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(listener) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        var waiting: [Int32] = []
        defer { for descriptor in waiting { close(descriptor) } }
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                #expect(bind(listener, name, length) == 0 && listen(listener, 0) == 0 && getsockname(listener, name, &length) == 0)
                for _ in 0..<4 {
                    let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
                    _ = connect(client, name, length)
                    waiting.append(client)
                }
            }
        }
        let file = try config(host, "Port \(address.sin_port.bigEndian)", "ConnectTimeout 1")
        let error = try await host.failure(configFile: file)
        #expect(error.code == .timedOut && error.message.contains("does not answer within 1 s"), "\(error)")
    }

    /// It ends, and something that it left behind could yet say why.
    @Test func whatAProxyCommandHasToSay() async throws {
        let host = try TestHost()
        let begun = ContinuousClock.now
        // It must have left the group that is ended.
        let script = """
            echo why >&2; setsid sh -c 'echo >"$0.left"; exec sleep 5' "$0" >&- <&- &
            read -r banner; until [ -e "$0.left" ]; do :; done; exec >&- <&-
            """
        let error = try await host.failure(configFile: try config(host, proxyCommand: script))
        let time = ContinuousClock.now - begun
        #expect(error.message.contains("why"), "\(error)")
        #expect(time > .seconds(2) && time < .seconds(5), "\(time), \(error)")
    }

    /// It ignores that it is told to end.
    @Test func theEndOfAProxyCommand() async throws {
        let host = try TestHost()
        var options = ConnectOptions()
        options.handshakeTimeout = .milliseconds(300)
        func isThere() -> Bool { Tool.descendants(of: getpid()).contains { Tool.commandLine(of: $0).contains("4803") } }
        let error = try await host.failure(
            configFile: try config(host, proxyCommand: "trap '' TERM; sleep 4803; sleep 4803"),
            options: options)
        #expect(error.code == .timedOut && isThere(), "\(error)")
        #expect(await eventually(seconds: 5) { !isThere() })
    }

    // MARK: Logging in

    @Test func anAnswerToALogin() async throws {
        let host = try TestHost()
        defer { host.thaw() }
        var options = ConnectOptions()
        options.authenticationStepTimeout = .milliseconds(300)
        let person = Absent { if case .authenticating = $0 { host.freeze() } }
        let error = try await host.failure(person: person, options: options)
        #expect(error.code == .timedOut && !error.message.contains("keys with"), "\(error)")
    }

    /// One that takes a connection and says nothing; the key that a file has is tried instead.
    @Test func anAgentThatSaysNothing() async throws {
        let host = try TestHost()
        let agent = try Agent(path: host.directory.appendingPathComponent("agent").path, key: nil)
        var options = ConnectOptions()
        options.authenticationStepTimeout = .milliseconds(1000)
        try await host.connect(configFile: try config(host, "IdentityAgent \(agent.path)"), options: options).close()
        #expect(host.logins == 1 && agent.requests == [11])
    }

    /// One that waits for its user to agree.
    @Test func anAgentThatDoesNotSign() async throws {
        let host = try TestHost()
        let text = try String(contentsOfFile: host.keyFile.path + ".pub", encoding: .utf8)
        let key = try #require(decodeBase64(text.split(separator: " ")[1].utf8))
        let agent = try Agent(path: host.directory.appendingPathComponent("agent").path, key: key)
        var options = ConnectOptions()
        options.agentSignatureTimeout = .milliseconds(300)
        let file = try config(host, "IdentityAgent \(agent.path)")
        _ = try? await host.connect(configFile: file, options: options).close()
        #expect(agent.requests == [11, 13])
    }

    @Test func anAnswerToAQuestion() async throws {
        var options = TestHost.Options()
        options.isKnown = false
        let host = try TestHost(options)
        var connect = ConnectOptions()
        connect.answerTimeout = .milliseconds(300)
        let error = try await host.failure(person: Absent(), options: connect)
        #expect(error.code == .timedOut && error.message.contains("Nobody answered"), "\(error)")
    }

    // MARK: Starting

    @Test(arguments: ["Opening a channel", "Starting a command"]) func theChannelAndTheCommand(step: String) async throws {
        let host = try TestHost()
        defer { host.thaw() }
        var options = ConnectOptions()
        options.channelTimeout = .milliseconds(300)
        let error = try await host.failure(options: options, logger: StepObserver.logger { if $0 == step { host.freeze() } })
        #expect(error.code == .timedOut && error.message.hasPrefix(step), "\(error)")
    }

    /// It closes its output and stays: how it ends is not waited for.
    @Test func theStatusOfTheExecutor() async throws {
        let host = try TestHost()
        let script = FakeExecutor.script.replacingOccurrences(of: "exec cat ;;", with: "exec >&- 2>&-; exec sleep 4804 ;;")
        let pipe = try await host.connect(images: try FakeExecutor.images(script: script))
        let received = Received()
        let begun = ContinuousClock.now
        try await received.start(pipe)
        #expect(await eventually(seconds: 10) { received.end != nil })
        #expect(received.end?.exitStatus == nil && received.end?.reason == "the executor closed its output", "\(received.end as Any)")
        #expect(ContinuousClock.now - begun > .seconds(1))
    }
}

/// An ssh-agent with at most one key, which it never signs with; without one, it never answers.
///
/// `@unchecked Sendable`: what it was asked is behind the lock, the rest is constant.
private final class Agent: @unchecked Sendable {
    let path: String
    private let listener: Int32
    private let lock = NSLock()
    private var types: [UInt8] = []

    /// The types of the requests that came.
    var requests: [UInt8] { lock.withLock { types } }

    init(path: String, key: [UInt8]?) throws {
        self.path = path
        listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let isBound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0 }
        }
        guard isBound, listen(listener, 8) == 0 else { throw TestFailure("no agent at \(path)") }
        let accepting = listener
        Thread.detachNewThread { [weak self] in
            while case let connection = accept(accepting, nil, nil), connection >= 0 {
                self?.serve(connection, key)
                close(connection)
            }
        }
    }

    deinit {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private func serve(_ connection: Int32, _ key: [UInt8]?) {
        func take(_ count: Int) -> [UInt8]? {
            var bytes = [UInt8](repeating: 0, count: count)
            return recv(connection, &bytes, count, Int32(MSG_WAITALL)) == count ? bytes : nil
        }
        while let length = take(4), let body = take(length.reduce(0) { $0 << 8 | Int($1) }), let type = body.first {
            lock.withLock { types.append(type) }
            guard type == 11, let key else { continue }
            var answer = SSHWriter()
            answer.number(1)
            answer.string(key)
            answer.string(Array("test".utf8))
            var framed = SSHWriter()
            framed.string([12] + answer.bytes)
            _ = framed.bytes.withUnsafeBytes { send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
        }
    }
}
