/// The protocol's bounds. Each is checked before memory is taken for what it bounds.
public enum Limits {
    /// The longest JSON header, in bytes. A request with a long argument list must fit; content travels in payloads.
    public static let headerLength = 256 * 1024
    /// The longest payload of one frame, in bytes.
    public static let payloadLength = 1024 * 1024
    /// The payload size that senders cut streams into: small enough that a small frame never waits long behind one.
    public static let preferredPayloadLength = 64 * 1024
    /// The deepest nesting of arrays and objects in a header.
    public static let depth = 16
    /// The most values (members and elements, counted through all levels) in one header.
    public static let values = 32 * 1024
    /// The credit that each direction of a stream begins with, in payload bytes.
    public static let initialCredit = 256 * 1024
    /// The most credit that a receiver lets stand open for one stream, in bytes.
    public static let maximumCredit = 4 * 1024 * 1024
    /// The most unacknowledged bytes that a side keeps for replay before it stops producing.
    public static let replayBytes = 8 * 1024 * 1024
    /// Bytes received after which an acknowledgement is due at the latest.
    public static let acknowledgementBytes = 128 * 1024
    /// Frames received after which an acknowledgement is due at the latest.
    public static let acknowledgementFrames = 64
    /// The most requests that may be open on one link.
    public static let openRequests = 8192
    /// Seconds that an executor keeps the open requests of a proxy that died, for their clients to claim them through the next one.
    public static let claimSeconds = 20
    /// The longest path that is accepted, in bytes (PATH_MAX of Linux).
    public static let pathLength = 4095
}

/// The versions of the protocol that this build speaks.
public enum ProtocolVersion {
    /// The oldest version spoken.
    public static let minimum: UInt64 = 1
    /// The newest version spoken.
    public static let maximum: UInt64 = 1

    /// The version that both sides use, or nil where the ranges do not meet.
    public static func common(minimum theirMinimum: UInt64, maximum theirMaximum: UInt64) -> UInt64? {
        let version = Swift.min(maximum, theirMaximum)
        return version >= minimum && version >= theirMinimum ? version : nil
    }
}
