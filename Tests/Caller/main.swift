// A client that has one thing under way, says so, and at the end of its input goes on with it and says what became of it. Tests kill it, and what
// it depends on, in between.
// Arguments: KIND, the portal program, a name. KIND is one of `Caller.Kind`.

import Dispatch
import Glibc
import Portal
import PortalWire

/// What can be under way.
enum Kind: String {
    case nothing, read, write, command, background, terminal, watch
}

/// One line on standard output, for the test.
func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = bytes.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
}

/// The test closes the other end of standard input when it wants the caller to go on.
func untilTold() async {
    say("ready")
    await withCheckedContinuation { continuation in
        DispatchQueue.global().async {
            var byte: UInt8 = 0
            while read(0, &byte, 1) > 0 {}
            continuation.resume()
        }
    }
}

/// A command that goes on when it gets a line. It ignores that its terminal or its reader goes away, and stays where its input ends without one.
func patientCommand(_ name: String) -> RemoteCommand {
    var command = RemoteCommand(
        shell: "trap '' HUP PIPE; echo ready; if read -r line; then echo \"got $line\"; exit 3; else exec sleep 1000; fi")
    command.usesLoginEnvironment = false
    command.shell = "/bin/sh"
    command.environment = [("CALLER", name)]
    return command
}

func runPatiently(_ command: RemoteCommand, in workspace: Workspace) async throws -> Bool {
    var command = command
    command.takesInput = true
    let process = try await workspace.start(command)
    var output = ""
    var isTold = false
    for await piece in process.output {
        output += String(decoding: piece.bytes, as: UTF8.self)
        guard !isTold, output.contains("ready") else { continue }
        isTold = true
        await untilTold()
        await process.send(Array("go\n".utf8))
    }
    return try await process.end().code == 3 && output.contains("got go")
}

/// What was answered.
enum Answer: String {
    case right = "answer"
    /// About a process that ended with its executor.
    case kept
    case another = "another answer"

    init(_ isRight: Bool) { self = isRight ? .right : .another }
}

func perform(_ kind: Kind, name: String, in workspace: Workspace) async throws -> Answer {
    switch kind {
    case .nothing:
        _ = try await workspace.host()
        await untilTold()
        return Answer(try await workspace.call("session.info", parameters: .object([])).value.unsigned("pid") != nil)
    case .read:
        let reader = try await workspace.read(FileReadRequest(path: Array("large".utf8)))
        var count = await reader.next()?.count ?? 0
        await untilTold()
        while let bytes = await reader.next() { count += bytes.count }
        return Answer(try await reader.end().bytes == UInt64(count))
    case .write:
        let writer = try await workspace.write(FileWriteRequest(path: Array("written".utf8)))
        // More than there is credit for: the host has taken some of it when this returns.
        let half = [UInt8](repeating: UInt8(ascii: "n"), count: 400_000)
        await writer.send(half)
        await untilTold()
        await writer.send(half)
        return Answer(try await writer.finish().size == 800_000)
    case .command: return Answer(try await runPatiently(patientCommand(name), in: workspace))
    case .terminal:
        var command = patientCommand(name)
        command.terminal = ProcessTerminal(rows: 24, columns: 80)
        return Answer(try await runPatiently(command, in: workspace))
    case .background:
        let process = try await workspace.startInBackground(patientCommand(name))
        let first = try await process.output(follow: true, limit: 6)
        for await _ in first {}
        await untilTold()
        let output = try await process.output()
        var text: [UInt8] = []
        for await piece in output { text += piece.bytes }
        let result = try await output.result()
        guard result.lost == 0, text.elementsEqual("ready\n".utf8) else { return .another }
        return result.end?.executorWasLost == true ? .kept : Answer(result.running)
    case .watch:
        let watch = try await workspace.watch("watched")
        for try await line in watch {
            if case .ready = line { await untilTold() }
            // Another executor watches: it may have happened before.
            if case .rescan = line, (try? await workspace.status(of: "watched/changed")) != nil { return .right }
            if case .changes(let changes) = line, changes.contains(where: { $0.path.elementsEqual("changed".utf8) }) { return .right }
        }
        return .another
    }
}

let arguments = CommandLine.arguments
guard arguments.count == 4, let kind = Kind(rawValue: arguments[1]) else {
    say("usage: portal-caller KIND PORTAL NAME")
    exit(64)
}
var options = ConnectionOptions()
options.proxy = .shared(executable: arguments[2])
do {
    let workspace = try await Workspace.open("host", options: options)
    say(try await perform(kind, name: arguments[3], in: workspace).rawValue)
} catch let error as PortalError {
    say("\(String(decoding: [UInt8](error.code.name), as: UTF8.self)), applied \(error.applied)")
    say(error.message)
}
