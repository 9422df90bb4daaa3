import Portal
import PortalWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One process on the host that lives as long as this program: its streams are this program's, and its status too.
struct CommandRun {
    let options: TargetOptions
    var request: ProcessStartRequest
    let escapes: String

    /// Runs it to its end, and ends the program.
    func run() async -> Never {
        ignoreSignal(SIGPIPE)
        let terminal = Terminal()
        do throws(PortalError) {
            let workspace = try await Workspace.open(options.target, options: options.connectionOptions(terminal: terminal))
            // What is typed belongs to the questions of connecting until there is a connection.
            if request.input != .none, isatty(0) == 1 { _ = try await workspace.host() }
            if request.terminal == nil { try await runWithStreams(workspace, terminal) }
            try await runOnTerminal(workspace, terminal)
        } catch {
            terminal.erase()
            fail(error, on: options.target, verbose: options.verbose)
        }
    }

    // MARK: With streams

    private func runWithStreams(_ workspace: Workspace, _ terminal: Terminal) async throws(PortalError) -> Never {
        let interrupts = Interrupts()
        let process = try await workspace.start(request)
        interrupts.begin(terminal: terminal, process: process)
        if request.input == .stream { sendInput(to: process) }
        let outputFailure = await printOutput(of: process, terminal: terminal)
        terminal.erase()
        let end: ProcessEnd
        do throws(PortalError) { end = try await process.end() } catch  where error.code == .cancelled {
            // It ended because we ended it: with our signal, or because our reader is gone.
            endProgram(outputFailure ?? 128 + (interrupts.signal ?? SIGKILL))
        }
        // It may have ended well before its output could not be written: that is no success.
        if let outputFailure { endProgram(outputFailure) }
        leave(with: end)
    }

    private func leave(with end: ProcessEnd) -> Never {
        if end.timedOut {
            complain("portal: the command did not end in time; it was ended, with every process on the host that is known to be its own")
            endProgram(124)
        }
        if end.left > 0, options.verbose { complain("portal: \(end.left) processes that the command started go on there") }
        endProgram(end.shellStatus)
    }

    /// Standard input goes there as it comes; the process's credit is what holds it back.
    private func sendInput(to process: RemoteProcess) {
        Task {
            while true {
                let bytes = await Blocking.input()
                guard !bytes.isEmpty else { break }
                await process.send(bytes)
            }
            await process.closeInput()
        }
    }

    /// Prints until the end. Gives a status where that was not possible: where the reader of our output is gone, the command is ended, and we
    /// end, as if it had met that itself.
    private func printOutput(of process: RemoteProcess, terminal: Terminal) async -> Int32? {
        var failure: Int32?
        for await piece in process.output where failure == nil {
            terminal.erase()
            let problem = await Blocking.value { writeAll(piece.isError ? 2 : 1, piece.bytes) }
            if let code = problem {
                failure = Output.unwritable(code)
                process.cancel(signal: SIGPIPE, graceMilliseconds: 1000)
            }
        }
        return failure
    }

    // MARK: On a terminal

    private func runOnTerminal(_ workspace: Workspace, _ terminal: Terminal) async throws(PortalError) -> Never {
        var request = request
        let name = "terminal-\(getpid())-\(String(UInt32.random(in: 0...UInt32.max), radix: 16))"
        request.process = Array(name.utf8)
        let process = try await workspace.start(request)
        terminal.erase()
        let session = TerminalSession(peer: StartedPeer(process: process, named: workspace.process(named: name)), escapes: escapes)
        let ending = await session.run()
        let end: ProcessEnd
        do throws(PortalError) { end = try await process.end() } catch  where error.code == .cancelled {
            switch ending {
            case .signal(let number): endProgram(128 + number)
            case .unread(let code): endProgram(Output.unwritable(code))
            case .left, .ended:
                complain("portal: the session on \(options.target) was ended")
                endProgram(failureStatus)
            }
        } catch  where error.code == .outcomeUnknown {
            // That it had an effect is known: it was there.
            writeAll(2, [0x0D, 0x0A])
            complain("portal: \(options.target): the connection was lost, and the session with it (\(Copier.words(error)))")
            endProgram(failureStatus)
        }
        leave(with: end)
    }
}
