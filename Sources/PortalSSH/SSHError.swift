/// Why no link to the host could be made, or why it ended. One line for a person, with what to do about it.
public struct SSHError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kind of failure, for programs. Messages may change, codes do not.
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// The target or an argument is not well formed.
        case invalidArgument = "invalid_argument"
        /// The ssh configuration could not be read.
        case badConfiguration = "bad_configuration"
        /// The host's name does not resolve.
        case unknownHost = "unknown_host"
        /// The host answered that nothing listens on the port.
        case refused
        /// No route, network down, or another error of the network.
        case unreachable
        /// A phase did not finish within its deadline; the message names it.
        case timedOut = "timed_out"
        /// The ProxyCommand or ProxyJump command could not be started or ended early.
        case proxyCommandFailed = "proxy_command_failed"
        /// The two sides do not speak a common SSH.
        case handshakeFailed = "handshake_failed"
        /// The host's key is not known and nobody accepted it.
        case hostKeyUnknown = "host_key_unknown"
        /// The host's key is not the one that is known for it.
        case hostKeyChanged = "host_key_changed"
        /// The host's key is marked as revoked.
        case hostKeyRevoked = "host_key_revoked"
        /// The host accepted none of the keys, passwords and answers that there were.
        case authenticationFailed = "authentication_failed"
        /// The host accepts the login but runs no command (sftp only, a forced command, a shell that is missing).
        case noShell = "no_shell"
        /// No directory there can hold and run the executor.
        case noWritableDirectory = "no_writable_directory"
        /// The directories there are full.
        case noSpace = "no_space"
        /// There is no executor for the host's processor.
        case unsupportedMachine = "unsupported_machine"
        /// The executor arrived there but does not run.
        case executorFailed = "executor_failed"
        /// What answered is not the executor.
        case noSentinel = "no_sentinel"
        /// The connection ended while it was being set up.
        case disconnected
        /// The task was cancelled.
        case cancelled
        /// A failure of the library or of the system that has no code of its own.
        case `internal`
    }

    /// The kind of failure.
    public var code: Code
    /// One line for a person: what failed, why, and what to do.
    public var message: String
    /// More of the circumstances, possibly several lines; empty when there are none.
    public var details: String

    /// An error of this kind.
    public init(_ code: Code, _ message: String, details: String = "") {
        self.code = code
        self.message = message
        self.details = details
    }

    /// The message, and the details on lines of their own.
    public var description: String { details.isEmpty ? message : "\(message)\n\(details)" }
}

/// Bytes from elsewhere as text that is safe on a terminal: control characters become `?` or a space.
func printable(_ bytes: some Sequence<UInt8>, limit: Int = 400) -> String {
    var text = ""
    var count = 0
    for scalar in String(decoding: Array(bytes), as: UTF8.self).unicodeScalars {
        if count == limit {
            text += "…"
            break
        }
        switch scalar.value {
        case 0x0A, 0x0D, 0x09: text.unicodeScalars.append(" ")
        case 0..<0x20, 0x7F..<0xA0: text.unicodeScalars.append("?")
        default: text.unicodeScalars.append(scalar)
        }
        count += 1
    }
    while text.last == " " { text.removeLast() }
    while text.first == " " { text.removeFirst() }
    return text
}
