import Foundation
import Logging
import NIOCore
import NIOPosix
import PortalLink
import PortalWire
import TestSupport
import Testing

@testable import Portal
@testable import PortalProxy

/// A proxy at its bounds: the client at whom it is waits, or is told or left; all others go on.
@Suite(.serialized) struct ProxyBoundTests {
    private let host: TestHost
    private let loop = MultiThreadedEventLoopGroup.singleton.next()
    private let holder: Holder
    private var proxy: Proxy { holder.proxy }

    /// Ends the proxy with its test.
    private final class Holder: Sendable {
        let proxy: Proxy

        init(_ proxy: Proxy) { self.proxy = proxy }

        deinit { Task { [proxy] in await proxy.giveUp() } }
    }

    init() throws {
        host = try TestHost()
        var configuration = Proxy.Configuration(
            target: try Target("host"), sshConfig: host.configFile, persist: .seconds(60), lingerSeconds: 60)
        // A sixteenth of what it is.
        configuration.clientPendingBytes = ProxyClient.pendingBytesLimit / 16
        holder = Holder(Proxy(configuration: configuration, eventLoop: loop, logger: Logger(label: "test")))
    }

    private func socket() async throws -> Int32 {
        var pair: [Int32] = [-1, -1]
        guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &pair) == 0 else {
            throw TestFailure("no sockets")
        }
        let proxy = proxy
        _ = try await ClientBootstrap(group: loop)
            .channelInitializer { channel in channel.eventLoop.makeCompletedFuture { try proxy.adopt(channel) } }
            .withConnectedSocket(pair[0]).get()
        return pair[1]
    }

    /// A client as the SDK has it.
    private func workspace() async throws -> Workspace {
        let connection = ProxyConnection(options: ConnectionOptions())
        try await ProxyLink.open(.descriptor(try await socket()), for: connection)
        return Workspace(target: try Target("host"), connection: connection)
    }

    /// A client that speaks the protocol and does as it likes. Confined to its test.
    private final class Peer {
        let descriptor: Int32
        private var endpoint = LinkEndpoint(isCounting: false)
        private(set) var first: UInt64 = 0
        private(set) var goodbye: String?
        /// Requests that have an answer.
        private(set) var answered: Set<UInt64> = []

        init(_ descriptor: Int32) throws {
            self.descriptor = descriptor
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            guard write(Message.hello(Hello(build: Array("test".utf8))).frame().bytes) else { throw TestFailure("no hello is taken") }
            guard waitUntil(seconds: 10, { first > 0 || !read() }), first > 0 else { throw TestFailure("no hello") }
        }

        deinit { close(descriptor) }

        /// False where the proxy does not take it for a second, or is gone.
        func write(_ bytes: [UInt8]) -> Bool {
            var sent = 0
            while sent < bytes.count {
                let count = bytes[sent...].withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                if count > 0 { sent += count }
                guard count < 0 else { continue }
                var entry = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                guard errno == EAGAIN, poll(&entry, 1, 1000) > 0, entry.revents & Int16(POLLERR | POLLHUP) == 0 else { return false }
            }
            return true
        }

        /// Takes what is there. False at the end.
        func read() -> Bool {
            var buffer = [UInt8](repeating: 0, count: 65536)
            let count = recv(descriptor, &buffer, buffer.count, 0)
            guard count > 0 else { return count < 0 && errno == EAGAIN }
            buffer[..<count].withUnsafeBytes { endpoint.receive($0) }
            do throws(LinkError) {
                while let event = try endpoint.nextEvent() {
                    switch event {
                    case .hello(let hello, _): first = hello.identifiers?.first ?? 0
                    case .message(.result(let id, _), _), .message(.failure(let id, _), _): answered.insert(id)
                    default: break
                    }
                }
            } catch {
                goodbye = String(decoding: error.text, as: UTF8.self)
            }
            return true
        }
    }

    @Test func openRequests() async throws {
        host.freeze()
        defer { host.thaw() }
        let peer = try Peer(try await socket())
        for index in 0...UInt64(Limits.openRequests) {
            #expect(peer.goodbye == nil)
            _ = peer.write(Request.frame(id: peer.first + index, operation: OperationNames.proxyConnect) { _ in }.bytes)
        }
        #expect(await eventually(seconds: 20) { !peer.read() })
        #expect(peer.goodbye == "too many open requests")
        // Nobody else is concerned.
        let other = try await workspace()
        #expect(try await other.status().requests == 0)
        host.thaw()
        #expect(try await other.host().userIdentifier == UInt64(getuid()))
    }

    /// A client that asks for more than the host, which cannot be reached yet, could take.
    @Test func whatWaitsForALink() async throws {
        host.freeze()
        let peer = try Peer(try await socket())
        let piece = [UInt8](repeating: 0x78, count: Limits.initialCredit)
        var sent: UInt64 = 0
        func next() -> [UInt8] {
            Request.frame(id: peer.first + sent, operation: "fs.write", payload: piece) { writer in
                writer.member("path", bytes: Array("/nowhere/file".utf8))
            }.bytes
        }
        while sent < 200, peer.write(next()) { sent += 1 }
        let taken = Int(sent) * piece.count
        #expect(taken >= ProxyClient.waitingBytesLimit - piece.count && taken < ProxyClient.waitingBytesLimit + 4 * piece.count, "\(taken)")
        let other = try await workspace()
        #expect(try await other.status().state == .connecting, "it answers others")
        host.thaw()
        #expect(await eventually(seconds: 30) { peer.read() && peer.answered.count >= sent })
        #expect(try await other.host().userIdentifier == UInt64(getuid()))
    }

    /// A client that takes nothing is left when it has too much to take. Its credit comes right behind its requests, and counts.
    @Test func whatWaitsForAClient() async throws {
        let other = try await workspace()
        _ = try await other.host()
        let peer = try Peer(try await socket())
        for index in 0..<3 {
            let id = peer.first + UInt64(index)
            let start = Request.frame(id: id, operation: "process.start") { writer in
                writer.member("shell", string: "exec head -c 4194304 /dev/zero")
                writer.member("login", flag: false)
            }
            let credit = Message.credit(id: id, bytes: UInt64(Limits.maximumCredit - Limits.initialCredit)).frame()
            #expect(peer.write(start.bytes + credit.bytes))
        }
        // What it has asked for goes on for a while, and it reads nothing of that.
        #expect(
            await eventually(seconds: 60) {
                var entry = pollfd(fd: peer.descriptor, events: 0, revents: 0)
                poll(&entry, 1, 0)
                return entry.revents & Int16(POLLHUP) != 0
            })
        #expect(try await other.status().clients == 1)
        #expect(try await other.run(RemoteCommand(shell: "echo on")).output == Array("on\n".utf8))
    }

    /// A proxy that may open no more files takes no more clients; when it may again, it does.
    @Test func descriptors() async throws {
        let portal = try PortalProgram(host)
        let first = try await portal.exec("true")
        #expect(first.status == 0, "\(first.errors)")
        let proxy = try await portal.proxyProcess()
        let files = try FileManager.default.contentsOfDirectory(atPath: portal.runtime.path)
        let path = portal.runtime.appendingPathComponent(try #require(files.first { $0.hasSuffix(".sock") })).path
        let most = (FoundProcess(proxy)?.descriptors ?? 0) + 4
        try Tool.run("prlimit", "--pid", "\(proxy)", "--nofile=\(most):\(most)")
        var clients: [Int32] = []
        for _ in 0..<16 {
            let client = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            clients.append(client)
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            let isConnected = withUnsafePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(client, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
                }
            }
            #expect(isConnected)
        }
        #expect(await eventually(seconds: 10) { FoundProcess(proxy)?.descriptors ?? 0 >= most })
        let waiting = Task { try await portal.exec("echo", "served") }
        for client in clients { close(client) }
        #expect(try await waiting.value.text == "served\n")
        #expect(try await portal.proxyProcess() == proxy)
    }
}
