import ArgumentParser
import Dispatch
import NIOPosix
import Portal
import PortalWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `portal exec`: a command there, its streams and its status here.
struct ExecCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "exec",
        abstract: "Run a command on the host; its output streams, its status is this program's.",
        discussion: """
            The command's arguments arrive there as they are here: no shell reads them, unless the command is one (sh -c '…').
            Exit status: the command's own; 128 and the signal's number where one killed it; 127 where it is not there; 255 where portal or the
            connection failed. The first ^C interrupts the command's processes there, a second one kills them.
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

    @Argument(parsing: .postTerminator, help: "The command and its arguments.")
    var command: [String] = []

    func validate() throws {
        guard !command.isEmpty else { throw ValidationError("a command is missing: portal exec \(options.target) -- COMMAND [ARGUMENT…]") }
        for assignment in env
        where (assignment.utf8.firstIndex(of: UInt8(ascii: "=")) ?? assignment.utf8.startIndex) == assignment.utf8.startIndex {
            throw ValidationError("--env \(assignment): it is written NAME=VALUE")
        }
        if let timeout, !(timeout > 0 && timeout < 1e9) { throw ValidationError("--timeout \(timeout): it is a number of seconds above 0") }
    }

    func run() async throws {
        ignoreSignal(SIGPIPE)
        let terminal = Terminal()
        let interrupts = Interrupts()
        do throws(PortalError) {
            let workspace = try await Workspace.open(options.target, options: options.connectionOptions(terminal: terminal))
            // What is typed belongs to the questions of connecting until there is a connection.
            if !noInput, isatty(0) == 1 { _ = try await workspace.host() }
            let process = try await workspace.start(remoteCommand)
            interrupts.begin(terminal: terminal, process: process)
            if !noInput { sendInput(to: process) }
            let outputFailure = await printOutput(of: process, terminal: terminal)
            terminal.erase()
            let end: ProcessEnd
            do throws(PortalError) { end = try await process.end() } catch  where error.code == .cancelled {
                // It ended because we ended it: with our signal, or because our reader is gone.
                leave(128 + (outputFailure ?? interrupts.signal ?? SIGKILL))
            }
            if end.timedOut {
                complain("portal: the command did not end within \(timeout ?? 0) seconds; its processes on the host were ended")
                leave(124)
            }
            if end.left > 0, options.verbose { complain("portal: \(end.left) processes that the command started go on there") }
            leave(end.shellStatus)
        } catch {
            terminal.erase()
            fail(error, on: options.target, verbose: options.verbose)
        }
    }

    private var remoteCommand: RemoteCommand {
        var remote = RemoteCommand(command[0], Array(command.dropFirst()))
        remote.directory = cwd.map { RemotePath($0) }
        remote.environment = env.map { assignment in
            let parts = assignment.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            return (String(parts[0]), String(parts[1]))
        }
        remote.timeoutSeconds = timeout
        remote.takesInput = !noInput
        return remote
    }

    /// Standard input goes there as it comes; the process's credit is what holds it back.
    private func sendInput(to process: RemoteProcess) {
        Task {
            let reader = NIOThreadPool(numberOfThreads: 1)
            reader.start()
            while let bytes = try? await reader.runIfActive({ ExecCommand.readInput() }), !bytes.isEmpty { await process.send(bytes) }
            await process.closeInput()
        }
    }

    private static func readInput() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Limits.preferredPayloadLength) { buffer, count in
            var result: Int
            repeat { result = read(0, buffer.baseAddress, buffer.count) } while result < 0 && errno == EINTR
            count = max(0, result)
        }
    }

    /// Prints until the end. Gives SIGPIPE where the reader of our output is gone: the command is then ended as if it had met that itself.
    private func printOutput(of process: RemoteProcess, terminal: Terminal) async -> Int32? {
        let writer = NIOThreadPool(numberOfThreads: 1)
        writer.start()
        var failure: Int32?
        for await piece in process.output where failure == nil {
            terminal.erase()
            let problem = try? await writer.runIfActive { writeAll(piece.isError ? 2 : 1, piece.bytes) }
            if let code = problem {
                failure = SIGPIPE
                if code != EPIPE { complain("portal: cannot write the output: \(String(cString: strerror(code)))") }
                process.cancel(signal: SIGPIPE, graceMilliseconds: 1000)
            }
        }
        return failure
    }
}

/// ^C and its kin: the first is passed to the command's processes, which get some time; the second kills them.
///
/// `@unchecked Sendable`: `received` is only touched on `queue`, where the signals arrive; `signal` reads it there.
private final class Interrupts: @unchecked Sendable {
    private static let graceMilliseconds: UInt64 = 10_000

    private let queue = DispatchQueue(label: "portal.signals")
    private var sources: [any DispatchSourceSignal] = []
    private var received: Int32?

    /// The first signal that came.
    var signal: Int32? { queue.sync { received } }

    func begin(terminal: Terminal, process: RemoteProcess) {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            ignoreSignal(number)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { [self] in
                terminal.restore()
                if received == nil {
                    received = number
                    process.cancel(signal: number, graceMilliseconds: Interrupts.graceMilliseconds)
                } else {
                    process.cancel()
                }
            }
            source.activate()
            sources.append(source)
        }
    }
}
