/// The short, stable list of ways in which a request fails.
public enum ErrorCode: UInt8, Sendable, CaseIterable {
    /// The path, the process or the command does not exist.
    case notFound
    /// The host refused it.
    case permissionDenied
    /// Something is there that should not be.
    case exists
    /// A directory was meant.
    case notADirectory
    /// A directory stands where a file was meant.
    case isADirectory
    /// A bound was exceeded.
    case tooLarge
    /// The file is not what `if_match` demanded.
    case conflict
    /// The text to replace is not there.
    case noMatch
    /// The text to replace is there more than once.
    case notUnique
    /// The host's disk or quota is full.
    case noSpace
    /// The deadline passed.
    case timedOut
    /// The requester gave it up.
    case cancelled
    /// The other side does not know the operation or cannot do it on this host.
    case unsupported
    /// A parameter is missing or makes no sense.
    case invalid
    /// A rule of the user forbids it.
    case deniedByPolicy
    /// The host could not be reached, or the link was lost.
    case disconnected
    /// The host's memory of the request is lost; it may have been applied.
    case outcomeUnknown
    /// Anything else.
    case `internal`

    /// The name on the wire.
    public var name: Literal {
        switch self {
        case .notFound: "not_found"
        case .permissionDenied: "permission_denied"
        case .exists: "exists"
        case .notADirectory: "not_a_directory"
        case .isADirectory: "is_a_directory"
        case .tooLarge: "too_large"
        case .conflict: "conflict"
        case .noMatch: "no_match"
        case .notUnique: "not_unique"
        case .noSpace: "no_space"
        case .timedOut: "timed_out"
        case .cancelled: "cancelled"
        case .unsupported: "unsupported"
        case .invalid: "invalid"
        case .deniedByPolicy: "denied_by_policy"
        case .disconnected: "disconnected"
        case .outcomeUnknown: "outcome_unknown"
        case .internal: "internal"
        }
    }

    /// The code with a name; a name that this version does not know is `internal`.
    public init(name: [UInt8]) {
        var number: UInt8 = 0
        while let code = ErrorCode(rawValue: number) {
            if name.equals(code.name) {
                self = code
                return
            }
            number += 1
        }
        self = .internal
    }
}
