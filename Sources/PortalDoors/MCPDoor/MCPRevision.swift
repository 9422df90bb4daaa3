import DoorSupport
import PortalWire

/// The revisions of the Model Context Protocol that are spoken here.
enum MCPRevision {
    /// Those that begin with `initialize`, the oldest first.
    static let negotiated = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]
    /// Those in which each request says its revision itself.
    static let stateless = ["2026-07-28"]
    /// Those in which an array of messages is one: it came with JSON-RPC and was taken out in 2025-06-18.
    static let withBatches: Set<String> = ["2024-11-05", "2025-03-26"]

    /// The member of a request's `_meta` that makes it one of a stateless revision.
    static let member: Literal = "io.modelcontextprotocol/protocolVersion"

    /// The revision of a session whose client asks for one: that one where it is known, else the newest.
    static func negotiate(_ wanted: String?) -> String {
        wanted.flatMap { negotiated.contains($0) ? $0 : nil } ?? negotiated[negotiated.count - 1]
    }
}

/// Codes of errors that the protocol adds to those of JSON-RPC.
enum MCPErrorCode {
    /// A request says a revision that is not spoken here.
    static let unsupportedRevision: Int64 = -32022
    /// Too many calls are open at once.
    static let busy: Int64 = -32000
}
