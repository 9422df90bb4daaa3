/// Why a proxy cannot be reached, started or run.
public struct ProxyError: Error, Sendable, CustomStringConvertible {
    /// What programs decide by.
    public enum Code: Sendable {
        /// The target's text is not one.
        case invalidTarget
        /// The directory for sockets is missing, not ours, or open to others.
        case runtimeDirectory
        /// The proxy's process could not be started, or ended before it listened.
        case start
        /// The proxy's process ended before it had said anything, as one that is killed does.
        case died
        /// The socket refused, or was not there in time.
        case socket
        /// No executor images are built in.
        case noImages
    }
    /// What programs decide by.
    public let code: Code
    /// One line: what failed, why, and what to do.
    public let message: String

    /// Makes an error.
    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    /// The message.
    public var description: String { message }
}
