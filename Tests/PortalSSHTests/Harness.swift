import Foundation
import Logging
import NIOCore
import NIOPosix
import TestSupport

@testable import PortalSSH

extension FakeExecutor {
    /// - Parameter script: Another one than its own.
    static func images(
        machines: [String] = ["x86_64", "aarch64"], padding: Int = 0, script: String = FakeExecutor.script
    ) throws -> [ExecutorImage] {
        let bytes = script + "exit\n" + String(repeating: "#", count: padding) + "\n"
        let hash = try hash(of: Data(bytes.utf8))
        return machines.map { machine in
            ExecutorImage(machine: machine, sha256Hex: hash, size: bytes.utf8.count) { ByteBuffer(string: bytes) }
        }
    }
}

/// A person who answers from a list and remembers what was asked.
final class Person: Interaction, @unchecked Sendable {
    // `@unchecked Sendable`: all state is behind the lock.
    private let lock = NSLock()
    private let reply: @Sendable (Question) -> String?
    private var _questions: [Question] = []
    private var _phases: [ConnectPhase] = []

    init(_ reply: @escaping @Sendable (Question) -> String? = { _ in nil }) { self.reply = reply }

    var questions: [Question] { lock.withLock { _questions } }
    var phases: [ConnectPhase] { lock.withLock { _phases } }

    func answer(_ question: Question) async -> String? {
        lock.withLock { _questions.append(question) }
        return reply(question)
    }

    func progress(_ phase: ConnectPhase) { lock.withLock { _phases.append(phase) } }
}

/// Collects what a pipe delivers.
final class Received: @unchecked Sendable {
    // `@unchecked Sendable`: all state is behind the lock.
    private let lock = NSLock()
    private var _bytes: [UInt8] = []
    private var _end: HostPipeEnd?
    private var _writables = 0

    var bytes: [UInt8] { lock.withLock { _bytes } }
    var count: Int { lock.withLock { _bytes.count } }
    var text: String { String(decoding: bytes, as: UTF8.self) }
    var end: HostPipeEnd? { lock.withLock { _end } }
    var writables: Int { lock.withLock { _writables } }

    func start(_ pipe: HostPipe) async throws {
        try await pipe.eventLoop.submit {
            pipe.start(
                onBytes: { bytes in self.lock.withLock { self._bytes += bytes.readableBytesView } },
                onWritable: { self.lock.withLock { self._writables += 1 } },
                onClosed: { end in self.lock.withLock { self._end = end } })
        }.get()
    }
}

func newToken() -> String {
    (0..<16).map { _ in
        let byte = UInt8.random(in: .min ... .max)
        return (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
}

extension TestHost {
    func connect(
        alias: String = "host", person: any Interaction = Person(), images: [ExecutorImage]? = nil, arguments: [String] = [],
        configFile: String? = nil,
        token: String = newToken(), options: ConnectOptions = ConnectOptions(), logger: Logger = Logger(label: "test")
    ) async throws -> HostPipe {
        var options = options
        options.sshConfigFile = configFile ?? self.configFile
        return try await Connector.connect(
            to: HostAddress(parsing: alias), options: options, images: images ?? FakeExecutor.images(), token: token, arguments: arguments,
            interaction: person, on: MultiThreadedEventLoopGroup.singleton.any(), logger: logger)
    }

    /// Everything that the error says, when connecting fails as it should.
    func failure(
        alias: String = "host", person: any Interaction = Person(), images: [ExecutorImage]? = nil, configFile: String? = nil,
        options: ConnectOptions = ConnectOptions(), logger: Logger = Logger(label: "test")
    ) async throws -> SSHError {
        do {
            let pipe = try await connect(
                alias: alias, person: person, images: images, configFile: configFile, options: options, logger: logger)
            pipe.close()
        } catch let error as SSHError {
            return error
        }
        throw TestFailure("connecting should have failed")
    }

    /// The executors in a cache directory, and what else is there.
    func cache(_ directory: String? = nil) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: directory ?? home.path + "/.cache/portal")) ?? []).sorted()
    }
}

extension HostPipe {
    /// Writes from any thread.
    func send(_ text: String) async throws { try await eventLoop.submit { self.write(ByteBuffer(string: text)) }.get() }
}
