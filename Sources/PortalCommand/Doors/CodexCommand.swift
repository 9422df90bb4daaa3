import ArgumentParser
import CodexDoor
import DoorSupport
import Portal
import PortalWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `portal codex`: a host as Codex's execution environment.
struct CodexCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "codex",
        abstract: "Serve a host to Codex as its execution environment, on standard input and output.",
        discussion: """
            Codex starts this itself, where its environments.toml says so:

              default = "box"
              [[environments]]
              id = "box"
              program = "portal"
              args = ["codex", "box"]

            `portal ssh box -- codex` makes such a file for one run. What is translated and what stays here is in Docs/codex.md.

            Standard output is the protocol and nothing else. What goes wrong is said on standard error, which Codex drops, or in --log. The end \
            of standard input ends what runs there, and this program.
            """)

    @OptionGroup var options: TargetOptions

    @Option(
        name: .long, parsing: .singleValue,
        help: ArgumentHelp("A directory here that stands for one there; may be repeated.", valueName: "here=there"))
    var map: [String] = []

    @Option(
        name: .long, parsing: .singleValue,
        help: ArgumentHelp("Adds to the environment there, with this one's value or another; may be repeated.", valueName: "name[=value]"))
    var env: [String] = []

    @Option(help: ArgumentHelp("Write what goes wrong to a file.", valueName: "file"))
    var log: String?

    func validate() throws {
        for pair in map {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, parts.allSatisfy({ $0.utf8.first == UInt8(ascii: "/") }) else {
                throw ValidationError("--map \(pair): it is written /HERE=/THERE")
            }
        }
        for variable in env where variable.isEmpty || variable.utf8.first == UInt8(ascii: "=") {
            throw ValidationError("--env \(variable): it is written NAME or NAME=VALUE")
        }
    }

    func run() async throws {
        ignoreSignal(SIGPIPE)
        let log = try openLog()
        var door = CodexDoor.Options()
        door.map = PathMap(
            map.map { pair in
                let parts = RawArguments.bytes(of: pair).split(separator: UInt8(ascii: "="), maxSplits: 1)
                return (here: Array(parts[0]), there: Array(parts[1]))
            })
        door.environment = env.compactMap { variable in
            let parts = variable.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let value = parts.count == 2 ? parts[1] : environmentVariable(parts[0]) else { return nil }
            return (name: parts[0], value: value)
        }
        door.directory = workingDirectory()
        door.log = { line in writeAll(log, Array("\(timestamp()) \(Printable.line(line))\n".utf8)) }
        // Nobody who reads the answer would see a question.
        var connection = options.connectionOptions(terminal: Terminal())
        connection.ask = nil
        connection.progress = nil
        let output = OutputLines { _ in endProgram(0) }
        let served = CodexDoor(target: options.target, connection: connection, options: door) { await output.write($0) }
        await served.serve(InputLines(maximumLength: .max))
        await output.flush()
        endProgram(0)
    }

    private func openLog() throws -> Int32 {
        guard let log else { return 2 }
        let descriptor = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw ValidationError("--log \(log): \(String(cString: strerror(errno)))") }
        return descriptor
    }
}

/// The working directory as the shell names it, where that is it: `PWD` may go through links that the agent's paths go through too.
private func workingDirectory() -> String? {
    var buffer = [CChar](repeating: 0, count: 4096)
    guard getcwd(&buffer, buffer.count) != nil else { return nil }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

private func timestamp() -> String {
    var now = time(nil)
    var parts = tm()
    localtime_r(&now, &parts)
    func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
    return "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
}
