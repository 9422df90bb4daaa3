import NIOCore
import PortalSSH

/// How long to wait from one attempt to make a link to the next: not at all at first, then longer and longer up to half a minute, each time with
/// up to a quarter more by chance, so that the proxies of a hundred targets behind one router do not knock all at once.
struct Backoff {
    static let longest = TimeAmount.seconds(30)
    /// Where somebody waits, and at first, since most networks are back soon.
    static let longestWhenUrgent = TimeAmount.seconds(4)
    /// A host that answered, and whose answer was cut, is there.
    static let longestWhenCut = TimeAmount.seconds(1)

    private var attempts = 0

    /// Attempts since the last success.
    var count: Int { attempts }

    /// A link was made, and lived.
    mutating func reset() { attempts = 0 }

    /// The wait before the next attempt.
    /// - Parameters:
    ///   - chance: A random number from 0 to 1.
    ///   - longest: The most that is waited.
    mutating func next(chance: Double, longest: TimeAmount = longest) -> TimeAmount {
        defer { attempts += 1 }
        guard attempts > 0 else { return .zero }
        let most = longest.nanoseconds / 1_000_000
        let milliseconds = min(Int64(250) << min(attempts - 1, 10), most)
        return .milliseconds(min(milliseconds + Int64(Double(milliseconds) * 0.25 * chance), most))
    }
}

extension SSHError {
    /// Whether the same may succeed a little later with nobody doing anything about it.
    var isTransient: Bool {
        switch code {
        case .unknownHost, .refused, .unreachable, .timedOut, .proxyCommandFailed, .handshakeFailed, .disconnected, .noSentinel, .cancelled:
            true
        case .invalidArgument, .badConfiguration, .hostKeyUnknown, .hostKeyChanged, .hostKeyRevoked, .authenticationFailed, .noShell,
            .noWritableDirectory, .noSpace, .unsupportedMachine, .executorFailed, .internal:
            false
        }
    }
}
