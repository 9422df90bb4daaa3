import ArgumentParser
import Portal
import PortalWire

/// `portal exec`: a command there, its streams and its status here.
struct ExecCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec",
        abstract: "Run a command on the host; its output streams, its status is this program's.",
        discussion: """
            portal exec box -- make -j8
            portal exec -t box:/etc -- vim hosts
            portal exec --background --name web box:/srv/app -- ./server

            The command's arguments arrive there as they are here: no shell reads them, unless the command is one (sh -c '…'). The first ^C \
            interrupts the command's processes there, a second one kills them.

            With -t the command gets a terminal (an editor, a pager); keys go to it as they are, ^C too. At the start of a line there are escapes:
            \(TerminalEscapes.shell)

            With --background the command's name is printed, and it goes on by itself, until it ends, is killed, or the target's proxy is \
            stopped: see portal ps, logs, attach and kill.

            Exit status: the command's own; 128 and the signal's number where one killed it; 124 where --timeout ended it, 126 and 127 where it \
            cannot be run or is not there; 255 where portal or the connection failed.
            """)

    @OptionGroup var options: TargetOptions

    @Option(help: ArgumentHelp("The directory there; relative ones start at the target's.", valueName: "directory"))
    var cwd: String?

    @Option(
        name: .long, parsing: .singleValue, help: ArgumentHelp("Adds to the environment there; may be repeated.", valueName: "name=value"))
    var env: [String] = []

    @Option(help: ArgumentHelp("End the command's process tree after so many seconds.", valueName: "seconds"))
    var timeout: Double?

    @Flag(name: .customShort("n"), help: "Do not read standard input.")
    var noInput = false

    @Flag(name: .customShort("t"), help: "Give the command a terminal, of this one's size.")
    var wantsTerminal = false

    @Flag(help: "Print the command's name, and leave it running.")
    var background = false

    @Option(help: ArgumentHelp("The name of the command; with --background, p1, p2 and so on are made without it.", valueName: "name"))
    var name: String?

    @Flag(help: "With --background: keep its input open for portal attach. A terminal (-t) always takes it.")
    var input = false

    @Argument(parsing: .postTerminator, help: "The command and its arguments.")
    var command: [String] = []

    func validate() throws {
        guard !command.isEmpty else { throw ValidationError("a command is missing: portal exec \(options.target) -- COMMAND [ARGUMENT…]") }
        for assignment in env
        where (assignment.utf8.firstIndex(of: UInt8(ascii: "=")) ?? assignment.utf8.startIndex) == assignment.utf8.startIndex {
            throw ValidationError("--env \(assignment): it is written NAME=VALUE")
        }
        if let timeout, !(timeout > 0 && timeout < 1e9) { throw ValidationError("--timeout \(timeout): it is a number of seconds above 0") }
        if input, !background { throw ValidationError("--input belongs to --background; without it, standard input is the command's") }
        if let name, name.isEmpty || name.utf8.count > 128 { throw ValidationError("--name: a name has 1 to 128 bytes") }
        if name != nil, wantsTerminal, !background { throw ValidationError("--name and -t go together with --background only") }
    }

    func run() async throws {
        var request = ProcessStartRequest(command: .arguments(command.map { RawArguments.bytes(of: $0) }))
        request.directory = cwd.map { RawArguments.bytes(of: $0) }
        request.environment = env.map { assignment in
            let parts = RawArguments.bytes(of: assignment).split(
                separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            return (Array(parts[0]), Array(parts[1]))
        }
        request.timeoutMilliseconds = timeout.map { UInt64(max(1, $0 * 1000)) }
        request.process = name.map { Array($0.utf8) }
        if wantsTerminal { request.terminal = RawTerminal.description() }
        guard background else {
            request.input = noInput ? .none : .stream
            await CommandRun(options: options, request: request, escapes: TerminalEscapes.shell).run()
        }
        request.input = input ? .requests : .none
        await startInBackground(request)
    }

    private func startInBackground(_ request: ProcessStartRequest) async -> Never {
        let terminal = Terminal()
        do throws(PortalError) {
            let workspace = try await Workspace.open(options.target, options: options.connectionOptions(terminal: terminal))
            let started = try await workspace.startInBackground(request)
            terminal.erase()
            Output.print(Printable.text(started.name))
            endProgram(0)
        } catch {
            terminal.erase()
            fail(error, on: options.target, verbose: options.verbose)
        }
    }
}
