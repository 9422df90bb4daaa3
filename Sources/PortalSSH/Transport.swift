import Logging
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The byte pipe below SSH: a TCP connection, or a command on a socket pair.
enum Transport {
    /// A connected channel with `link` in its pipeline.
    static func connect(
        _ configuration: SSHConfiguration, _ options: ConnectOptions, link: Link, logger: Logger
    ) async throws(SSHError) -> any Channel {
        if let command = configuration.transportCommand(configFile: options.sshConfigFile) {
            return try await run(command, configuration, link: link, logger: logger)
        }
        let limit = options.connectTimeout ?? .seconds(Int64(configuration.connectTimeoutSeconds ?? 15))
        let addresses = try await resolve(configuration, limit, with: options.lookUp, on: link.eventLoop)
        var last = SSHError(.unknownHost, "\(configuration.hostName) has no address.")
        // One after the other, as ssh does; a host whose first address is dead still has its others.
        for address in addresses {
            do {
                return try await PatientConnect.connect(to: address, within: limit, handler: link, on: link.eventLoop)
            } catch {
                last = describe(error, configuration, address, limit)
                logger.debug("An address does not answer", metadata: ["address": "\(address)", "error": "\(error)"])
            }
            if Task.isCancelled { throw SSHError(.cancelled, "Connecting to \(configuration.alias) was cancelled.") }
        }
        throw last
    }

    private static func describe(
        _ error: any Error, _ configuration: SSHConfiguration, _ address: SocketAddress, _ limit: TimeAmount
    ) -> SSHError {
        let place = "\(configuration.hostName) port \(configuration.port)"
        let ip = address.ipAddress ?? "?"
        if case ChannelError.connectTimeout = error {
            return SSHError(
                .timedOut,
                "\(place) (\(ip)) does not answer within \(limit.nanoseconds / 1_000_000_000) s. Is the host up and the network (VPN) too?")
        }
        guard let error = error as? IOError else { return SSHError(.unreachable, "Connecting to \(place) (\(ip)) failed: \(error).") }
        let why = String(cString: strerror(error.errnoCode))
        if error.errnoCode == ECONNREFUSED {
            return SSHError(.refused, "\(place) (\(ip)) refuses the connection: no SSH server listens there. Is the port right?")
        }
        return SSHError(error.errnoCode == ETIMEDOUT ? .timedOut : .unreachable, "\(place) (\(ip)) cannot be reached: \(why).")
    }

    // MARK: Names

    private static func resolve(
        _ configuration: SSHConfiguration, _ limit: TimeAmount, with lookUp: @escaping LookUp, on eventLoop: any EventLoop
    ) async throws(SSHError) -> [SocketAddress] {
        let name = configuration.hostName
        let port = configuration.port
        let family = configuration.addressFamily
        let result = await withDeadline(limit, on: eventLoop) { () -> Result<[SocketAddress], SSHError> in
            let lookup = try? await NIOThreadPool.singleton.runIfActive { lookUp(name, port, family) }
            return lookup ?? .failure(SSHError(.internal, "The thread pool for name lookups is shut down."))
        }
        guard let result else {
            throw SSHError(
                .timedOut, "The name \(name) was not resolved within \(limit.nanoseconds / 1_000_000_000) s. Does the name server answer?")
        }
        return try result.get()
    }

    typealias LookUp = @Sendable (String, Int, SSHConfiguration.AddressFamily) -> Result<[SocketAddress], SSHError>

    @Sendable static func lookUp(
        _ name: String, _ port: Int, _ family: SSHConfiguration.AddressFamily
    ) -> Result<[SocketAddress], SSHError> {
        var hints = addrinfo()
        hints.ai_family =
            switch family {
            case .any: AF_UNSPEC
            case .inet: AF_INET
            case .inet6: AF_INET6
            }
        #if canImport(Glibc)
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
            hints.ai_socktype = SOCK_STREAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        let code = getaddrinfo(name, String(port), &hints, &list)
        guard code == 0 else {
            return .failure(
                SSHError(
                    .unknownHost,
                    "The name \(name) does not resolve: \(String(cString: gai_strerror(code))). Is it spelled as in your ssh configuration?"
                ))
        }
        defer { freeaddrinfo(list) }
        var addresses: [SocketAddress] = []
        var next = list
        while let entry = next {
            next = entry.pointee.ai_next
            guard let address = entry.pointee.ai_addr else { continue }
            switch entry.pointee.ai_family {
            case AF_INET:
                address.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { addresses.append(SocketAddress($0.pointee, host: name)) }
            case AF_INET6:
                address.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { addresses.append(SocketAddress($0.pointee, host: name)) }
            default: break
            }
        }
        return .success(addresses)
    }

    // MARK: Commands

    private static func run(
        _ command: [String], _ configuration: SSHConfiguration, link: Link, logger: Logger
    ) async throws(SSHError) -> any Channel {
        let eventLoop = link.eventLoop
        let process: CommandProcess
        do throws(ChildProcess.Failure) {
            process = try CommandProcess(command)
        } catch {
            throw SSHError(.proxyCommandFailed, "The proxy command of \(configuration.alias) cannot be started (\(command[0])): \(error).")
        }
        logger.debug("Connecting through a command", metadata: ["command": "\(command.joined(separator: " "))"])
        link.diagnosis = process.tail
        do {
            let channel = try await ClientBootstrap(group: eventLoop)
                .channelInitializer { channel in channel.pipeline.addHandler(link) }
                .withConnectedSocket(process.socket).get()
            channel.closeFuture.whenComplete { _ in ChildProcess.end(process.pid, on: eventLoop) }
            // Somebody must read what the command says, or it would stop when the pipe is full.
            let tail = process.tail
            _ = try? await NIOPipeBootstrap(group: eventLoop)
                .channelInitializer { channel in channel.pipeline.addHandler(tail) }
                .takingOwnershipOfDescriptor(input: process.errors).get()
            return channel
        } catch {
            ChildProcess.end(process.pid, on: eventLoop)
            throw SSHError(.internal, "The proxy command's socket cannot be used: \(error).")
        }
    }
}

/// A running proxy command: our end of its socket and of its standard error.
private struct CommandProcess {
    let pid: pid_t
    let socket: Int32
    let errors: Int32
    let tail = OutputTail()

    init(_ command: [String]) throws(ChildProcess.Failure) {
        let (ours, theirs) = try ChildProcess.socketPair()
        var pipe: [Int32] = [-1, -1]
        guard openPipe(&pipe) == 0 else {
            let code = errno
            close(ours)
            close(theirs)
            throw .system("pipe", code)
        }
        for descriptor in pipe { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        let result: Result<pid_t, ChildProcess.Failure>
        do throws(ChildProcess.Failure) {
            result = .success(try ChildProcess.spawn(command, input: theirs, output: theirs, errors: pipe[1]))
        } catch {
            result = .failure(error)
        }
        close(theirs)
        close(pipe[1])
        switch result {
        case .success(let pid):
            self.pid = pid
            socket = ours
            errors = pipe[0]
        case .failure(let error):
            close(ours)
            close(pipe[0])
            throw error
        }
    }
}

private func openPipe(_ descriptors: inout [Int32]) -> Int32 { pipe(&descriptors) }

/// The last that a command wrote to its standard error. `@unchecked Sendable`: touched only on the loop of its channel, which is the link's.
final class OutputTail: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer

    private(set) var bytes: [UInt8] = []
    /// Nothing more will come.
    private(set) var isComplete = false
    var onComplete: (() -> Void)?

    func channelInactive(context: ChannelHandlerContext) {
        isComplete = true
        onComplete?()
        onComplete = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        bytes += unwrapInboundIn(data).readableBytesView
        if bytes.count > 2048 { bytes.removeFirst(bytes.count - 2048) }
    }
}
