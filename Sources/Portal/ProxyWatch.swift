import NIOCore

/// How long a program waits for its proxy. Docs/waits.md says what follows; tests hand in shorter times, to see each of them end.
struct ClientWaits: Sendable {
    /// A proxy that was started, until it listens, in milliseconds.
    var proxyStartMilliseconds: Int32 = 10_000
    /// A proxy's hello. It answers at once, whatever the link to the host does.
    var proxyHello = TimeAmount.seconds(5)
    /// The time between two looks at a proxy that a request waits for.
    var proxyStep = TimeAmount.seconds(5)
}

/// Decides when to ask the proxy whether it still answers, and when not to wait for it any more.
///
/// It counts steps, not time: a program that was stopped, or a machine that was asleep, makes no step meanwhile, and so takes nobody for dead
/// whom it could not have heard.
struct ProxyWatch {
    /// What is to be done now.
    enum Step: Equatable {
        case nothing
        /// Ask: send a ping.
        case ask
        /// Say that there is no answer.
        case complain
        /// As `nothing`, after a complaint: it answers again.
        case relief
        case giveUp
    }

    /// Steps without a word after which the proxy is asked.
    static let silentSteps = 3

    /// Steps without an answer after which it is given up.
    private let patienceSteps: Int
    private var silence = 0
    private var hasComplained = false

    init(patienceSteps: Int) { self.patienceSteps = max(1, patienceSteps) }

    /// Steps since it was asked.
    var unansweredSteps: Int { max(0, silence - ProxyWatch.silentSteps) }

    /// Something came.
    mutating func heard() { silence = 0 }

    /// Called every step.
    /// - Parameter isBusy: Whether a request waits for the proxy.
    mutating func step(isBusy: Bool) -> Step {
        silence = isBusy ? silence + 1 : 0
        guard unansweredSteps > 0 else {
            if silence == ProxyWatch.silentSteps { return .ask }
            defer { hasComplained = false }
            return hasComplained ? .relief : .nothing
        }
        hasComplained = true
        return unansweredSteps >= patienceSteps ? .giveUp : .complain
    }
}
