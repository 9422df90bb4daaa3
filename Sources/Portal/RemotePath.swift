import PortalWire

/// A path on the host: bytes, which are usually but not always UTF-8. Relative paths start at the workspace's directory.
public struct RemotePath: Sendable, Hashable, ExpressibleByStringLiteral, CustomStringConvertible {
    /// The path as the host has it.
    public let bytes: [UInt8]

    /// A path from bytes.
    public init(bytes: [UInt8]) { self.bytes = bytes }

    /// A path from text.
    public init(_ text: String) { bytes = Array(text.utf8) }

    /// A path from a literal.
    public init(stringLiteral text: String) { self.init(text) }

    /// The path as text; what is not UTF-8 is replaced.
    public var description: String { String(decoding: bytes, as: UTF8.self) }
}
