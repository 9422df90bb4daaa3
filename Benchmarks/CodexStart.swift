import Foundation
import NIOCore
import TestSupport

/// How long it takes from the start of `portal codex` to the first output of Codex's first command: the questions that Codex asks at its start,
/// in its order, each group when the one before it is answered.
struct CodexStart {
    let bench: Bench

    /// Measures with a session to the host that is open, as after `portal ssh HOST -- codex` has reached it.
    func measure(_ report: inout Report, network: String, roundTrip: Int64, count: Int) async throws {
        let relay = try await NetworkRelay(to: bench.host.port, line: NetworkRelay.Line(roundTrip: .milliseconds(roundTrip)))
        let alias = "codex-\(roundTrip)"
        let config = bench.runtime.appendingPathComponent("\(alias).conf")
        try bench.host.sshConfig(alias: alias, port: relay.port).write(to: config, atomically: true, encoding: .utf8)
        try Program.run([bench.portal, "exec", "-n", "-F", config.path, alias, "--", "true"])
        try FileManager.default.createDirectory(at: bench.files.appendingPathComponent(".git"), withIntermediateDirectories: true)
        try Data("Instructions.\n".utf8).write(to: bench.files.appendingPathComponent("AGENTS.md"))
        try await report.time("codex: start to first output", "portal", network, count: count) {
            try start(["codex", "-F", config.path, "\(alias):\(bench.files.path)"])
        }
        _ = try? Program.run([bench.portal, "stop", "-F", config.path, alias])
        await relay.stop()
    }

    private func start(_ arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: bench.portal)
        process.arguments = arguments
        process.currentDirectoryURL = bench.files
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.run()
        var talk = Talk(input: input.fileHandleForWriting, output: output.fileHandleForReading)
        try talk.ask([("initialize", #"{"clientName":"codex-environment","resumeSessionId":null}"#)])
        talk.tell(#"{"method":"initialized","params":{}}"#)
        let path = bench.files.path
        func metadata(_ path: String) -> (String, String) { ("fs/getMetadata", #"{"path":"file://\#(path)","sandbox":null}"#) }
        var repositories = [metadata("\(path)/.git")]
        var above = URL(fileURLWithPath: path)
        while above.path != "/" {
            above.deleteLastPathComponent()
            repositories.append(metadata(above.path == "/" ? "/.git" : "\(above.path)/.git"))
        }
        try talk.ask(repositories)
        try talk.ask([metadata("\(path)/.agents/skills")])
        try talk.ask(repositories)
        try talk.ask([metadata("\(path)/AGENTS.override.md")])
        try talk.ask([metadata("\(path)/AGENTS.md")])
        try talk.ask([("fs/readFile", #"{"path":"file://\#(path)/AGENTS.md","sandbox":null}"#)])
        try talk.ask([("environmentConfig/read", #"{"cwd":"file://\#(path)","configPaths":[["mcp_servers"]],"requirementsPaths":[]}"#)])
        try talk.ask(repositories)
        try talk.ask([metadata("\(path)/.agents/skills")])
        try talk.ask(repositories)
        let policy = #"{"inherit":"all","ignoreDefaultExcludes":true,"exclude":[],"set":{},"includeOnly":[]}"#
        talk.send([
            (
                "process/start",
                #"{"processId":"1","argv":["/bin/sh","-c","echo out"],"cwd":"file://\#(path)","envPolicy":\#(policy),"env":{},"tty":false,"pipeStdin":false,"arg0":null,"sandbox":null}"#
            )
        ])
        try talk.wait { $0.contains("process/output") }
        try input.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    /// Codex's end of the pipes.
    private struct Talk {
        let input: FileHandle
        let output: FileHandle
        var next = 1
        var rest = Data()

        init(input: FileHandle, output: FileHandle) {
            self.input = input
            self.output = output
        }

        func tell(_ line: String) { input.write(Data((line + "\n").utf8)) }

        mutating func send(_ calls: [(String, String)]) {
            for (method, parameters) in calls {
                tell(#"{"id":\#(next),"method":"\#(method)","params":\#(parameters)}"#)
                next += 1
            }
        }

        mutating func ask(_ calls: [(String, String)]) throws {
            send(calls)
            var missing = calls.count
            while missing > 0 { try wait { $0.contains(#""id":"#) }; missing -= 1 }
        }

        mutating func wait(_ isIt: (String) -> Bool) throws {
            while true {
                while let end = rest.firstIndex(of: 0x0A) {
                    let line = String(decoding: rest[rest.startIndex..<end], as: UTF8.self)
                    rest = Data(rest[(end + 1)...])
                    if isIt(line) { return }
                }
                let more = output.availableData
                guard !more.isEmpty else { throw TestFailure("portal codex ended") }
                rest += more
            }
        }
    }
}
