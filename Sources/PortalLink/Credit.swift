import PortalWire

/// The sender's half of a stream's credit: how many payload bytes may still be sent.
public struct SendCredit: Sendable {
    /// Bytes that may be sent now.
    public private(set) var available: Int

    /// The credit that every stream begins with.
    public init() { available = Limits.initialCredit }

    /// Takes credit for bytes that are being sent, at most what is available.
    public mutating func take(_ bytes: Int) { available -= bytes }

    /// The receiver grants more.
    /// - Throws: `WireError.credit` where more would stand open than a receiver may let.
    public mutating func grant(_ bytes: UInt64) throws(WireError) {
        guard bytes <= UInt64(Limits.maximumCredit), available + Int(bytes) <= Limits.maximumCredit else { throw .credit }
        available += Int(bytes)
    }
}

/// The receiver's half: how far the window is used, and how much to grant when data has been consumed.
///
/// The window grows as the round trip asks: when the sender says that it is starved while most of what came is already consumed, the credit,
/// not the consumer, is what holds the stream up, and the window doubles. A slow consumer's window stays small.
public struct ReceiveWindow: Sendable {
    /// The credit that the sender may have open in all.
    public private(set) var size: Int
    /// What the sender may still send.
    private var open: Int
    /// Received and not yet consumed.
    private var unconsumed = 0

    /// The window that every stream begins with.
    public init() {
        size = Limits.initialCredit
        open = Limits.initialCredit
    }

    /// Counts payload that came.
    /// - Throws: `WireError.credit` where there was no credit for it.
    public mutating func receive(_ bytes: Int) throws(WireError) {
        guard bytes <= open else { throw .credit }
        open -= bytes
        unconsumed += bytes
    }

    /// The consumer took bytes. Returns the credit to grant now: zero until it is worth a frame.
    public mutating func consume(_ bytes: Int) -> UInt64 {
        unconsumed -= bytes
        return grant(atLeast: size / 4)
    }

    /// The sender has used all its credit and has more to send. Returns the credit to grant now, zero for none.
    public mutating func starve() -> UInt64 {
        if unconsumed <= size / 2 { size = min(size * 2, Limits.maximumCredit) }
        return grant(atLeast: 1)
    }

    private mutating func grant(atLeast least: Int) -> UInt64 {
        let grant = size - open - unconsumed
        guard grant >= least else { return 0 }
        open += grant
        return UInt64(grant)
    }
}
