#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Decides when to ask the host whether it still answers, and when it must be taken for gone. It has no clock: times are handed in, in
/// nanoseconds of clocks that may be any.
///
/// Two clocks, because neither is enough: the one that never goes back stands still while a laptop sleeps, and the other one may be set.
/// Where more time passed between two steps than there should be, on either clock, this side was asleep: whatever was true of the link
/// before need not be true now, and it is asked at once, with less patience.
struct LinkWatch {
    /// What is to be done now.
    enum Step: Equatable {
        case nothing
        /// Ask: send a ping.
        case ask
        /// The host has not answered for too long: make another link beside this one.
        case doubt
        /// It will not answer any more on this link.
        case giveUp
    }

    private static let second: UInt64 = 1_000_000_000
    /// How often `step` should be called.
    static let stepNanoseconds = second
    /// Silence after which the host is asked, where nothing is open and where something is.
    static let idleSilence = 15 * second
    static let busySilence = 4 * second
    /// How long an answer may take, beside four round trips; less where this side was asleep, or its network has changed.
    static let patience = 6 * second
    static let patienceInSuspicion = second / 2
    /// A link that says nothing for so long behind a question is closed.
    static let longestSilence = 60 * second
    /// A step that comes so late says that this side was asleep.
    static let sleep = 5 * second

    private var heardAt: UInt64
    /// The oldest question since something was heard.
    private var askedAt: UInt64?
    /// Whether there is a reason to think that the link is gone.
    private var isSuspicious = false
    private var lastStep: (steady: UInt64, wall: UInt64)
    private var isDoubted = false

    /// A link that was just made.
    init(at steady: UInt64, wall: UInt64) {
        heardAt = steady
        lastStep = (steady, wall)
    }

    /// Something came.
    mutating func heard(at now: UInt64) {
        heardAt = now
        askedAt = nil
        isSuspicious = false
        isDoubted = false
    }

    /// The network of this machine is another one: what is to be done about that now.
    ///
    /// A question that is open stays the oldest one, so that a network that changes all the time cannot put its deadline off.
    mutating func networkChanged(at now: UInt64, roundTrip: UInt64?) -> Step {
        isSuspicious = true
        guard askedAt != nil else {
            askedAt = now
            return .ask
        }
        // Not answered before this change, and now the network may be back: the old link would wait for TCP's next attempt.
        return judge(at: now, roundTrip: roundTrip)
    }

    /// Seconds without anything heard.
    func silentSeconds(at now: UInt64) -> UInt64 { (now - min(now, heardAt)) / LinkWatch.second }

    /// What is to be done now. Called every `stepNanoseconds`.
    /// - Parameters:
    ///   - isBusy: Whether anything is open that waits for the host.
    ///   - roundTrip: The last one measured, in nanoseconds.
    mutating func step(at now: UInt64, wall: UInt64, isBusy: Bool, roundTrip: UInt64?) -> Step {
        let passed = max(now - min(now, lastStep.steady), wall - min(wall, lastStep.wall))
        lastStep = (now, wall)
        if passed >= LinkWatch.sleep {
            // An old question was not left unanswered: nobody was here to hear.
            isSuspicious = true
            askedAt = now
            isDoubted = false
            return .ask
        }
        guard let askedAt else {
            guard now - min(now, heardAt) >= (isBusy ? LinkWatch.busySilence : LinkWatch.idleSilence) else { return .nothing }
            self.askedAt = now
            return .ask
        }
        if now - min(now, askedAt) >= LinkWatch.longestSilence { return .giveUp }
        return judge(at: now, roundTrip: roundTrip)
    }

    /// When the open question will have waited too long, if there is one.
    func patienceEnd(roundTrip: UInt64?) -> UInt64? {
        askedAt.map { $0 + (isSuspicious ? LinkWatch.patienceInSuspicion : LinkWatch.patience) + 4 * (roundTrip ?? 0) }
    }

    private mutating func judge(at now: UInt64, roundTrip: UInt64?) -> Step {
        guard !isDoubted, let end = patienceEnd(roundTrip: roundTrip), now >= end else { return .nothing }
        isDoubted = true
        return .doubt
    }
}

/// Nanoseconds since 1970, of the clock that goes on while the machine sleeps and that may be set.
func wallClock() -> UInt64 {
    var time = timespec()
    guard clock_gettime(CLOCK_REALTIME, &time) == 0 else { return 0 }
    return UInt64(max(0, time.tv_sec)) * 1_000_000_000 + UInt64(time.tv_nsec)
}
