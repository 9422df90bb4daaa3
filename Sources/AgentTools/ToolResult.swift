import PortalWire

/// What a model gets for a call.
public struct ToolResult: Sendable {
    /// A piece of it.
    public enum Content: Sendable, Equatable {
        /// Text in UTF-8; bytes that are none are replaced where it is shown.
        case text([UInt8])
        /// A picture, with its media type.
        case image([UInt8], type: String)
    }

    /// The pieces in their order.
    public var content: [Content]
    /// Whether the call failed; the text then says how, and what to do.
    public var isError: Bool

    /// A result of some pieces.
    public init(_ content: [Content], isError: Bool = false) {
        self.content = content
        self.isError = isError
    }

    /// A text.
    public init(_ text: String, isError: Bool = false) { self.init([.text(Array(text.utf8))], isError: isError) }

    /// All its text.
    public var text: String {
        content.map { piece in
            if case .text(let bytes) = piece { return String(decoding: bytes, as: UTF8.self) }
            return ""
        }.joined()
    }
}

/// What is heard of a call before it ends.
public enum ToolProgress: Sendable {
    /// What a command printed next.
    case output(String)
    /// What is waited for, for a person.
    case status(String)
}

/// Hears of a call before it ends; the call waits for it.
public typealias ToolProgressHandler = @Sendable (ToolProgress) async -> Void

/// Why a call of a tool did not do what was asked for: one text for the model, which says what failed, why, and what to do.
struct ToolError: Error {
    let message: String

    init(_ message: String) { self.message = message }
}
