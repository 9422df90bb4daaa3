import ArgumentParser
import Logging
import NIOCore
import Portal
import PortalProxy

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The proxy's own process; `portal` starts it when a target is first used.
struct ProxyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "proxy", abstract: "Serve a target's proxy (started by the other commands).", shouldDisplay: false)

    @Argument var target: String
    @Option(name: .customShort("F")) var sshConfig: String?
    @Option var name: String?
    @Option var persist: Int = 600
    @Option var linger: Int = Proxy.Configuration.defaultLingerSeconds
    /// Start again without anything that was inherited, and leave.
    @Flag var detach = false

    func run() async throws {
        do throws(ProxyError) {
            if detach {
                guard let executable = ownExecutable() else { throw ProxyError(.start, "this program's own path is unknown") }
                try Detached.startAgain(executable, CommandLine.arguments.filter { $0 != "--detach" })
                return
            }
            let parsed = try Target(target)
            let identity = try ProxyIdentity(target: parsed, sshConfig: sshConfig, name: name)
            var configuration = Proxy.Configuration(target: parsed, sshConfig: identity.sshConfig)
            configuration.persist = .seconds(Int64(max(0, persist)))
            configuration.lingerSeconds = max(0, linger)
            configuration.sessionPath = identity.sessionPath
            let logger = Logger(label: "portal proxy", factory: { StreamLogHandler.standardError(label: $0) })
            try await ProxyServer.run(identity: identity, configuration: configuration, logger: logger) { say("ready") }
        } catch {
            say(error.message)
            throw ExitCode(failureStatus)
        }
    }

    /// Tells who started us, once.
    private func say(_ text: String) {
        guard fcntl(ProxyLauncher.readyDescriptor, F_GETFD) >= 0 else { return }
        writeAll(ProxyLauncher.readyDescriptor, Array(text.utf8))
        close(ProxyLauncher.readyDescriptor)
    }
}
