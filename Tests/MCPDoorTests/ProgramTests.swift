import Foundation
import TestSupport
import Testing

/// `portal mcp` as a client runs it: what it is given that is wrong, and what is left when it ends.
@Suite(.serialized) struct ProgramTests {
    let host: TestHost
    let home: String

    init() throws {
        host = try TestHost()
        home = host.home.path
    }

    /// A server and the end of its pipes that a client has.
    private final class Server {
        let portal: PortalProgram
        let client = LineClient()
        let process: Process
        private var number = 0

        init(_ portal: PortalProgram, _ arguments: String...) throws {
            self.portal = portal
            process = try portal.start(
                ["mcp", "-F", portal.config] + (arguments.isEmpty ? [portal.target] : arguments), input: client.input,
                output: client.output,
                errors: FileHandle.nullDevice)
        }

        deinit {
            client.close()
            let process = process
            _ = waitUntil(seconds: 10) { !process.isRunning }
        }

        func request(_ method: String, _ parameters: String = "{}") throws -> Int {
            number += 1
            try client.send(#"{"jsonrpc":"2.0","id":\#(number),"method":"\#(method)","params":\#(parameters)}"#)
            return number
        }

        func call(_ tool: String, _ arguments: String) throws -> Int {
            try request("tools/call", #"{"name":"\#(tool)","arguments":\#(arguments)}"#)
        }

        /// Sends a request and gives the line that answers it.
        func answer(_ method: String, _ parameters: String = "{}") async throws -> String {
            let number = try request(method, parameters)
            let line = try await client.next(seconds: 30)
            #expect(line.contains("\"id\":\(number),"), "\(line)")
            return line
        }

        func bash(_ command: String) async throws -> String {
            try await answer("tools/call", #"{"name":"Bash","arguments":{"command":"\#(command)"}}"#)
        }

        func isAlive() async throws { #expect(try await answer("ping").contains(#""result":{}"#)) }
    }

    private func runs(_ words: String) -> Bool {
        FoundProcess.all(withEnvironment: "HOME=\(home)").contains { $0.command.contains(words) }
    }

    @Test func theEndOfTheInputInACall() async throws {
        let server = try Server(try PortalProgram(host))
        _ = try server.call("Bash", #"{"command":"trap '' TERM; sleep 4351 & sleep 4351; true"}"#)
        _ = try server.call("Bash", #"{"command":"sleep 4352","run_in_background":true}"#)
        #expect(await eventually(seconds: 20) { runs("sleep 4351") && runs("sleep 4352") })
        server.client.close()
        #expect(await eventually(seconds: 10) { !server.process.isRunning })
        #expect(server.process.terminationStatus == 0)
        #expect(await eventually(seconds: 10) { !runs("sleep 435") })
    }

    @Test func aSignalIsAnEndToo() async throws {
        let server = try Server(try PortalProgram(host))
        _ = try server.call("Bash", #"{"command":"sleep 4353"}"#)
        #expect(await eventually(seconds: 20) { runs("sleep 4353") })
        // The server itself: what started it waits for it.
        let own = Tool.descendants(of: server.process.processIdentifier).filter { Tool.commandLine(of: $0).contains(" mcp ") }
        for pid in own { kill(pid, SIGTERM) }
        #expect(await eventually(seconds: 10) { !server.process.isRunning })
        #expect(await eventually(seconds: 10) { !runs("sleep 4353") })
    }

    @Test func whatIsWrongIsAnsweredAndTheServerLivesOn() async throws {
        let server = try Server(try PortalProgram(host))
        for line in ["{", "[]", "7", #"{"jsonrpc":"2.0","id":1}"#, #"{"id":{},"method":"ping"}"#, "\u{0}\u{1}"] {
            try server.client.send(line)
            #expect(try await server.client.next(seconds: 10).contains(#""error":{"code":-32"#), "\(line)")
        }
        try server.client.send(#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"unknown"}}"#)
        try server.client.send("")
        try await server.isAlive()
        // 64 MB and a little more.
        let piece = Data(repeating: 0x78, count: 1 << 20)
        for _ in 0..<65 { try server.client.input.fileHandleForWriting.write(contentsOf: piece) }
        try server.client.send("")
        #expect(try await server.client.next(seconds: 30).contains("a line of \(65 << 20) bytes is too long"))
        try await server.isAlive()
        let content = String(repeating: "0123456789abcdef", count: 1_250_000)
        #expect(
            try await server.answer("tools/call", #"{"name":"Write","arguments":{"file_path":"large","content":"\#(content)"}}"#).contains(
                "File created"))
        #expect(try String(contentsOfFile: home + "/large", encoding: .utf8) == content)
    }

    @Test func anUnknownHostIsSaidWithWhatToDo() async throws {
        var options = TestHost.Options()
        options.isKnown = false
        let server = try Server(try PortalProgram(try TestHost(options)))
        let start = ContinuousClock.now
        #expect(try await server.answer("initialize", #"{"protocolVersion":"2025-06-18"}"#).contains("serverInfo"))
        #expect(ContinuousClock.now - start < .seconds(6))
        let text = try await server.bash("id")
        #expect(
            text.contains(#""isError":true"#) && text.contains("cannot be reached, and nothing was done on this machine instead"), "\(text)"
        )
        #expect(text.contains("Run `portal ssh host` in a terminal to be asked"), "\(text)")
        try await server.isAlive()
    }

    @Test func severalHosts() async throws {
        for name in ["one", "two"] {
            try FileManager.default.createDirectory(atPath: "\(home)/\(name)", withIntermediateDirectories: true)
        }
        let server = try Server(try PortalProgram(host), "a=host:one", "b=host:two")
        let first = try await server.answer("tools/call", #"{"name":"Bash","arguments":{"command":"pwd","host":"a"}}"#)
        #expect(first.contains("\(home)/one"))
        #expect(try await server.answer("tools/call", #"{"name":"Bash","arguments":{"command":"pwd","host":"b"}}"#).contains("\(home)/two"))
        #expect(try await server.bash("pwd").contains(#"the required parameter \"host\" is missing"#))
        #expect(
            try await server.answer("tools/call", #"{"name":"Bash","arguments":{"command":"pwd","host":"c"}}"#).contains(
                #"it takes one of \"a\", \"b\""#))
        let introduction = try await server.answer("initialize")
        #expect(introduction.contains("- a: It is host:one") && introduction.contains("- b: It is host:two"))
    }

    @Test func aLostLinkIsNotSeen() async throws {
        let relay = try await NetworkRelay(to: host.port)
        let server = try Server(try PortalProgram(host, relayPort: relay.port))
        _ = try await server.bash("true")
        let number = try server.call("Bash", #"{"command":"for i in $(seq 100); do echo line $i; sleep 0.03; done; cd /"}"#)
        #expect(await eventually(seconds: 10) { runs("seq 100") })
        for _ in 0..<3 {
            try await relay.apply(.cut)
            #expect(await eventually(seconds: 10) { (try? await relay.openConnections) ?? 0 > 0 })
        }
        let line = try await server.client.next(seconds: 60)
        #expect(line.contains("\"id\":\(number),") && line.contains((1...100).map { "line \($0)" }.joined(separator: #"\n"#)), "\(line)")
        #expect(try await server.bash("pwd").contains(#""text":"/""#))
        server.client.close()
        #expect(await eventually(seconds: 10) { !server.process.isRunning })
        await relay.stop()
    }

    @Test func theEndOfAClientWhoseHostHangs() async throws {
        let relay = try await NetworkRelay(to: host.port)
        let server = try Server(try PortalProgram(host, relayPort: relay.port))
        _ = try await server.answer("tools/call", #"{"name":"Bash","arguments":{"command":"sleep 4354","run_in_background":true}}"#)
        try await relay.hold([.toServer, .toClient])
        let start = ContinuousClock.now
        server.client.close()
        #expect(await eventually(seconds: 20) { !server.process.isRunning })
        #expect(ContinuousClock.now - start < .seconds(10))
        try await relay.hold([])
        await relay.stop()
    }

    @Test func commandLinesThatMakeNoSense() async throws {
        let portal = try PortalProgram(host)
        for arguments in [["mcp"], ["mcp", ""], ["mcp", "a=one", "a=two"], ["mcp", "--env", "=x", "host"]] {
            let outcome = try await portal.run(arguments)
            #expect(outcome.status == 64 && outcome.output.isEmpty, "\(arguments): \(outcome.errors)")
        }
        let nothing = try await portal.run(["mcp", "-F", portal.config, "host"])
        #expect(nothing.status == 0 && nothing.output.isEmpty && nothing.errors.isEmpty, "\(nothing.errors)")
    }

    @Test func theEnvironmentThere() async throws {
        let portal = try PortalProgram(host)
        let line =
            #"{"id":1,"method":"tools/call","params":{"name":"Bash","arguments":{"command":"echo $NO_COLOR,$GIVEN,$HERE,$SOME_API_KEY."}}}"#
        let server = try Server(portal, "--env", "GIVEN=there", "--env", "HERE=", "--env", "PATH_OF_NOBODY", "host")
        #expect(try await server.bash("echo $GIVEN,$HERE,$SOME_API_KEY.").contains(#""text":"there,,.""#))
        let client = LineClient()
        let process = try portal.start(
            ["mcp", "-F", portal.config, "--env", "HERE", "host"], input: client.input, output: client.output,
            errors: FileHandle.nullDevice,
            environment: ["NO_COLOR": "1", "HERE": "named", "SOME_API_KEY": "secret"])
        try client.send(line)
        #expect(try await client.next(seconds: 30).contains(#""text":"1,,named,.""#))
        client.close()
        #expect(await eventually(seconds: 10) { !process.isRunning })
    }
}
