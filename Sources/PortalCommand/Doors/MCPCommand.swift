import AgentTools
import ArgumentParser
import DoorSupport
import MCPDoor
import Portal
import PortalProxy
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `portal mcp`: the tools that models know, on a host, for every client of the Model Context Protocol.
struct MCPCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mcp",
        abstract: "An MCP server on standard input and output: an agent's tools, acting on the host.",
        discussion: """
            portal mcp box:/srv/app
            portal mcp a=arm-box b=gpu:/data

            The tools are Bash, Read, Write, Edit, Grep, Glob, List, BashOutput, KillBash, Wait and Host; with several hosts each has the parameter \
            host. A client is told to run this command; it is nothing to type at. Where the host needs an answer (an unknown key, a passphrase), \
            calls fail and say which command asks for it.

            Commands there get the environment of the login there, and of this one here what says how output shall look (TERM, LANG, LC_*, \
            *_PAGER, GIT_EDITOR, CI, NO_COLOR) and what --env names. The end of standard input ends what runs there for the client.
            """)

    @Argument(help: "[user@]host[:directory], or several as name=[user@]host[:directory]")
    var targets: [String]

    @OptionGroup var link: LinkOptions

    @OptionGroup var tools: ToolOptions

    func validate() throws {
        guard !targets.isEmpty else { throw ValidationError("a target is missing: portal mcp TARGET") }
        _ = try ToolHosts(targets)
        try tools.validate()
    }

    func run() async throws {
        ignoreSignal(SIGPIPE)
        let session = ToolSession(try ToolHosts(targets).toolHosts(link), options: tools.session())
        session.begin()
        let ending = DoorEnd()
        let output = OutputLines { _ in ending.end() }
        let server = MCPServer(session, version: Build.version) { await output.write($0) }
        ending.whenEnded {
            await server.end()
            endProgram(0)
        }
        let input = InputLines(maximumLength: MCPServer.longestLine)
        while let line = await input.next() { await server.receive(line) }
        ending.end()
        await ending.never()
    }
}
