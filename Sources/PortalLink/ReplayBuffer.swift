import PortalWire

/// A sequenced frame that the peer has not acknowledged. A class, since arrays of references share their code.
public final class KeptFrame {
    /// The frame.
    public let frame: Frame
    /// The request that it is about; zero where nobody may ask for it again.
    public let request: UInt64
    /// Its number among the frames of that request in this direction, from one on.
    public let ordinal: UInt64

    /// Makes one.
    public init(_ frame: Frame, request: UInt64 = 0, ordinal: UInt64 = 0) {
        self.frame = frame
        self.request = request
        self.ordinal = ordinal
    }
}

/// The sender's half of the link's counting: the sequenced frames that the peer has not acknowledged.
///
/// Numbers are implicit: the first sequenced frame of a session is number 1, on whatever link it travels.
public struct ReplayBuffer {
    private var frames: [KeptFrame] = []
    /// Frames at the front of `frames` that are acknowledged; they are dropped in batches, so that an acknowledgement is cheap.
    private var acknowledgedInFront = 0
    /// How many sequenced frames were sent in this session.
    public private(set) var sent: UInt64 = 0
    /// How many of them the peer has processed.
    public private(set) var acknowledged: UInt64 = 0
    /// The bytes of the frames that are kept.
    public private(set) var bytes = 0

    /// An empty buffer at the start of a session.
    public init() {}

    /// Whether the bound is reached: nothing more is produced until the peer acknowledges. Frames are never dropped.
    public var isFull: Bool { bytes >= Limits.replayBytes }

    /// Keeps a sequenced frame that is being sent.
    public mutating func append(_ kept: KeptFrame) {
        frames.append(kept)
        sent += 1
        bytes += kept.frame.bytes.count
    }

    /// The frames that are not acknowledged, in their order.
    public var kept: [KeptFrame] {
        var kept: [KeptFrame] = []
        for index in acknowledgedInFront..<frames.count { kept.append(frames[index]) }
        return kept
    }

    /// The peer has processed so many frames of this session.
    /// - Throws: `WireError.acknowledgement` where that is less than before, or more than was sent.
    public mutating func acknowledge(_ count: UInt64) throws(WireError) {
        guard count >= acknowledged, count <= sent else { throw .acknowledgement }
        while acknowledged < count {
            bytes -= frames[acknowledgedInFront].frame.bytes.count
            acknowledgedInFront += 1
            acknowledged += 1
        }
        if acknowledgedInFront == frames.count {
            frames.removeAll(keepingCapacity: frames.count <= 256)
            acknowledgedInFront = 0
        } else if acknowledgedInFront >= 64, acknowledgedInFront * 2 >= frames.count {
            frames.removeFirst(acknowledgedInFront)
            acknowledgedInFront = 0
        }
    }

    /// The frames to send again on a new link whose peer has processed so many.
    /// - Throws: `WireError.acknowledgement` as `acknowledge(_:)` does.
    public mutating func replay(after received: UInt64) throws(WireError) -> [KeptFrame] {
        try acknowledge(received)
        return kept
    }
}

/// The receiver's half: what was processed, and when to say so.
public struct ReceiveCounter {
    /// How many sequenced frames were processed in this session.
    public private(set) var received: UInt64 = 0
    private var unacknowledgedFrames = 0
    private var unacknowledgedBytes = 0

    /// A counter at the start of a session.
    public init() {}

    /// Whether anything was processed that the peer was not told of.
    public var hasUnacknowledged: Bool { unacknowledgedFrames > 0 }

    /// Counts a sequenced frame. True where an acknowledgement is due at once.
    public mutating func count(bytes: Int) -> Bool {
        received += 1
        unacknowledgedFrames += 1
        unacknowledgedBytes += bytes
        return unacknowledgedFrames >= Limits.acknowledgementFrames || unacknowledgedBytes >= Limits.acknowledgementBytes
    }

    /// The number to acknowledge now; the count begins anew.
    public mutating func takeAcknowledgement() -> UInt64 {
        unacknowledgedFrames = 0
        unacknowledgedBytes = 0
        return received
    }
}
