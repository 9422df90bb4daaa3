import AgentLaunch
import ArgumentParser
import Portal
import PortalWire

/// `portal ssh`: a shell of the user's there, on a terminal; or an agent here, whose tools act there.
struct ShellCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ssh",
        abstract: "A login shell on the host, or an agent here whose tools act there.",
        discussion: """
            portal ssh box
            portal ssh ann@box:/srv/app
            portal ssh box < script
            portal ssh box:/srv/app -- claude
            portal ssh box:/srv/app -- codex exec 'make the tests pass'

            Where standard input is a terminal the shell gets one too, of the same size and kind; otherwise it reads its commands from \
            standard input, as with ssh. For one command: portal exec [-t] TARGET -- COMMAND.

            An agent (\(Agent.allCases.map(\.rawValue).joined(separator: ", "))) runs on this machine, with its own settings and login, and its \
            tools act on the host: what it needs for that is in a private directory while it runs. Where the host cannot be reached it is not \
            started. Its exit status is this program's.

            At the start of a line there are escapes:
            \(TerminalEscapes.shell)

            Exit status: the shell's own; 128 and the signal's number where one killed it; 255 where portal or the connection failed, or \
            where ~. ended it.
            """)

    @OptionGroup var options: TargetOptions

    @Flag(name: .customShort("t"), help: "A terminal there, also where standard input is none.")
    var wantsTerminal = false

    @Flag(name: .customShort("T"), help: "No terminal there.")
    var wantsNoTerminal = false

    @Option(help: ArgumentHelp("Take the program for this agent, whatever it is called.", valueName: "agent"))
    var via: Agent?

    @Flag(help: "Say what would be done for the agent, and do nothing.")
    var print = false

    @Option(
        name: .long, parsing: .singleValue,
        help: ArgumentHelp("With an agent: adds to the environment of its commands there; may be repeated.", valueName: "name[=value]"))
    var env: [String] = []

    @Argument(parsing: .postTerminator, help: "An agent and its arguments.")
    var command: [String] = []

    func validate() throws {
        guard !command.isEmpty || (via == nil && !print && env.isEmpty) else {
            throw ValidationError("--via, --print and --env are for an agent: portal ssh \(options.target) -- AGENT [ARGUMENT…]")
        }
        guard command.isEmpty || !(wantsTerminal || wantsNoTerminal) else {
            throw ValidationError("an agent has this terminal as it is: without -t and -T")
        }
        guard !(wantsTerminal && wantsNoTerminal) else { throw ValidationError("-t and -T exclude each other") }
    }

    func run() async throws {
        if !command.isEmpty {
            await AgentRun(
                target: options.target, link: options.link, variables: env, via: via, onlyPrints: print, command: command
            ).run()
        }
        var request: ProcessStartRequest
        if wantsTerminal || (!wantsNoTerminal && RawTerminal.isThere) {
            request = ProcessStartRequest(command: .loginShell)
            request.terminal = RawTerminal.description()
        } else {
            // The shell's own text must be of a kind that every host reads: only sh's is.
            request = ProcessStartRequest(command: .shell(Array(#"exec "${SHELL:-/bin/sh}" -l"#.utf8)))
            request.shellProgram = Array("/bin/sh".utf8)
        }
        request.input = .stream
        // A login shell reads the start-up files itself.
        request.login = false
        await CommandRun(options: options, request: request, escapes: TerminalEscapes.shell).run()
    }
}

/// What the escapes of a terminal session are, for a person.
enum TerminalEscapes {
    static let shell = """
        ~.   end the session
        ~^Z  suspend portal
        ~~   a tilde
        ~?   this list
        """
    static let attach = """
        ~.   leave it running
        ~^Z  suspend portal
        ~~   a tilde
        ~?   this list
        """
}
