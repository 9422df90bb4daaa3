import AgentTools
import DoorSupport
import PortalWire

/// A model's calls as its API has them: `tool_use` blocks come in, one a line, and `tool_result` blocks go out. Whoever has a loop around a model
/// passes them on as they are.
public struct ToolCallDoor: Sendable {
    private let session: ToolSession
    private let isStreaming: Bool
    private let write: @Sendable ([UInt8]) async -> Void

    /// Other names that models know for the tools, in lower case.
    private static let otherNames = ["read_file": "Read", "write_file": "Write", "edit_file": "Edit", "list_dir": "List"]

    /// - Parameters:
    ///   - session: Whose tools are called.
    ///   - isStreaming: Whether what a command prints is sent as it comes, besides.
    ///   - write: Sends a line, whose line feed is not in it. It may wait.
    public init(_ session: ToolSession, isStreaming: Bool, write: @escaping @Sendable ([UInt8]) async -> Void) {
        self.session = session
        self.isStreaming = isStreaming
        self.write = write
    }

    /// Whether a line's value is a call.
    public static func isCall(_ value: JSONValue) -> Bool { value.text("type") == "tool_use" }

    /// Makes a call and sends what comes of it.
    /// - Returns: Whether it succeeded.
    public func answer(_ value: JSONValue) async -> Bool {
        let id = value["id"] ?? .null
        guard let name = value.text("name") else {
            return await finish(id, ToolResult("the tool_use block has no name", isError: true))
        }
        var progress: ToolProgressHandler?
        if isStreaming {
            progress = { [write] progress in
                switch progress {
                case .output(let text): await write(ToolCallDoor.line("tool_output", id, [("text", .text(text))]))
                case .status(let text): await write(ToolCallDoor.line("tool_status", id, [("text", .text(text))]))
                }
            }
        }
        let result = await session.call(toolName(name), value["input"] ?? [:], progress: progress)
        return await finish(id, result ?? unknown(name))
    }

    private func toolName(_ name: String) -> String {
        let lower = name.lowercased()
        return session.tools.first { $0.name.lowercased() == lower }?.name ?? ToolCallDoor.otherNames[lower] ?? name
    }

    private func unknown(_ name: String) -> ToolResult {
        let known = session.tools.map { $0.name.lowercased() } + ToolCallDoor.otherNames.keys.sorted()
        return ToolResult("Unknown tool: \(name). There are \(known.joined(separator: ", ")).", isError: true)
    }

    private func finish(_ id: JSONValue, _ result: ToolResult) async -> Bool {
        var content = JSONValue.text(result.text)
        // One text is a string, which a shell script can print; anything else needs blocks.
        if result.content.count != 1 || result.text.isEmpty { content = .array(result.content.map(ToolCallDoor.block)) }
        await write(ToolCallDoor.line("tool_result", id, [("content", content), ("is_error", .bool(result.isError))]))
        return !result.isError
    }

    private static func block(_ piece: ToolResult.Content) -> JSONValue {
        switch piece {
        case .text(let text): ["type": "text", "text": .text(text)]
        case .image(let bytes, let type):
            ["type": "image", "source": ["type": "base64", "media_type": .text(type), "data": .string(Base64.encode(bytes))]]
        }
    }

    private static func line(_ type: String, _ id: JSONValue, _ members: [(String, JSONValue)]) -> [UInt8] {
        JSONValue.object([("type", .text(type)), ("tool_use_id", id)] + members).encoded
    }
}
