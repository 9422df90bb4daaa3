import ArgumentParser
import Portal
import PortalWire

/// `portal kill`: a signal for background processes.
struct KillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kill",
        abstract: "Send a signal to commands that run on the host.",
        discussion: """
            The signal is TERM unless another is named (-s KILL, -s 9). It goes to everything that the command \
            started, also what left its process group; with --group only to that group. Exit status: 0, or 1 where one of them does not run.
            """)

    @OptionGroup var options: TargetOptions

    @Argument(help: "Their names, as portal ps has them.")
    var processes: [String]

    @Option(name: .shortAndLong, help: "The signal: a name or a number of Linux's.")
    var signal = "TERM"

    @Flag(help: "The command's process group only: what it started in the background of its own goes on.")
    var group = false

    func validate() throws {
        guard SignalName.number(signal) != nil else { throw ValidationError("-s \(signal): no such signal") }
        guard !processes.isEmpty else { throw ValidationError("name a process; portal ps lists them") }
    }

    func run() async throws {
        let terminal = Terminal()
        do throws(PortalError) {
            let workspace = try await Workspace.connect(options.target, options: options.connectionOptions(terminal: terminal))
            terminal.erase()
            var hasFailed = false
            for process in processes {
                do throws(PortalError) {
                    try await workspace.process(named: process).signal(SignalName.number(signal) ?? 15, tree: !group)
                } catch {
                    if error.code == .disconnected || error.code == .outcomeUnknown { throw error }
                    complain("portal: \(options.target): \(Printable.line(error.message))")
                    hasFailed = true
                }
            }
            endProgram(hasFailed ? 1 : 0)
        } catch {
            terminal.erase()
            fail(error, on: options.target, verbose: options.verbose)
        }
    }
}
