import ArgumentParser
import Portal
import PortalWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `portal attach`: this terminal for a background process.
struct AttachCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attach",
        abstract: "Take part in a background command: what it prints comes here, what is typed goes there.",
        discussion: """
            A command that was started with a terminal (exec --background -t) gets this one's size and every key; it is told to draw its \
            screen anew. One that was started with --input gets lines; the end of the input here is the end of its input, and ^C leaves it \
            running. Others can be watched only. At the start of a line there are escapes:
            \(TerminalEscapes.attach)

            Exit status: the command's, where it ended meanwhile; 0 where it goes on; 255 where portal or the connection failed.
            """)

    /// What was printed before is shown as far back as a screen may reach.
    private static let shownBefore: UInt64 = 4096

    @OptionGroup var options: TargetOptions

    @Argument(help: "Its name, as portal ps has it.")
    var process: String

    func run() async throws {
        ignoreSignal(SIGPIPE)
        let terminal = Terminal()
        do throws(PortalError) {
            let workspace = try await Workspace.open(options.target, options: options.connectionOptions(terminal: terminal))
            let name = Array(process.utf8)
            guard let listing = try await workspace.processes().last(where: { $0.process == name }) else {
                throw PortalError(.notFound, "there is no process \(process): portal ps lists them")
            }
            let named = workspace.process(named: process)
            let output = try await named.output(tail: listing.hasTerminal ? 0 : AttachCommand.shownBefore, follow: true)
            terminal.erase()
            let peer = AttachedPeer(named, hasTerminal: listing.hasTerminal, output: output)
            if listing.hasTerminal, listing.running { await peer.redraw() }
            let ending = await TerminalSession(peer: peer, escapes: TerminalEscapes.attach).run()
            switch ending {
            case .signal(let number): endProgram(128 + number)
            case .unread(let code): endProgram(Output.unwritable(code))
            case .left:
                complain("portal: \(Printable.text(process)) goes on")
                endProgram(0)
            case .ended:
                let end = try peer.end()
                if end?.executorWasLost == true {
                    complain("portal: the command ended with portal's executor on the host, which was killed")
                }
                endProgram(end?.shellStatus ?? 0)
            }
        } catch {
            terminal.erase()
            fail(error, on: options.target, verbose: options.verbose)
        }
    }
}
