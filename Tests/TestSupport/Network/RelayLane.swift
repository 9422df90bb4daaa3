import NIOCore

/// One direction of one connection: what is on its way. It lives on the relay's loop.
final class RelayLane {
    private let direction: NetworkRelay.Direction
    private let source: any Channel
    private let destination: any Channel
    private unowned let connection: RelayConnection
    private unowned let relay: RelayCore

    /// Before this nothing leaves, since TCP's own handshake is not over: the system accepts without any delay.
    private var handshakeEnd = NIODeadline.uptimeNanoseconds(0)
    private var queue = CircularBuffer<(arrival: NIODeadline, buffer: ByteBuffer)>()
    private var onTheWay = 0
    private var lineIsFreeAt = NIODeadline.uptimeNanoseconds(0)
    private var lastArrival = NIODeadline.uptimeNanoseconds(0)
    private var timer: Scheduled<Void>?
    private var isReading = true
    private var hasEnded = false
    /// Bytes that may still pass before the connection is cut, and before a bit is turned over.
    private var bytesToCut: Int?
    private var bytesToFlip: Int?

    init(
        _ direction: NetworkRelay.Direction, from source: any Channel, to destination: any Channel, of connection: RelayConnection,
        _ relay: RelayCore
    ) {
        self.direction = direction
        self.source = source
        self.destination = destination
        self.connection = connection
        self.relay = relay
    }

    /// The connection is made. In a real network the client knows after a round trip, the server half a round trip earlier.
    func begin() {
        let roundTrip = relay.line.roundTrip.nanoseconds
        handshakeEnd = .now() + .nanoseconds(direction == .toServer ? roundTrip : roundTrip / 2)
    }

    private var bufferLimit: Int {
        let line = relay.line
        let inFlight = line.bytesPerSecond.map { $0 / 1000 * Int(line.roundTrip.nanoseconds / 1_000_000) } ?? (32 << 20)
        return inFlight + 256 * 1024
    }

    func append(_ buffer: ByteBuffer) {
        let line = relay.line
        onTheWay += buffer.readableBytes
        var departure = max(NIODeadline.now(), lineIsFreeAt, handshakeEnd)
        if let rate = line.bytesPerSecond {
            departure = departure + .nanoseconds(Int64(buffer.readableBytes) * 1_000_000_000 / Int64(rate))
        }
        lineIsFreeAt = departure
        var arrival = departure + .nanoseconds(line.roundTrip.nanoseconds / 2)
        if line.jitter > .zero { arrival = arrival + .nanoseconds(Int64.random(in: 0...line.jitter.nanoseconds, using: &relay.random)) }
        lastArrival = max(arrival, lastArrival)
        queue.append((lastArrival, buffer))
        updateReading()
        pump()
    }

    /// The source has ended: the destination does too, when it has everything.
    func end() {
        hasEnded = true
        lastArrival = max(lastArrival, NIODeadline.now() + .nanoseconds(relay.line.roundTrip.nanoseconds / 2))
        queue.append((lastArrival, ByteBuffer()))
        pump()
    }

    /// Passes on what has arrived.
    func pump() {
        timer?.cancel()
        timer = nil
        guard !relay.held.contains(direction) else { return }
        let now = NIODeadline.now()
        while let first = queue.first, first.arrival <= now {
            queue.removeFirst()
            guard pass(first.buffer) else { return }
        }
        if hasEnded, queue.isEmpty {
            destination.close(promise: nil)
        } else if let first = queue.first {
            timer = relay.loop.assumeIsolated().scheduleTask(deadline: first.arrival) { [self] in pump() }
        }
        updateReading()
    }

    /// False where the connection was cut in it.
    private func pass(_ arrived: ByteBuffer) -> Bool {
        var buffer = arrived
        let count = buffer.readableBytes
        onTheWay -= count
        if let place = bytesToFlip {
            bytesToFlip = place < count ? nil : place - count
            if place < count {
                let index = buffer.readerIndex + place
                buffer.setInteger(buffer.getInteger(at: index, as: UInt8.self)! ^ 0x10, at: index)
            }
        }
        if let rest = bytesToCut {
            guard rest > count else {
                destination.writeAndFlush(buffer.readSlice(length: rest)!, promise: nil)
                connection.cut()
                return false
            }
            bytesToCut = rest - count
        }
        if count > 0 { destination.writeAndFlush(buffer, promise: nil) }
        return true
    }

    private func updateReading() {
        let wants = onTheWay < bufferLimit
        guard wants != isReading else { return }
        isReading = wants
        source.setOption(.autoRead, value: wants).whenComplete { _ in }
    }

    // MARK: Faults

    func cut(after bytes: Int) { if bytes == 0 { connection.cut() } else { bytesToCut = min(bytes, bytesToCut ?? bytes) } }

    func flip(after bytes: Int) { bytesToFlip = bytes }

    /// Forgets what is on the way.
    func discard() {
        timer?.cancel()
        timer = nil
        queue.removeAll()
        onTheWay = 0
    }
}
