import DoorSupport
import PortalWire

/// What a model says in a turn.
public enum ModelTurn: Sendable {
    /// Words, and that is all: the agent is done, or asks its user.
    case say(String)
    /// Calls of tools, all at once.
    case call([ModelCall])

    /// One call.
    public static func call(_ name: String, _ input: JSONValue, namespace: String? = nil) -> ModelTurn {
        .call([ModelCall(name, input, namespace: namespace)])
    }
}

/// A call of a tool by a model.
public struct ModelCall: Sendable {
    /// The tool's name.
    public var name: String
    /// What it is given: an object; a string for Codex's tools that take text as it is, such as `apply_patch`.
    public var input: JSONValue
    /// Codex's name for the MCP server of the tool, such as `mcp__portal`.
    public var namespace: String?

    /// Makes a call.
    public init(_ name: String, _ input: JSONValue, namespace: String? = nil) {
        self.name = name
        self.input = input
        self.namespace = namespace
    }
}

/// What an agent told its model of a call.
public struct ModelToolResult: Sendable {
    /// The turn and the place in it of the call, both from 0.
    public var turn: Int
    /// Its place among the turn's calls.
    public var place: Int
    /// The text of it, pieces joined.
    public var text: String
    /// Whether the agent says that the call failed; agents of OpenAI's protocol never do.
    public var isError: Bool
    /// As it came.
    public var content: JSONValue
}

/// A request of an agent to its model.
public struct ModelRequest: Sendable {
    /// The request's path, without its query.
    public var path: String
    /// The body.
    public var body: JSONValue

    /// Whether it is of Anthropic's protocol, and not of OpenAI's.
    var isAnthropic: Bool { path.hasSuffix("/messages") }

    /// How many turns of the model it holds.
    public var turn: Int {
        if isAnthropic { return messages.filter { $0.text("role") == "assistant" }.count }
        // A turn's calls have its number, and its words are all that a turn without calls has.
        let calls = Set(items.filter { $0.text("type") == "function_call" || $0.text("type") == "custom_tool_call" }.map(ModelRequest.turn))
        return calls.count + items.filter { $0.text("role") == "assistant" }.count
    }

    /// The names of the tools that the model is offered.
    public var toolNames: [String] { (body["tools"]?.array ?? []).compactMap { $0.text("name") ?? $0.text("type") } }

    /// What came of the calls of all turns so far, in the order in which the agent has them.
    public var results: [ModelToolResult] {
        if isAnthropic {
            return messages.flatMap { $0["content"]?.array ?? [] }.filter { $0.text("type") == "tool_result" }.map { block in
                let content = block["content"] ?? .null
                let (turn, place) = ModelRequest.numbers(in: block.text("tool_use_id") ?? "")
                return ModelToolResult(
                    turn: turn, place: place, text: ModelRequest.words(content), isError: block.bool("is_error") ?? false, content: content)
            }
        }
        return items.filter { $0.text("type") == "function_call_output" || $0.text("type") == "custom_tool_call_output" }.map { item in
            let content = item["output"] ?? .null
            let (turn, place) = ModelRequest.numbers(in: item.text("call_id") ?? "")
            return ModelToolResult(turn: turn, place: place, text: ModelRequest.words(content), isError: false, content: content)
        }
    }

    /// Everything that the agent tells the model besides the conversation.
    public var instructions: String {
        isAnthropic ? ModelRequest.words(body["system"] ?? .null) : body.text("instructions") ?? ""
    }

    /// All words of the conversation so far, of everybody.
    public var conversation: String {
        (isAnthropic ? messages : items).map { ModelRequest.words($0["content"] ?? .null) }.joined(separator: "\n")
    }

    private var messages: [JSONValue] { body["messages"]?.array ?? [] }
    private var items: [JSONValue] { body["input"]?.array ?? [] }

    private static func turn(_ item: JSONValue) -> Int { numbers(in: item.text("call_id") ?? "").turn }

    /// What `ScriptedModel` put into a call's identifier.
    private static func numbers(in identifier: String) -> (turn: Int, place: Int) {
        let parts = identifier.split(separator: "_").compactMap { Int($0) }
        return parts.count == 2 ? (parts[0], parts[1]) : (-1, -1)
    }

    private static func words(_ content: JSONValue) -> String {
        content.text ?? (content.array ?? []).compactMap { $0.text("text") }.joined(separator: "\n")
    }
}
