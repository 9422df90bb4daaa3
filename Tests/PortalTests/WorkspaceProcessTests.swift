import Foundation
import Portal
import PortalWire
import TestSupport
import Testing

/// Processes through the SDK, an in-process proxy and a real sshd.
@Suite(.serialized) struct WorkspaceProcessTests {
    let host: TestHost

    init() throws { host = try TestHost() }

    private func connect() async throws -> Workspace {
        var options = ConnectionOptions()
        options.proxy = .inProcess
        options.sshConfig = host.configFile
        return try await Workspace.connect("host", options: options)
    }

    private func text(_ output: KeptOutput) async -> String {
        var bytes: [UInt8] = []
        for await piece in output { bytes += piece.bytes }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func aBackgroundProcessIsFollowedWrittenAndListed() async throws {
        let workspace = try await connect()
        var command = RemoteCommand(shell: "echo ready; read answer; echo \"got $answer\"; exit 4")
        command.takesInput = true
        command.name = "asks"
        let process = try await workspace.startInBackground(command)
        #expect(process.name == "asks")
        let output = try await process.output(follow: true)
        try await process.write(Array("it\n".utf8))
        #expect(await text(output) == "ready\ngot it\n")
        let result = try await output.result()
        #expect(result.next == 13 && !result.running && result.end?.code == 4)
        #expect(try await process.end().code == 4)
        #expect(await text(try await workspace.process(named: "asks").output(from: 6)) == "got it\n")
        let listed = try await workspace.processes()
        #expect(listed.map(\.process) == [Array("asks".utf8)] && listed[0].end?.code == 4)
        let missing = await #expect(throws: PortalError.self) {
            try await workspace.process(named: "nobody").output().result()
        }
        #expect(missing?.code == .notFound)
    }

    @Test func cancellingATaskEndsWhatItAskedFor() async throws {
        let workspace = try await connect()
        let process = try await workspace.startInBackground(RemoteCommand(shell: "echo here; exec sleep 1000"))
        let foreground = Task { try await workspace.run(RemoteCommand("sleep", ["1000"])) }
        let (pieces, continuation) = AsyncStream.makeStream(of: Void.self)
        let following = Task {
            let output = try await process.output(follow: true)
            for await _ in output { continuation.yield() }
            return try await output.result()
        }
        var first = pieces.makeAsyncIterator()
        await first.next()
        #expect(await eventually(seconds: 10) { (try? await workspace.processes().count) == 2 })
        following.cancel()
        foreground.cancel()
        let stopped = await #expect(throws: PortalError.self) { try await following.value }
        #expect(stopped?.code == .cancelled)
        let ended = await #expect(throws: PortalError.self) { try await foreground.value }
        #expect(ended?.code == .cancelled)
        // The one whose output was read goes on.
        #expect(try await workspace.processes().map(\.running) == [true])
        try await process.signal(9, tree: true)
        #expect(try await process.end().signal == 9)
    }

    /// Who has to answer that a command runs must know it of one that prints nothing, too.
    @Test func aProcessSaysThatItRuns() async throws {
        let workspace = try await connect()
        var request = ProcessStartRequest(command: .arguments(["sleep", "1000"].map { Array($0.utf8) }))
        request.announce = true
        let process = try await workspace.start(request)
        try await process.started()
        #expect(!process.hasEnded)
        process.cancel()
        await #expect(throws: PortalError.self) { try await process.end() }
        request.command = .arguments([Array("/no/such/program".utf8)])
        let missing = try await workspace.start(request)
        let error = await #expect(throws: PortalError.self) { try await missing.started() }
        #expect(error?.code == .notFound)
        // A task that is cancelled gives up what it waits for.
        var slow = ProcessStartRequest(command: .arguments(["sleep", "1000"].map { Array($0.utf8) }))
        slow.process = Array("unannounced".utf8)
        let unannounced = try await workspace.start(slow)
        let waiting = Task { try await unannounced.started() }
        waiting.cancel()
        let cancelled = await #expect(throws: PortalError.self) { try await waiting.value }
        #expect(cancelled?.code == .cancelled)
    }

    @Test func aTerminalIsResizedByItsName() async throws {
        let workspace = try await connect()
        var command = RemoteCommand(shell: "stty size; trap 'stty size; exit 0' WINCH; echo ready; while :; do sleep 0.01; done")
        command.shell = "/bin/sh"
        command.terminal = ProcessTerminal(rows: 10, columns: 20)
        command.name = "terminal"
        let process = try await workspace.start(command)
        var printed = ""
        for await piece in process.output {
            printed += String(decoding: piece.bytes, as: UTF8.self)
            if printed.hasSuffix("ready\r\n") { try await workspace.process(named: "terminal").resize(rows: 30, columns: 40) }
        }
        #expect(printed == "10 20\r\nready\r\n30 40\r\n")
        #expect(try await process.end().code == 0)
    }

    @Test func aLimitKeepsHeadAndTail() async throws {
        var command = RemoteCommand("seq", ["1", "100000"])
        command.outputLimit = 10
        let result = try await connect().run(command)
        #expect(String(decoding: result.output, as: UTF8.self) == "1\n2\n30000\n")
        #expect(result.end.dropped == 588_895 - 10)
    }

    /// Nobody is connected for longer than the proxy stays alone: what runs in the background keeps it, and nothing else.
    @Test func aBackgroundProcessKeepsTheProxy() async throws {
        let portal = try PortalProgram(host)
        let done = portal.runtime.appendingPathComponent("done").path
        let parameters = "{\"shell\":\"sleep 3; echo > \(done); sleep 1\",\"background\":true}"
        let started = try await portal.run(["call", "-F", portal.config, "--persist", "1", portal.target, "process.start", parameters])
        #expect(started.status == 0, "\(started.errors)")
        #expect(await eventually(seconds: 20) { FileManager.default.fileExists(atPath: done) })
        let hasProxy = {
            let names = FileManager.default.enumerator(atPath: portal.runtime.path)?.compactMap { $0 as? String } ?? []
            return names.contains { $0.hasSuffix(".sock") }
        }
        #expect(hasProxy())
        #expect(await eventually(seconds: 20) { !hasProxy() })
    }
}
