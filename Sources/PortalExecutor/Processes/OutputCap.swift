import PortalWire

/// The first and the last half of a stream: what is between them is counted and forgotten.
final class OutputCap {
    private static let least = 64 * 1024

    /// What is left of the first half, which is sent as it comes.
    var rest: Int
    private let tailLength: Int
    /// The last bytes, and up to as many again before them, so that cutting costs a copy of each byte and not of all for each piece.
    private var tail: [UInt8] = []
    private var sent = 0
    private var dropped: UInt64 = 0

    init(limit: Int) {
        rest = limit - limit / 2
        tailLength = limit / 2
    }

    /// Whether everything that was kept is taken.
    var isEmpty: Bool { sent == tail.count }

    func keep(_ bytes: [UInt8]) {
        tail.add(bytes)
        if tail.count - tailLength > max(tailLength, OutputCap.least) { cut() }
    }

    /// There will be no more. Returns how many bytes were dropped.
    func finish() -> UInt64 {
        cut()
        return dropped
    }

    /// The next bytes of the last half.
    func take(_ most: Int) -> [UInt8] {
        cut()
        let end = min(sent + most, tail.count)
        let piece = tail.part(sent, end)
        sent = end
        return piece
    }

    private func cut() {
        let excess = tail.count - tailLength
        guard excess > 0 else { return }
        dropped += UInt64(excess)
        tail = tail.part(from: excess)
    }
}
