import ArgumentParser
import Portal
import PortalWire

/// `portal ssh`: a shell of the user's there, on a terminal.
struct ShellCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ssh",
        abstract: "A login shell on the host, in the target's directory.",
        discussion: """
            portal ssh box
            portal ssh ann@box:/srv/app
            portal ssh box < script

            Where standard input is a terminal the shell gets one too, of the same size and kind; otherwise it reads its commands from \
            standard input, as with ssh. For one command: portal exec [-t] TARGET -- COMMAND.

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

    @Argument(parsing: .postTerminator, help: .hidden)
    var command: [String] = []

    func validate() throws {
        guard command.isEmpty else {
            throw ValidationError("portal ssh starts a shell; for a command: portal exec [-t] \(options.target) -- COMMAND [ARGUMENT…]")
        }
        guard !(wantsTerminal && wantsNoTerminal) else { throw ValidationError("-t and -T exclude each other") }
    }

    func run() async throws {
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
