import NIOCore
import PortalLink
import PortalWire

/// What clients have for the host and the link has no room for yet. Confined to the proxy's event loop.
///
/// A request's frames keep their order. Between requests, those that send little go first, and streams take turns: so a small call waits
/// behind a frame or two of somebody's upload and never behind its megabytes.
final class OutgoingQueue {
    private struct Waiting {
        var frames = CircularBuffer<Frame>()
        var budget = ShortBudget()
        /// Whether it stands in one of the two queues.
        var isQueued = false
        /// Whether its first frame, the request, was sent.
        var hasBegun = false
    }

    private var requests: [UInt64: Waiting] = [:]
    private var short = CircularBuffer<UInt64>()
    private var streams = CircularBuffer<UInt64>()
    private var bytesOfClients: [UInt64: Int] = [:]

    /// Whether nothing waits.
    var isEmpty: Bool { short.isEmpty && streams.isEmpty }

    /// The bytes that wait for a client.
    func bytes(ofClient number: UInt64) -> Int { bytesOfClients[number] ?? 0 }

    /// Takes a frame of a request.
    func append(_ frame: Frame, of id: UInt64, at now: UInt64) {
        var waiting = requests.removeValue(forKey: id) ?? Waiting()
        waiting.frames.append(frame)
        bytesOfClients[id >> 32, default: 0] += frame.bytes.count
        queue(id, &waiting, at: now)
        requests[id] = waiting
    }

    /// The next frame that may be sent, or nil.
    func next(hasRoom: Bool, hasRoomForShort: Bool, at now: UInt64) -> Frame? {
        while true {
            let id: UInt64
            if hasRoomForShort, let first = short.popFirst() {
                id = first
            } else if short.isEmpty, hasRoom, let first = streams.popFirst() {
                id = first
            } else {
                return nil
            }
            guard var waiting = requests.removeValue(forKey: id) else { continue }
            waiting.isQueued = false
            let frame = waiting.frames.popFirst()
            waiting.hasBegun = true
            if let frame {
                waiting.budget.take(frame.payloadLength)
                count(-frame.bytes.count, of: id)
            }
            if !waiting.frames.isEmpty { queue(id, &waiting, at: now) }
            requests[id] = waiting
            if let frame { return frame }
        }
    }

    /// A request has ended: what waits of it is not sent, and nothing is remembered of it.
    func remove(_ id: UInt64) {
        guard let waiting = requests.removeValue(forKey: id) else { return }
        for frame in waiting.frames { count(-frame.bytes.count, of: id) }
    }

    /// Whether the request itself waits.
    func isWaiting(_ id: UInt64) -> Bool { requests[id].map { !$0.hasBegun } ?? false }

    /// A request is given up: its data that waits is not sent.
    /// - Returns: Whether the request itself was sent; where it was not, it is forgotten.
    func giveUp(_ id: UInt64) -> Bool {
        guard var waiting = requests.removeValue(forKey: id) else { return true }
        for frame in waiting.frames { count(-frame.bytes.count, of: id) }
        waiting.frames.removeAll()
        if waiting.hasBegun { requests[id] = waiting }
        return waiting.hasBegun
    }

    /// The link is gone, and with it every request.
    func removeAll() {
        requests = [:]
        short.removeAll()
        streams.removeAll()
        bytesOfClients = [:]
    }

    private func queue(_ id: UInt64, _ waiting: inout Waiting, at now: UInt64) {
        guard !waiting.isQueued else { return }
        waiting.isQueued = true
        if waiting.budget.isShort(at: now) { short.append(id) } else { streams.append(id) }
    }

    private func count(_ bytes: Int, of id: UInt64) {
        let left = (bytesOfClients[id >> 32] ?? 0) + bytes
        bytesOfClients[id >> 32] = left > 0 ? left : nil
    }
}
