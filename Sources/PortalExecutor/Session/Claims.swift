import PortalLink
import PortalWire

/// What is kept when a proxy died, until its clients claim their requests through the next one or their time is over.
final class Claims {
    /// Frames that may have died with a proxy, and those that unclaimed requests came to since, in their order.
    var frames: [KeptFrame] = []
    /// Whether the proxy has acknowledged frames that their client does not have.
    var isLapsed = false
    /// When the time is over.
    var timer: Timer?
    /// The number of this history.
    private(set) var history: UInt64 = 0
    /// The first history of which nothing is gone but what its clients have.
    private var wholeSince: UInt64 = 1

    /// Another history begins. What the proxy before has not acknowledged is kept.
    func begin(with kept: [KeptFrame]) {
        timer?.cancel()
        for frame in kept where frame.request != 0 { frames.add(frame) }
        if isLapsed { wholeSince = history + 1 }
        isLapsed = false
        history += 1
    }

    /// Nobody can claim anything any more.
    func end() {
        frames = []
        wholeSince = history
    }

    /// Whether a request of that history, of which nothing is known, never came.
    func knowsAll(of other: UInt64) -> Bool { other >= wholeSince && other < history }

    /// Takes out the frames of a request that its requester lacks.
    /// - Returns: The frames, and the number of the request's last one that was there; zero for none.
    func take(_ claim: Claim) -> (frames: [KeptFrame], last: UInt64) {
        var taken: [KeptFrame] = []
        var left: [KeptFrame] = []
        var last: UInt64 = 0
        for frame in frames {
            if frame.request != claim.id {
                left.add(frame)
                continue
            }
            last = frame.ordinal
            if last > claim.received { taken.add(frame) }
        }
        frames = left
        return (taken, last)
    }
}
