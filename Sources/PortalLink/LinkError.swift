import PortalWire

/// Why a link's machine gave up: a rule was broken, or the peer said goodbye.
public enum LinkError: Error {
    /// The peer broke the protocol.
    case broken(WireError)
    /// The peer ended the link with a reason.
    case goodbye(code: ErrorCode, text: [UInt8])

    /// The reason as text, for a person.
    public var text: [UInt8] {
        switch self {
        case .broken(let error): [UInt8](error.rule)
        case .goodbye(_, let text): text
        }
    }
}
