import AgentTools
import DoorSupport
import Portal
import PortalWire
import Synchronization
import TestSupport
import Testing

@testable import MCPDoor

/// The server in memory, with hosts that cannot be reached.
@Suite struct ServerTests {
    private final class Lines: Sendable {
        private let state = Mutex<[String]>([])
        func add(_ bytes: [UInt8]) { state.withLock { $0.append(String(decoding: bytes, as: UTF8.self)) } }
        var all: [String] { state.withLock { $0 } }
    }

    private func server(_ lines: Lines, hangs: Bool = false) -> MCPServer {
        let host = ToolHost(name: "box", target: "ann@box:/srv") { (_) async throws(PortalError) in
            if hangs { try? await Task.sleep(for: .seconds(3600)) }
            throw PortalError(.disconnected, "box: the host key is not known: run `portal ssh box` in a terminal, which asks about it")
        }
        return MCPServer(ToolSession([host]), version: "1") { lines.add($0) }
    }

    private func send(_ text: String, to server: MCPServer) async { await server.receive(.bytes(Array(text.utf8))) }

    @Test func anUnreachableHostIsSaidInResults() async throws {
        let lines = Lines()
        let server = server(lines)
        await send(#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"Bash","arguments":{"command":"id"}}}"#, to: server)
        #expect(await eventually(seconds: 10) { lines.all.count == 1 })
        let text = lines.all.joined()
        #expect(
            text.contains(#""isError":true"#)
                && text.contains("The host ann@box:/srv cannot be reached, and nothing was done on this machine"))
        #expect(text.contains("run `portal ssh box` in a terminal"))
    }

    @Test func aHostThatHangsDelaysTheHandshakeForAMomentOnly() async throws {
        let lines = Lines()
        let server = server(lines, hangs: true)
        let start = ContinuousClock.now
        await send(#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}"#, to: server)
        await send(#"{"jsonrpc":"2.0","id":2,"method":"ping"}"#, to: server)
        #expect(await eventually(seconds: 10) { lines.all.count == 2 })
        #expect(ContinuousClock.now - start < .seconds(5))
        #expect(lines.all.first == #"{"jsonrpc":"2.0","id":2,"result":{}}"#)
        #expect(lines.all.last?.contains("It is ann@box:/srv, which has not answered yet") == true)
    }

    @Test func batchesAreOfTheRevisionsThatHaveThem() async throws {
        let batch =
            #"[{"id":1,"method":"ping"},{"method":"notifications/x"},{"id":2,"method":"tools/call","params":{"name":"Host"}},{"x":1}]"#
        for (revision, isTaken) in [("2025-03-26", true), ("2025-06-18", false)] {
            let lines = Lines()
            let server = server(lines)
            await send(#"{"id":0,"method":"initialize","params":{"protocolVersion":"\#(revision)"}}"#, to: server)
            #expect(await eventually(seconds: 10) { lines.all.count == 1 })
            await send(batch, to: server)
            #expect(await eventually(seconds: 10) { lines.all.count == 2 })
            let answers = try JSONParser.parse(Array(lines.all[1].utf8), IncomingMessage.bounds)
            if isTaken {
                #expect(answers.array?.count == 3)
                #expect(answers.array?.contains { $0.integer("id") == 2 && $0["result"]?.bool("isError") == true } == true)
            } else {
                #expect(answers["error"]?.integer("code") == -32600)
            }
            await send("[]", to: server)
            #expect(await eventually(seconds: 10) { lines.all.count == 3 })
            await send(#"[{"method":"notifications/x"}]"#, to: server)
            await send(#"{"id":9,"method":"ping"}"#, to: server)
            #expect(await eventually(seconds: 10) { lines.all.last?.contains(#""id":9"#) == true })
            #expect(lines.all.count == (isTaken ? 4 : 5))
        }
    }

    @Test func aLineThatIsTooLongIsAnsweredAndTheServerLivesOn() async throws {
        let lines = Lines()
        let server = server(lines)
        await server.receive(.tooLong(99_000_000))
        await send("", to: server)
        await send(#"{"id":9,"method":"ping"}"#, to: server)
        #expect(lines.all.count == 2)
        #expect(lines.all[0].contains(#""id":null,"error":{"code":-32600,"message":"a line of 99000000 bytes is too long"#))
    }

    @Test func progressComesInOrderAndNotTooOften() async throws {
        let lines = Lines()
        let feed = ProgressFeed { number, text in lines.add(Array("\(number) \(text)".utf8)) }
        feed.begin()
        for _ in 0..<1000 { feed.hear(.output("0123456789\n")) }
        #expect(await eventually(seconds: 10) { lines.all.count == 1 })
        #expect(lines.all[0].hasPrefix("1 …") && lines.all[0].utf8.count < 4200)
        feed.hear(.output("a"))
        feed.hear(.status("waiting"))
        #expect(await eventually(seconds: 10) { lines.all.count == 2 })
        #expect(lines.all[1] == "2 a\nwaiting")
        await feed.end()
    }
}
