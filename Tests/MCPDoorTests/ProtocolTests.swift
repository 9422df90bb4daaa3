import AgentTools
import DoorSupport
import Portal
import PortalWire
import Testing

@testable import MCPDoor

/// What is said in the protocol, message by message.
@Suite final class ProtocolTests {
    private var door: MCPProtocol

    init() {
        let host = ToolHost(name: "box", target: "box") { (_) async throws(PortalError) in throw PortalError(.disconnected, "no") }
        door = MCPProtocol(tools: ToolSession([host]).tools, version: "1")
    }

    /// What is sent at once for a message; `call`, `cancel` and `introduce` stand for those effects.
    private func answers(_ text: String) -> [String] {
        door.receive(IncomingMessage(Array(text.utf8))).map { effect in
            switch effect {
            case .send(let value): String(decoding: value.encoded, as: UTF8.self)
            case .call(let call): "call \(call.tool) \(String(decoding: call.arguments.encoded, as: UTF8.self))"
            case .cancel(let id): "cancel \(String(decoding: id.value.encoded, as: UTF8.self))"
            case .introduce(_, let introduction): "introduce \(introduction)"
            }
        }
    }

    private func introduced(_ id: CallIdentifier, _ introduction: MCPProtocol.Introduction, instructions: String) -> JSONValue? {
        door.introduced(id, introduction, instructions: instructions)
    }

    private func finished(_ id: CallIdentifier, _ result: ToolResult) -> JSONValue? { door.finished(id, result) }

    private static let stateless =
        #""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#

    @Test func theHandshake() throws {
        for (wanted, got) in [
            ("2024-11-05", "2024-11-05"), ("2025-03-26", "2025-03-26"), ("2025-06-18", "2025-06-18"), ("2025-11-25", "2025-11-25"),
            ("2026-07-28", "2025-11-25"), ("1999-01-01", "2025-11-25"),
        ] {
            let effects = answers(#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"\#(wanted)"}}"#)
            #expect(effects == ["introduce initialize(revision: \"\(got)\")"])
            let value = try #require(introduced(.integer(1), .initialize(revision: got), instructions: "Here."))
            #expect(
                String(decoding: value.encoded, as: UTF8.self)
                    == #"{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"\#(got)","capabilities":{"tools":{}},"serverInfo":{"name":"portal","#
                    + #""title":"portal","version":"1"},"instructions":"Here."}}"#)
            #expect(answers(#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#) == [])
        }
    }

    @Test func discovery() throws {
        #expect(answers(#"{"jsonrpc":"2.0","id":"p","method":"server/discover","params":{\#(Self.stateless)}}"#) == ["introduce discover"])
        let value = try #require(introduced(.string(Array("p".utf8)), .discover, instructions: "Here."))
        let result = try #require(value["result"])
        #expect(result.text("resultType") == "complete" && result["supportedVersions"]?.array?.map(\.text) == ["2026-07-28"])
        #expect(result.integer("ttlMs") == 0 && result.text("cacheScope") == "private" && result["capabilities"]?["tools"] != nil)
        #expect(
            answers(
                #"{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2030-01-01"}}}"#
            ) == [
                #"{"jsonrpc":"2.0","id":2,"error":{"code":-32022,"message":"the protocol revision 2030-01-01 is not supported in requests","#
                    + #""data":{"supported":["2026-07-28"],"requested":"2030-01-01"}}}"#
            ])
        for method in ["ping", "initialize", "logging/setLevel"] {
            let text = answers(#"{"jsonrpc":"2.0","id":3,"method":"\#(method)","params":{\#(Self.stateless)}}"#).joined()
            #expect(text.contains(#""code":-32601"#), "\(text)")
        }
    }

    @Test func requestsBeforeTheHandshakeAreAnswered() {
        #expect(answers(#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#) == [#"{"jsonrpc":"2.0","id":1,"result":{}}"#])
        #expect(answers(#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#) == [#"{"jsonrpc":"2.0","id":1.5,"result":{}}"#])
        #expect(answers(#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#).joined().contains(#""name":"Bash""#))
        #expect(answers(#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"Host"}}"#) == ["call Host {}"])
        #expect(
            answers(#"{"jsonrpc":"2.0","id":4,"method":"prompts/list"}"#) == [
                #"{"jsonrpc":"2.0","id":4,"error":{"code":-32601,"message":"there is no method prompts/list"}}"#
            ])
    }

    @Test func theListIsAlwaysTheSame() throws {
        let list = #"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#
        let first = answers(list)
        #expect(first == answers(list))
        let tools = try #require(try JSONParser.parse(Array(first.joined().utf8), IncomingMessage.bounds)["result"]?.array("tools"))
        #expect(tools.count == 11)
        for tool in tools {
            #expect(tool["inputSchema"]?.text("type") == "object" && tool["annotations"]?.bool("readOnlyHint") != nil)
            #expect(tool["annotations"]?.bool("destructiveHint") != nil && tool["_meta"]?.bool("anthropic/alwaysLoad") == true)
            #expect(tool["_meta"]?.integer("anthropic/maxResultSizeChars") == 400_000)
        }
        #expect(
            tools.filter { $0["annotations"]?.bool("readOnlyHint") == false }.map { $0.text("name") } == [
                "Bash", "Write", "Edit", "KillBash",
            ])
        let modern = answers(#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{\#(Self.stateless)}}"#).joined()
        #expect(modern.hasPrefix(#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","tools":["#))
        #expect(modern.contains(#"],"ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"portal","#))
    }

    @Test func calls() throws {
        #expect(
            answers(#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"Read","arguments":{"file_path":"a"}}}"#).count == 1)
        // An id that is open is nobody else's.
        #expect(answers(#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#).joined().contains(#""id":7,"error":{"code":-32600"#))
        let result = ToolResult([.text(Array("é".utf8)), .image([1, 2, 3], type: "image/png")])
        let sent = try #require(finished(.integer(7), result))
        #expect(
            String(decoding: sent.encoded, as: UTF8.self)
                == #"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"é"},{"type":"image","data":"AQID","mimeType":"image/png"}],"#
                + #""isError":false}}"#)
        #expect(finished(.integer(7), result) == nil)
        #expect(answers(#"{"jsonrpc":"2.0","id":7,"method":"ping"}"#).count == 1)
        #expect(answers(#"{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"Host",\#(Self.stateless)}}"#) == ["call Host {}"])
        #expect(finished(.integer(8), result)?["result"]?.text("resultType") == "complete")
    }

    @Test(arguments: [
        (#"{"name":"Fly"}"#, "Unknown tool: Fly. There are Bash, Read,"), (#"{}"#, #"the parameter \"name\" is missing"#),
        (#"{"name":"Bash","arguments":[1]}"#, #"\"arguments\" is no JSON object"#), (#"[1]"#, "params of tools/call are no JSON object"),
    ])
    func callsThatAreNone(parameters: String, words: String) {
        let text = answers(#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":\#(parameters)}"#).joined()
        #expect(text.hasPrefix(#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602"#) && text.contains(words), "\(text)")
    }

    @Test func cancelledCallsAreNotAnswered() throws {
        #expect(answers(#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"Host"}}"#).count == 1)
        #expect(answers(#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"b"}}"#) == [])
        #expect(
            answers(#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"a","reason":"x"}}"#) == [#"cancel "a""#])
        #expect(answers(#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"a"}}"#) == [])
        #expect(answers(#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#) == [])
        #expect(finished(.string(Array("a".utf8)), ToolResult("late")) == nil)
    }

    @Test func progressBelongsToAnOpenCallThatAskedForIt() throws {
        let effects = door.receive(
            IncomingMessage(
                Array(#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"Host","_meta":{"progressToken":"t"}}}"#.utf8)))
        guard case .call(let call)? = effects.first else {
            Issue.record("no call")
            return
        }
        #expect(
            door.progress(call, number: 2, message: "x").map { String(decoding: $0.encoded, as: UTF8.self) }
                == #"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t","progress":2,"message":"x"}}"#)
        _ = finished(.integer(1), ToolResult("done"))
        #expect(door.progress(call, number: 3, message: "x") == nil)
    }

    @Test(arguments: [
        ("{", -32700), ("[1]", -32600), ("[]", -32600), ("7", -32600), (#"{"id":1}"#, -32600), (#"{"id":1,"method":7}"#, -32600),
        (#"{"id":null,"method":"ping"}"#, -32600), (#"{"id":[1],"method":"ping"}"#, -32600), ("\u{1}", -32700),
    ])
    func linesThatAreNoMessages(line: String, code: Int) {
        let text = answers(line).joined()
        #expect(text.contains(#""error":{"code":\#(code)"#), "\(text)")
    }

    @Test func answersToNothingAreNothing() {
        #expect(answers(#"{"jsonrpc":"2.0","id":1,"result":{}}"#) == [])
        #expect(answers(#"{"jsonrpc":"2.0","method":"notifications/whatever","params":[1]}"#) == [])
    }

    @Test func tooManyCallsAreRefused() {
        for number in 0..<MCPProtocol.mostCalls {
            #expect(answers(#"{"id":\#(number),"method":"tools/call","params":{"name":"Host"}}"#) == ["call Host {}"])
        }
        #expect(answers(#"{"id":"more","method":"tools/call","params":{"name":"Host"}}"#).joined().contains(#""code":-32000"#))
        _ = finished(.integer(0), ToolResult("done"))
        #expect(answers(#"{"id":"more","method":"tools/call","params":{"name":"Host"}}"#) == ["call Host {}"])
    }
}
