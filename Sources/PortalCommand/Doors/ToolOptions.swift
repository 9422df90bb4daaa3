import AgentTools
import ArgumentParser
import Portal
import PortalWire
import Synchronization
import ToolCallDoor

/// What is said on a command line about an agent's tools.
struct ToolOptions: ParsableArguments {
    @Flag(help: "An agent's tools for files refuse paths outside of the target's directory. Commands are not confined by it.")
    var confined = false

    @Option(
        name: .long, parsing: .singleValue,
        help: ArgumentHelp("Adds to the environment of an agent's commands there; may be repeated.", valueName: "name[=value]"))
    var env: [String] = []

    func validate() throws { _ = try ToolHosts.environment(env) }

    /// The options of a session.
    func session() -> ToolSession.Options {
        var options = ToolSession.Options()
        options.isConfined = confined
        options.environment = (try? ToolHosts.environment(env)) ?? []
        return options
    }
}

/// The tools of `portal call`, whose state lives as long as the command: directory, files that were read, commands in the background.
final class CalledTools: Sendable {
    private let door: ToolCallDoor
    private let session: ToolSession
    private let ending = DoorEnd()
    private let hasBegun = Mutex(false)

    init(_ workspace: Workspace, target: String, options: ToolSession.Options, isStreaming: Bool, terminal: Terminal) {
        let host = ToolHost(name: target, target: target) { (_) async throws(PortalError) in workspace }
        let session = ToolSession([host], options: options)
        self.session = session
        door = ToolCallDoor(session, isStreaming: isStreaming) { line in
            terminal.erase()
            // One write, so that lines of concurrent answers do not mix.
            Output.write(line + [0x0A])
        }
    }

    /// Makes a call and prints what comes of it. From the first one on, a signal ends what calls have started there before it ends the program.
    /// - Returns: Whether it succeeded.
    func answer(_ value: JSONValue) async -> Bool {
        let isFirst = hasBegun.withLock { hasBegun in
            defer { hasBegun = true }
            return !hasBegun
        }
        if isFirst {
            ending.whenEnded { [self] in
                await end()
                endProgram(failureStatus)
            }
        }
        return await door.answer(value)
    }

    /// Ends what the calls left running there.
    func end() async { await session.end(milliseconds: 4000) }
}
