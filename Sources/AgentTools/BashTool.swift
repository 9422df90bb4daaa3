import Portal
import PortalWire

/// A session's commands: Bash, and what is asked of them afterwards.
struct BashTool: Sendable {
    static let defaultMilliseconds = 120_000
    static let mostMilliseconds = 600_000
    /// Linux takes no longer argument (128 KiB), and the command is one.
    private static let longestScript = 131_000

    let host: ToolHost
    let options: ToolSession.Options
    let progress: ToolProgressHandler?

    // MARK: Bash

    func run(_ arguments: ToolArguments) async throws -> ToolResult {
        let text = try arguments.required("command")
        guard !text.contains(0) else { throw ToolError("Bash: the command has a NUL byte.") }
        let place = try await host.place()
        let isBackground = arguments.flag("run_in_background") ?? false
        let milliseconds = min(arguments.integer("timeout") ?? BashTool.defaultMilliseconds, BashTool.mostMilliseconds)
        let (command, output, note) = try await start(text, reports: !isBackground, at: place)
        host.commands.add(command)
        guard !isBackground else {
            output.cancel()
            return ToolResult(
                "\(note)Command running in background with ID: \(command.identifier). Its output is kept on the host: BashOutput reads it, Wait waits "
                    + "for its end, KillBash ends it.")
        }
        let reader = OutputReader()
        reader.begin(command, output, progress: progress)
        let ended = await reader.ended.value(milliseconds: milliseconds)
        guard !Task.isCancelled else {
            // Nobody waits for this any more, so the ending of it must not be cancelled, too.
            Task { try? await command.kill() }
            reader.stop()
            throw CancellationError()
        }
        guard let ended else {
            reader.stop()
            return moved(command, reader, after: milliseconds, note)
        }
        let result = try BashTool.result(ended, of: command)
        return try await finished(command, reader, result, at: place, note)
    }

    /// Starts it, in the directory of the last one; a bash runs it where the host has one.
    private func start(
        _ text: [UInt8], reports: Bool, at place: ToolHost.Place
    ) async throws -> (ShellCommand, KeptOutput, note: String) {
        var note = ""
        while true {
            let directory = host.shellDirectory ?? place.root
            let shell = host.shell ?? Array("bash".utf8)
            let identifier = "bash_" + String(UInt32.random(in: 0x1000_0000...UInt32.max), radix: 16)
            let script = reports ? ShellScript.reporting(text) : text
            guard script.count <= BashTool.longestScript else {
                throw ToolError(
                    "Bash: the command has \(text.count) bytes, and Linux takes no more than \(BashTool.longestScript / 1000) KB of one: write it to a "
                        + "file with Write, and run that.")
            }
            var request = ProcessStartRequest(
                command: .shell(script), directory: directory,
                environment: options.environment.map { (Array($0.name.utf8), Array($0.value.utf8)) }, process: Array(identifier.utf8),
                merge: !reports)
            request.shellProgram = shell
            do throws(PortalError) {
                let (process, output) = try await place.workspace.startInBackgroundAndFollow(request)
                if host.shell == nil { host.shell = shell }
                let words = String(decoding: text, as: UTF8.self)
                return (ShellCommand(identifier: identifier, text: words, process: process, reports: reports), output, note)
            } catch {
                let isOfShell = error.details.integer("status") != nil
                if isOfShell, host.shell == nil {
                    host.shell = Array("/bin/sh".utf8)
                } else if !isOfShell, error.code == .notFound || error.code == .notADirectory, directory != place.root {
                    host.shellDirectory = nil
                    note = "The directory \(HostPath.text(directory)) is not there any more; this ran in \(HostPath.text(place.root)).\n"
                } else {
                    throw error
                }
            }
        }
    }

    private static func result(
        _ ended: Result<ProcessOutputResult, PortalError>, of command: ShellCommand
    ) throws -> ProcessOutputResult {
        do throws(PortalError) { return try ended.get() } catch {
            throw ToolError(
                "The output of the command cannot be read any more: \(error.message). The command itself may still run on the host, with the ID "
                    + "\(command.identifier).")
        }
    }

    private func finished(
        _ command: ShellCommand, _ reader: OutputReader, _ result: ProcessOutputResult, at place: ToolHost.Place, _ note: String
    ) async throws -> ToolResult {
        let read = reader.read
        command.position = read.position
        let report = ShellScript.Report(read.report)
        let shown = read.text.shown { cutNote($0, of: command, reader) }
        if shown.cut == nil { host.commands.remove(command) }
        var text = note + KeptText.trimmed(report.before) + (report.before.isEmpty ? "" : "\n") + shown.text
        guard let end = result.end else {
            throw ToolError("How the command ended is not known on the host any more.\n" + text)
        }
        if let directory = report.directory { text += try await moveTo(directory, place) }
        if end.executorWasLost { text += "\n(portal's executor on the host was killed, and the command with it)" }
        let status = end.shellStatus
        guard status == 0 else { return ToolResult("Exit code \(status)" + (text.isEmpty ? "" : "\n" + text), isError: true) }
        return ToolResult(text.isEmpty ? "(Bash completed with no output)" : text)
    }

    /// Where the shell was at its end, the next one begins.
    private func moveTo(_ directory: [UInt8], _ place: ToolHost.Place) async throws -> String {
        guard directory != host.shellDirectory ?? place.root else { return "" }
        if options.isConfined {
            do { try await place.confine(directory) } catch is ToolError {
                host.shellDirectory = nil
                return "\nShell cwd was reset to \(HostPath.text(place.root))"
            }
        }
        host.shellDirectory = directory
        return ""
    }

    private func moved(_ command: ShellCommand, _ reader: OutputReader, after milliseconds: Int, _ note: String) -> ToolResult {
        let read = reader.read
        command.position = read.position
        let seconds = milliseconds % 1000 == 0 ? "\(milliseconds / 1000)" : "\(Double(milliseconds) / 1000)"
        var text =
            "\(note)Command did not complete within its \(seconds)s timeout and was moved to the background (ID: \(command.identifier)). BashOutput "
            + "reads its output, Wait waits for its end, KillBash ends it."
        if let waits = host.waitsFor { text += "\nThe connection to the host: \(waits)" }
        let shown = read.text.shown { cutNote($0, of: command, reader) }
        if !shown.text.isEmpty { text += "\nOutput so far:\n" + shown.text }
        return ToolResult(text)
    }

    private func cutNote(_ cut: Range<UInt64>, of command: ShellCommand, _ reader: OutputReader) -> String {
        let first = reader.read.first
        return
            "... [\(cut.count) bytes are left out here. BashOutput with bash_id \"\(command.identifier)\" and offset \(first + cut.lowerBound) "
            + "reads them; they end at byte \(first + cut.upperBound).] ..."
    }

    // MARK: What is asked of a command afterwards

    func output(_ arguments: ToolArguments) async throws -> ToolResult {
        let command = try find(arguments)
        guard let offset = arguments.integer("offset") else {
            if arguments.integer("limit") != nil { throw ToolError("BashOutput: limit goes together with offset only.") }
            return try await look(at: command, milliseconds: nil)
        }
        let limit = UInt64(arguments.integer("limit") ?? KeptText.shownCharacters)
        let output = try await command.process.output(from: UInt64(offset), limit: limit)
        var bytes: [UInt8] = []
        var iterator = output.makeAsyncIterator()
        while let piece = await iterator.next() { if !(command.reports && piece.isError) { bytes += piece.bytes } }
        let result = try await output.result()
        var about = "bytes \(result.from) to \(result.next)"
        if result.lost > 0 { about += "; \(result.lost) bytes before them are not kept any more" }
        return ToolResult(BashTool.status(command, result) + "\n\n(\(about))\n" + String(decoding: bytes, as: UTF8.self))
    }

    func wait(_ arguments: ToolArguments) async throws -> ToolResult {
        let milliseconds = min(arguments.integer("timeout") ?? BashTool.defaultMilliseconds, BashTool.mostMilliseconds)
        return try await look(at: try find(arguments), milliseconds: milliseconds)
    }

    func kill(_ arguments: ToolArguments) async throws -> ToolResult {
        let command = try find(arguments)
        guard command.end == nil, try await command.kill() else {
            return ToolResult("The command \(command.identifier) has ended already.")
        }
        return ToolResult("Successfully killed shell: \(command.identifier) (\(command.text))")
    }

    private func find(_ arguments: ToolArguments) throws -> ShellCommand {
        let identifier = arguments.text("bash_id") ?? ""
        guard let command = host.commands.find(identifier) else {
            throw ToolError("No shell found with ID: \(identifier). Only commands that this session's Bash started are known.")
        }
        return command
    }

    /// What is new since the last look; with a time, all until the command's end or until the time is over.
    private func look(at command: ShellCommand, milliseconds: Int?) async throws -> ToolResult {
        let from = command.position
        let reader = OutputReader()
        let follows = milliseconds != nil
        reader.begin(
            command, try await command.process.output(from: from, follow: follows), from: from, follows: follows, progress: progress)
        let ended = await reader.ended.value(milliseconds: milliseconds ?? BashTool.defaultMilliseconds)
        reader.stop()
        if Task.isCancelled { throw CancellationError() }
        let result = try ended.map { try BashTool.result($0, of: command) }
        let read = reader.read
        command.position = read.position
        let shown = read.text.shown { cutNote($0, of: command, reader) }
        var text = BashTool.status(command, result)
        if let result, result.lost > 0 { text += "\n\n(\(result.lost) bytes before this are not kept any more)" }
        if !shown.text.isEmpty { text += "\n\n<stdout>\n\(shown.text)\n</stdout>" }
        return ToolResult(text)
    }

    private static func status(_ command: ShellCommand, _ result: ProcessOutputResult?) -> String {
        guard let result, !result.running, let end = result.end else { return "<status>running</status>" }
        command.end = end
        let word = command.wasKilled ? "killed" : end.shellStatus == 0 ? "completed" : "failed"
        return "<status>\(word)</status>\n\n<exit_code>\(end.shellStatus)</exit_code>"
    }
}

/// The text that a shell gets around a command, so that it says at its end in which directory it is.
enum ShellScript {
    /// The command's streams are both the process's standard output, so that their order is kept, and standard error is left for the report. The
    /// command itself does not have that descriptor. No trap is used, and what follows the command is a list of its own, so that `set -e`, `trap`
    /// and `exit` in it do what they always do; where it leaves the shell, or fails, there is no report. It is one line, so that the line numbers
    /// in errors are the command's own.
    static func reporting(_ command: [UInt8]) -> [UInt8] {
        var script = Array("exec 3>&2 2>&1; eval ".utf8)
        script.append(UInt8(ascii: "'"))
        for byte in command {
            if byte == UInt8(ascii: "'") { script += Array("'\\''".utf8) } else { script.append(byte) }
        }
        script += Array(#"' 3>&-; { __s=$?; [ $__s = 0 ] && printf '\001%s\n' "$(pwd -P 2>/dev/null)" >&3; exit $__s; }"#.utf8)
        return script
    }

    /// What came on the descriptor for the report.
    struct Report {
        /// What the shell itself said before it read the script.
        var before: [UInt8] = []
        /// The directory at the end; nil where the command failed or left the shell.
        var directory: [UInt8]?

        init(_ bytes: [UInt8]) {
            guard let mark = bytes.lastIndex(of: 1) else {
                before = bytes
                return
            }
            before = Array(bytes[..<mark])
            let rest = bytes[(mark + 1)...]
            guard rest.last == 0x0A, rest.first == UInt8(ascii: "/") else { return }
            directory = Array(rest.dropLast())
        }
    }
}
