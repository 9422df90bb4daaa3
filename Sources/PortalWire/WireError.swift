/// A broken rule of the protocol. It ends the link; it is never a trap.
public enum WireError: Error, Equatable {
    /// The frame's length is below the four bytes of its header length, or above the maximum.
    case frameLength
    /// The header's length is zero, above the maximum, or above the frame's.
    case headerLength
    /// The header is not JSON; the number is the offset of the first wrong byte.
    case json(offset: Int)
    /// The header nests deeper than `Limits.depth`.
    case depth
    /// The header has more than `Limits.values` values.
    case values
    /// A string of the header is not UTF-8.
    case utf8
    /// The header is not an object, or a member that its type demands is missing or of the wrong kind.
    case message
    /// The first frame was not a hello, or a hello came again.
    case hello
    /// The two sides have no common version.
    case version
    /// More payload than there was credit for.
    case credit
    /// An acknowledgement of frames that were never sent.
    case acknowledgement
    /// A request with an identifier that is in use, or outside the requester's range.
    case identifier
    /// More requests open than the limit.
    case requests
    /// The peer's hello names another session than the receiver's.
    case session

    /// The rule, as the closing message says it.
    public var rule: Literal {
        switch self {
        case .frameLength: "a frame's length is out of bounds"
        case .headerLength: "a header's length is out of bounds"
        case .json: "a header is not JSON"
        case .depth: "a header nests too deep"
        case .values: "a header has too many values"
        case .utf8: "a header has a string that is not UTF-8"
        case .message: "a header misses a member that its type demands"
        case .hello: "a hello is out of place"
        case .version: "no common protocol version"
        case .credit: "payload beyond the credit"
        case .acknowledgement: "an acknowledgement of what was never sent"
        case .identifier: "a request identifier is in use or out of range"
        case .requests: "too many open requests"
        case .session: "a hello is of another session"
        }
    }
}
