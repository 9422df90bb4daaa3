import ArgumentParser
import Portal
import PortalProxy
import PortalWire

/// The `portal` program.
@main
struct PortalCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "portal",
        abstract: "The hands of an agent that runs here, on another machine: files, commands and streams over one SSH session.",
        discussion: """
            TARGET is [user@]host[:directory], the host being an alias of ssh_config, or ssh://[user@]host[:port][/directory].
            Port 22 and the keys that ssh already uses are enough; nothing is installed on the host by hand.
            """,
        version:
            "portal \(Build.version) (build \(Build.identity), protocol \(ProtocolVersion.minimum)-\(ProtocolVersion.maximum), executors: \(executors))",
        subcommands: [
            ExecCommand.self, ShellCommand.self, CopyCommand.self, ListProcessesCommand.self, LogsCommand.self, AttachCommand.self,
            KillCommand.self, CallCommand.self, MCPCommand.self, CodexCommand.self, StatusCommand.self, StopCommand.self,
            ProxyCommand.self,
        ])

    private static var executors: String {
        Build.images.isEmpty ? "none" : Build.images.map(\.machine).joined(separator: " ")
    }
}

/// How a host is reached.
struct LinkOptions: ParsableArguments {
    @Option(name: .customShort("F"), help: ArgumentHelp("Another ssh_config.", valueName: "file"))
    var sshConfig: String?

    @Option(help: ArgumentHelp("Seconds that the proxy stays after its last client.", valueName: "seconds"))
    var persist: Int = 600

    @Option(help: ArgumentHelp("Seconds that the host keeps what runs there without a connection.", valueName: "seconds"))
    var linger: Int = Proxy.Configuration.defaultLingerSeconds

    @Flag(help: "The host keeps nothing after the connection: what runs there ends with it.")
    var attached = false

    @Option(help: ArgumentHelp("Seconds that calls wait for a lost connection to come back.", valueName: "seconds"))
    var patience: Int = 900

    @Flag(name: .shortAndLong, help: "More about what goes wrong.")
    var verbose = false

    /// The options of the SDK: questions and progress go to the terminal, where there is one.
    func connectionOptions(terminal: Terminal) -> ConnectionOptions {
        var options = ConnectionOptions()
        options.sshConfig = sshConfig ?? environmentVariable("PORTAL_SSH_CONFIG")
        options.persistSeconds = max(0, persist)
        options.lingerSeconds = attached ? 0 : max(0, linger)
        options.patienceSeconds = max(0, patience)
        if let executable = ownExecutable() { options.proxy = .shared(executable: executable) }
        if terminal.canAsk { options.ask = { text, isSecret in await terminal.ask(text, isSecret: isSecret) } }
        options.progress = { terminal.show($0) }
        return options
    }
}

/// What every command takes that is about one host.
struct TargetOptions: ParsableArguments {
    @Argument(help: "[user@]host[:directory] or ssh://[user@]host[:port][/directory]")
    var target: String

    @OptionGroup var link: LinkOptions

    func validate() throws { try TargetOptions.validate(target) }

    /// - Throws: `ValidationError` for a text that names no host.
    static func validate(_ target: String) throws {
        do throws(ProxyError) { _ = try Target(target) } catch { throw ValidationError(error.message) }
    }

    var verbose: Bool { link.verbose }

    func connectionOptions(terminal: Terminal) -> ConnectionOptions { link.connectionOptions(terminal: terminal) }
}
