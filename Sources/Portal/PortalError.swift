import PortalProxy
import PortalWire

/// Why something asked of a workspace did not happen.
public struct PortalError: Error, Sendable, CustomStringConvertible {
    /// What programs decide by; the codes are the protocol's.
    public let code: ErrorCode
    /// One line: what failed, why, and what to do.
    public let message: String
    /// The host's errno, where a system call failed there. Numbers are Linux's.
    public let errno: Int32?
    /// The path it was about.
    public let path: RemotePath?
    /// Whether it had an effect all the same.
    public let applied: OperationError.Applied
    /// More values by operation, such as the hash that a file has instead.
    public let details: JSONValue

    /// Makes an error.
    public init(_ code: ErrorCode, _ message: String, applied: OperationError.Applied = .no) {
        self.code = code
        self.message = message
        self.applied = applied
        errno = nil
        path = nil
        details = .object([])
    }

    init(_ error: OperationError) {
        code = error.code
        message = String(decoding: error.message, as: UTF8.self)
        errno = error.errno
        path = error.path.map { RemotePath(bytes: $0) }
        applied = error.applied
        details = .object(error.details)
    }

    init(_ error: ProxyError) {
        self.init(error.code == .invalidTarget ? .invalid : .disconnected, error.message)
    }

    /// The message.
    public var description: String { message }
}
