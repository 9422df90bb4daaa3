import PortalWire

/// How much may be on its way to the peer at once, so that the link is full and its queues are not.
///
/// The pipe below takes megabytes before it says that it is full: the buffers of sockets, of an SSH server, of a router. Whatever is sent then
/// waits behind them. So the sender asks with pings, which travel in order with the data: a pong says that everything before its ping has
/// arrived, and how long that took. What it took beyond the shortest time seen is queueing. The window doubles until there is some, and then
/// follows the round trips, each time by the factor that would have given the wanted queue.
///
/// A size is judged by probes that were sent after it was chosen: one round trip passes until they are on their way, and one in which they
/// are answered. Only time that is passed in is used, in nanoseconds of a clock that never goes back.
struct CongestionWindow {
    /// The window of a new link: what one stream may send at first.
    static let initialSize = Limits.initialCredit
    /// A few frames are always on their way, however slow the link is.
    static let minimumSize = 32 * 1024
    static let maximumSize = Limits.replayBytes
    /// The wanted queueing, as a part of the shortest round trip, and its bounds. On a short link the machines' own scheduling takes
    /// milliseconds, which must not be taken for a full queue.
    private static let wantedPart: UInt64 = 4
    private static let leastWanted: UInt64 = 8_000_000
    private static let mostWanted: UInt64 = 50_000_000
    /// After so long without a shorter round trip the shortest one may be out of date: routes change.
    private static let shortestLifetime: UInt64 = 10_000_000_000

    /// The bytes that may be on their way.
    private(set) var size = CongestionWindow.initialSize
    /// Bytes that were sent and of which no pong has said that they arrived.
    private(set) var inFlight = 0
    /// The shortest round trip that counts, in nanoseconds; zero before the first.
    private(set) var shortest: UInt64 = 0

    // A class, since arrays of references share their code.
    private final class Probe: Sendable {
        let number: UInt64
        let sentAt: UInt64
        /// Bytes that were sent after the probe before it.
        let bytes: Int

        init(number: UInt64, sentAt: UInt64, bytes: Int) {
            self.number = number
            self.sentAt = sentAt
            self.bytes = bytes
        }
    }

    private var probes: [Probe] = []
    private var lastNumber: UInt64 = 0
    private var sinceProbe = 0
    private var shortestSince: UInt64 = 0

    /// The probe whose answer ends this part of a round, and what was seen in it.
    private var turningPoint: UInt64 = 1
    private var isSettling = true
    private var roundShortest = UInt64.max
    private var mostInFlight = 0
    /// The size to go back to, while it is made small in order to see the round trip without a queue.
    private var sizeBefore: Int?

    init() {}

    /// Bytes are handed to the pipe. Returns the number of a ping to send behind them, where one is due.
    mutating func sent(_ bytes: Int, at now: UInt64) -> UInt64? {
        inFlight += bytes
        sinceProbe += bytes
        mostInFlight = max(mostInFlight, inFlight)
        // Eight to a window. A full one has at least one on its way, or nothing would ever empty it.
        guard sinceProbe >= size / 8 || (inFlight >= size && probes.isEmpty) else { return nil }
        return probe(at: now)
    }

    /// Counts a ping that is sent now. Returns its number.
    mutating func probe(at now: UInt64) -> UInt64 {
        lastNumber += 1
        probes.append(Probe(number: lastNumber, sentAt: now, bytes: sinceProbe))
        sinceProbe = 0
        return lastNumber
    }

    /// A pong came. Returns the round trip in nanoseconds, or nil where no probe has this number.
    mutating func answered(_ number: UInt64, at now: UInt64) -> UInt64? {
        var count = 0
        while count < probes.count, probes[count].number < number { count += 1 }
        guard count < probes.count, probes[count].number == number else { return nil }
        let roundTrip = max(1, now - min(now, probes[count].sentAt))
        for index in 0...count { inFlight -= probes[index].bytes }
        probes.removeFirst(count + 1)
        roundShortest = min(roundShortest, roundTrip)
        if shortest == 0 || roundTrip <= shortest {
            shortest = roundTrip
            shortestSince = now
        }
        if number >= turningPoint { turn(at: now) }
        return roundTrip
    }

    private mutating func turn(at now: UInt64) {
        if !isSettling { judge(roundShortest, used: mostInFlight, at: now) }
        isSettling.toggle()
        turningPoint = isSettling || probes.isEmpty ? lastNumber + 1 : lastNumber
        roundShortest = .max
        mostInFlight = inFlight
    }

    private mutating func judge(_ roundTrip: UInt64, used: Int, at now: UInt64) {
        if let before = sizeBefore {
            // There was no queue in this round, whatever there was before: this is the route as it is now.
            sizeBefore = nil
            size = before
            shortest = roundTrip
            shortestSince = now
            return
        }
        // Where the window did not hold anything back, nothing is learned about it.
        guard used > size / 2 else { return }
        let isFilled = used >= size
        if isFilled, now - shortestSince > CongestionWindow.shortestLifetime {
            sizeBefore = size
            size = max(size / 2, CongestionWindow.minimumSize)
            return
        }
        let wanted = min(max(shortest / CongestionWindow.wantedPart, CongestionWindow.leastWanted), CongestionWindow.mostWanted)
        if roundTrip - min(roundTrip, shortest) <= wanted / 4 {
            if isFilled { resize(to: UInt64(size) * 2) }
            return
        }
        // So many bytes took so long: so many would have taken the time that is wanted.
        let fitting = UInt64(min(used, size)) * ((shortest + wanted) / 1000) / max(1, roundTrip / 1000)
        if isFilled || fitting < UInt64(used) { resize(to: max(fitting, UInt64(size / 2))) }
    }

    private mutating func resize(to bytes: UInt64) {
        size = max(CongestionWindow.minimumSize, Int(min(bytes, UInt64(CongestionWindow.maximumSize))))
    }
}

/// Tells short traffic from streams: a request's first bytes are short, and so are those of one that sends little.
///
/// A budget of bytes that fills up again with time. What a person types and sees, and most answers, stay within it; a stream uses it up at once.
public struct ShortBudget: Sendable {
    private static let most = Limits.preferredPayloadLength
    /// Bytes that come back in a millisecond.
    private static let perMillisecond: UInt64 = 64

    private var left = ShortBudget.most
    private var since: UInt64 = 0

    /// A full one.
    public init() {}

    /// Takes bytes that are sent, also more than there are.
    public mutating func take(_ bytes: Int) { left -= min(bytes, left + ShortBudget.most) }

    /// Whether what is sent now is short. Time in nanoseconds.
    public mutating func isShort(at now: UInt64) -> Bool {
        let milliseconds = (now - min(now, since)) / 1_000_000
        if milliseconds > 0 {
            left = min(ShortBudget.most, left + Int(min(milliseconds, 4096) * ShortBudget.perMillisecond))
            since = now
        }
        return left > 0
    }
}
