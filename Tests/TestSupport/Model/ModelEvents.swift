import DoorSupport
import PortalWire

/// A turn as the server-sent events of a model's protocol.
enum ModelEvents {
    /// Anthropic's `/v1/messages` with `stream`.
    static func anthropic(_ turn: ModelTurn, number: Int, model: JSONValue) -> [UInt8] {
        var events: [(String, JSONValue)] = []
        func add(_ name: String, _ members: [(String, JSONValue)]) { events.append((name, .object([("type", .text(name))] + members))) }
        add(
            "message_start",
            [
                (
                    "message",
                    [
                        "id": .text("msg_\(number)"), "type": "message", "role": "assistant", "model": model, "content": [],
                        "stop_reason": .null, "stop_sequence": .null, "usage": ["input_tokens": 10, "output_tokens": 1],
                    ]
                )
            ])
        func block(_ index: Int, _ start: JSONValue, _ delta: JSONValue) {
            let index = JSONValue.integer(Int64(index))
            add("content_block_start", [("index", index), ("content_block", start)])
            add("content_block_delta", [("index", index), ("delta", delta)])
            add("content_block_stop", [("index", index)])
        }
        let reason: JSONValue
        switch turn {
        case .say(let words):
            reason = "end_turn"
            block(0, ["type": "text", "text": ""], ["type": "text_delta", "text": .text(words)])
        case .call(let calls):
            reason = "tool_use"
            for (place, call) in calls.enumerated() {
                block(
                    place, ["type": "tool_use", "id": .text("toolu_\(number)_\(place)"), "name": .text(call.name), "input": [:]],
                    ["type": "input_json_delta", "partial_json": .text(call.input.encoded)])
            }
        }
        add("message_delta", [("delta", ["stop_reason": reason, "stop_sequence": .null]), ("usage", ["output_tokens": 5])])
        add("message_stop", [])
        return bytes(events)
    }

    /// OpenAI's `/v1/responses` with `stream`.
    static func openAI(_ turn: ModelTurn, number: Int) -> [UInt8] {
        let response = JSONValue.text("resp_\(number)")
        var items: [JSONValue] = []
        switch turn {
        case .say(let words):
            items.append([
                "type": "message", "role": "assistant", "id": .text("msg_\(number)"),
                "content": [["type": "output_text", "text": .text(words), "annotations": []]],
            ])
        case .call(let calls):
            for (place, call) in calls.enumerated() {
                var item: [(String, JSONValue)] = [("call_id", .text("call_\(number)_\(place)")), ("name", .text(call.name))]
                if let namespace = call.namespace { item.append(("namespace", .text(namespace))) }
                if case .string = call.input {
                    items.append(
                        .object([("type", "custom_tool_call"), ("id", .text("ctc_\(number)_\(place)"))] + item + [("input", call.input)]))
                } else {
                    items.append(
                        .object(
                            [("type", "function_call"), ("id", .text("fc_\(number)_\(place)"))] + item
                                + [("arguments", .text(call.input.encoded))]))
                }
            }
        }
        var events: [(String, JSONValue)] = [("response.created", ["type": "response.created", "response": ["id": response]])]
        for (index, item) in items.enumerated() {
            let name = "response.output_item.done"
            events.append((name, ["type": .text(name), "output_index": .integer(Int64(index)), "item": item]))
        }
        let usage: JSONValue = [
            "input_tokens": 10, "input_tokens_details": .null, "output_tokens": 5, "output_tokens_details": .null, "total_tokens": 15,
        ]
        events.append(
            ("response.completed", ["type": "response.completed", "response": ["id": response, "output": [], "usage": usage]]))
        return bytes(events)
    }

    private static func bytes(_ events: [(String, JSONValue)]) -> [UInt8] {
        events.flatMap { name, data in Array("event: \(name)\ndata: ".utf8) + data.encoded + Array("\n\n".utf8) }
    }
}
