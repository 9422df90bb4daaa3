import PortalWire

/// A request's own frame and those of its data, in their order, as far as the host may not have them.
struct SentFrames {
    private var frames: [Frame] = []
    /// The bytes of payload that were sent up to the end of each frame.
    private var ends: [UInt64] = []
    /// How many frames were sent before the first that is kept.
    private(set) var dropped: UInt64 = 0
    private var granted: UInt64 = 0

    init(_ request: Frame) { append(request) }

    /// How many frames there were.
    var count: UInt64 { dropped + UInt64(frames.count) }

    mutating func append(_ frame: Frame) {
        frames.append(frame)
        ends.append((ends.last ?? 0) + UInt64(frame.payloadLength))
    }

    /// Credit came. A receiver returns no more than it has received beyond the largest window: what that covers is there.
    mutating func granted(_ bytes: UInt64) {
        granted += bytes
        let spare = UInt64(Limits.maximumCredit - Limits.initialCredit)
        guard granted > spare else { return }
        // The last one stays, since it has the number of bytes.
        var covered = 0
        while covered < frames.count - 1, ends[covered] <= granted - spare { covered += 1 }
        guard covered >= 16 || covered == frames.count - 1 else { return }
        frames.removeFirst(covered)
        ends.removeFirst(covered)
        dropped += UInt64(covered)
    }

    /// The frames behind the first so many; nil where some of them are not kept, or there were not so many.
    func after(_ received: UInt64) -> ArraySlice<Frame>? {
        guard received >= dropped, received <= count else { return nil }
        return frames[Int(received - dropped)...]
    }
}
