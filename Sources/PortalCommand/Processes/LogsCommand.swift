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

/// `portal logs`: what a background process printed.
struct LogsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "logs",
        abstract: "Show what a background command printed, on the stream on which it printed it.",
        discussion: """
            The host keeps the last 64 MiB of a command's output or less (see process.output in Docs/protocol.md); what is not kept any more \
            is said on standard error. With -f it goes on until the command ends. ^C ends it here only.

            Exit status: 0; 255 where portal or the connection failed, or there is no such process.
            """)

    @OptionGroup var options: TargetOptions

    @Argument(help: "Its name, as portal ps has it.")
    var process: String

    @Flag(name: .shortAndLong, help: "Go on with what it prints from now on.")
    var follow = false

    @Option(name: .shortAndLong, help: ArgumentHelp("Begin with so many lines before the end.", valueName: "lines"))
    var tail: Int?

    func validate() throws {
        if let tail, tail < 0 { throw ValidationError("--tail \(tail): it is a number of lines") }
    }

    func run() async throws {
        let terminal = Terminal()
        do throws(PortalError) {
            let workspace = try await Workspace.open(options.target, options: options.connectionOptions(terminal: terminal))
            let named = workspace.process(named: process)
            var from: UInt64 = 0
            if let tail { from = try await LastLines.begin(of: tail, named) }
            while true {
                let output = try await named.output(from: from, follow: follow)
                for await piece in output {
                    terminal.erase()
                    await Blocking.value { Output.write(piece.bytes, to: piece.isError ? 2 : 1) }
                }
                let result = try await output.result()
                terminal.erase()
                if result.lost > 0 { complain("portal: \(result.lost) bytes before this are not kept any more") }
                from = result.next
                // It also ends where more was printed than is kept while the reader here was slow.
                if !follow || !result.running { endProgram(0) }
            }
        } catch {
            terminal.erase()
            fail(error, on: options.target, verbose: options.verbose)
        }
    }
}

/// Where the last lines of a process's output begin, both streams taken together.
enum LastLines {
    private static let firstStretch: UInt64 = 16 * 1024

    static func begin(of count: Int, _ process: BackgroundProcess) async throws(PortalError) -> UInt64 {
        var stretch = count == 0 ? 0 : firstStretch
        while true {
            let output = try await process.output(tail: stretch)
            var lines = LineStarts(count: count)
            for await piece in output { lines.add(piece.bytes) }
            let result = try await output.result()
            // Less than was asked for: that is all there is.
            if let start = lines.start { return result.from + start }
            if count == 0 { return result.next }
            if result.next - result.from < stretch || result.from == 0 { return result.from }
            stretch *= 4
        }
    }
}

/// The offset at which the last lines of a stretch of bytes begin, without the bytes being kept.
struct LineStarts {
    private let count: Int
    private var offset: UInt64 = 0
    /// Offsets behind the last line feeds: a ring.
    private var starts: [UInt64] = []
    private var oldest = 0

    init(count: Int) { self.count = count }

    mutating func add(_ bytes: [UInt8]) {
        for byte in bytes {
            offset += 1
            guard byte == 0x0A else { continue }
            // One more than lines are wanted: the last line may have ended or not.
            if starts.count <= count {
                starts.append(offset)
            } else {
                starts[oldest] = offset
                oldest = (oldest + 1) % starts.count
            }
        }
    }

    /// Nil where there are fewer lines than are wanted.
    var start: UInt64? {
        guard count > 0 else { return nil }
        let ordered = Array(starts[oldest...] + starts[..<oldest])
        let hasEnded = ordered.last == offset
        let needed = hasEnded ? count + 1 : count
        return ordered.count >= needed ? ordered[ordered.count - needed] : nil
    }
}
