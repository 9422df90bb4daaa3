import AgentLaunch
import ArgumentParser
import DoorSupport
import Portal

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `portal setup`: what `portal ssh TARGET -- AGENT` prepares for one run, for all that follow.
struct SetupCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "setup",
        abstract: "Let an agent's tools act on a host from now on, by its own configuration.",
        discussion: """
            portal setup claude box:/srv/app
            portal setup claude --remove

            For claude, opencode, gemini and cursor the configuration is that of the working directory: an agent that is started in it acts on the \
            host. Codex has one for all directories. The change is shown, and made when it is confirmed, or with --yes; everything else in the files \
            stays as it is. --remove takes out what was put in, and nothing else.

            Goose keeps its configuration in YAML: add the command "portal mcp TARGET" with goose configure, and switch its extension developer off.

            Exit status: 0; 1 where the change was declined; 255 where it cannot be made.
            """)

    @Argument(help: "The agent.")
    var agent: AgentSetup

    @Argument(help: "[user@]host[:directory] or ssh://[user@]host[:port][/directory]")
    var target: String?

    @OptionGroup var link: LinkOptions

    @Flag(help: "Take out what portal setup has put in.")
    var remove = false

    @Flag(name: .shortAndLong, help: "Do not ask.")
    var yes = false

    @Option(
        name: .long, parsing: .singleValue,
        help: ArgumentHelp("Adds to the environment of commands there; may be repeated.", valueName: "name[=value]"))
    var env: [String] = []

    func validate() throws {
        if let target { try TargetOptions.validate(target) }
        guard target != nil || remove else { throw ValidationError("a target is missing: portal setup \(agent.rawValue) TARGET") }
    }

    func run() async throws {
        ignoreSignal(SIGPIPE)
        do throws(AgentLaunchError) {
            guard let current = getcwd(nil, 0) else { throw AgentLaunchError("the working directory is gone") }
            let directory = String(cString: current)
            free(current)
            var call: PortalCall?
            if !remove, let target {
                call = PortalCall(
                    executable: ownExecutable() ?? CommandLine.arguments[0], options: link.repeated, variables: env, target: target)
            }
            let changes = try agent.changes(call, directory: directory, environment: AgentRun.environment()).filter { !$0.isEmpty }
            guard !changes.isEmpty else {
                Output.print(remove ? "There is nothing of portal's to remove." : "It is so already.")
                endProgram(0)
            }
            for change in changes { Output.print(Printable.text(change.difference, keepsLines: true)) }
            if !yes { try await confirm() }
            for change in changes { try change.apply() }
            for line in call.map({ agent.notes($0, directory: directory) }) ?? ["portal's part is removed."] { Output.print(line) }
            endProgram(0)
        } catch {
            complain("portal: \(error.message)")
            endProgram(error.status)
        }
    }

    private func confirm() async throws(AgentLaunchError) {
        let terminal = Terminal()
        guard terminal.canAsk else {
            throw AgentLaunchError("nothing was changed: there is no terminal on which this could be confirmed; --yes makes the change")
        }
        let answer = await terminal.ask("Make this change? [y/N] ", isSecret: false)
        guard ["y", "yes"].contains((answer ?? "").lowercased()) else { throw AgentLaunchError("nothing was changed", status: 1) }
    }
}

extension AgentSetup: ExpressibleByArgument {}
