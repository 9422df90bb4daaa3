import Logging
import NIOCore

/// Makes a pipe to the executor on a host: connects, checks the host, logs in, and starts the executor, installing it when it is not there.
public enum Connector {
    /// Connects.
    ///
    /// - Parameters:
    ///   - address: the host, or an alias of it in the ssh configuration.
    ///   - images: the executors that can be installed, one per machine.
    ///   - token: 16 random bytes, new for every connection, as lower-case hexadecimal.
    ///   - arguments: for the executor, behind `serve TOKEN`.
    ///   - eventLoop: everything happens on it, and the pipe belongs to it.
    /// - Throws: `SSHError`; nothing is left open then.
    public static func connect(
        to address: HostAddress, options: ConnectOptions = ConnectOptions(), images: [ExecutorImage], token: String,
        arguments: [String] = [],
        interaction: any Interaction, on eventLoop: any EventLoop, logger: Logger
    ) async throws(SSHError) -> HostPipe {
        try address.validate()
        let command = try BootstrapScript.command(images: images, token: token, arguments: arguments)
        interaction.progress(.resolving(host: address.host))
        let configuration = try await SSHConfiguration.resolve(address, options, logger: logger)
        let hostKeys = HostKeyCheck(configuration: configuration)

        let link: Link
        do throws(EngineFault) {
            link = Link(
                engine: try Engine(hostKeyAlgorithms: Algorithms.hostKeys(knownTypes: hostKeys.knownHosts.keyTypes)), eventLoop: eventLoop)
        } catch {
            throw SSHError(.internal, "\(error.text).")
        }
        interaction.progress(.connecting(host: configuration.hostName, port: configuration.port))
        let channel = try await Transport.connect(configuration, options, link: link, logger: logger)
        let origin = LocalAddress(channel.localAddress)
        interaction.progress(.keyExchange(from: origin))
        let result: Result<HostPipe, SSHError> = await withTaskCancellationHandler {
            do throws(SSHError) {
                return .success(
                    try await establish(link, origin, configuration, hostKeys, command, options, images, token, interaction, logger))
            } catch {
                return .failure(Task.isCancelled ? SSHError(.cancelled, "Connecting to \(address.host) was cancelled.") : error)
            }
        } onCancel: {
            link.close()
        }
        switch result {
        case .success(let pipe): return pipe
        case .failure(let error):
            link.close()
            throw error
        }
    }

    private static func establish(
        _ link: Link, _ origin: LocalAddress?, _ configuration: SSHConfiguration, _ hostKeys: HostKeyCheck, _ command: String,
        _ options: ConnectOptions,
        _ images: [ExecutorImage], _ token: String, _ interaction: any Interaction, _ logger: Logger
    ) async throws(SSHError) -> HostPipe {
        let place = "\(configuration.user)@\(configuration.alias)"
        try await link.perform(
            "Negotiating keys with \(configuration.hostName) port \(configuration.port)", within: options.handshakeTimeout,
            translate: { fault in
                SSHError(
                    .handshakeFailed,
                    "\(configuration.hostName) port \(configuration.port) does not agree on SSH with us: \(fault.text). Is it an SSH server?",
                    details: "libssh2 \(Libssh2.versionText)")
            }
        ) { engine throws(EngineFault) in try engine.handshake() }
        // Nothing to wait for: it is here already.
        let proof = try await link.perform("Reading the host key", within: options.handshakeTimeout, translate: disconnected) {
            engine throws(EngineFault) in
            (key: engine.hostKey(), fingerprint: engine.hostKeyFingerprint(), algorithms: engine.algorithms(), banner: engine.banner())
        }
        logger.debug("Keys are exchanged", metadata: ["algorithms": "\(proof.algorithms)", "server": "\(proof.banner)"])
        try await hostKeys.check(
            key: proof.key, fingerprint: proof.fingerprint, interaction: interaction, options: options, on: link.eventLoop, logger: logger)

        interaction.progress(.authenticating(user: configuration.user))
        var authenticator = Authenticator(
            configuration: configuration, options: options, link: link, interaction: interaction, logger: logger)
        try await authenticator.run()

        interaction.progress(.starting)
        let window = options.receiveWindow
        logger.debug("Opening a channel")
        try await link.perform("Opening a channel on \(place)", within: options.channelTimeout, translate: channelRefused(place)) {
            engine throws(EngineFault) in try engine.openChannel(window: window)
        }
        logger.debug("Starting a command")
        try await link.perform("Starting a command on \(place)", within: options.channelTimeout, translate: channelRefused(place)) {
            engine throws(EngineFault) in try engine.execute(command)
        }
        let bootstrap = Bootstrap(
            link: link, images: images, token: token, options: options, interaction: interaction, place: place)
        let early = try await bootstrap.run()
        return HostPipe(link: link, early: early, localAddress: origin)
    }

    private static func disconnected(_ fault: EngineFault) -> SSHError { SSHError(.disconnected, "\(fault.text).") }

    private static func channelRefused(_ place: String) -> @Sendable (EngineFault) -> SSHError {
        { fault in
            SSHError(
                .noShell,
                "\(place) lets us in but runs no command: \(fault.text). Does the account allow commands, and MaxSessions at least 1?")
        }
    }
}
