import Logging
import NIOCore
import PortalLink
import PortalSSH
import PortalWire

/// The one link to the host: made when a request first needs it, watched by pings, gone when its pipe closes.
/// Confined to the proxy's event loop.
final class HostLink {
    /// What the link tells its proxy.
    enum Event {
        case stateChanged
        case frame(Message, Frame)
        /// Everything that one read brought was passed on.
        case batchEnded
        case writable
        case lost(String)
    }

    enum State {
        case idle
        case connecting
        case ready(HostFacts)
        case failed(String)
    }

    /// More than this waiting for the kernel, and what clients send waits here, where what is short goes first.
    /// The pipe says so when half of it has left.
    private static let pendingBytesHighMark = 512 * 1024
    private static let pingInterval = TimeAmount.seconds(15)
    private static let helloDeadline = TimeAmount.seconds(15)
    /// Pings without any answer after which the link is given up.
    private static let mostUnansweredPings = 3

    private let eventLoop: any EventLoop
    private let handler: (Event) -> Void
    private var pipe: HostPipe?
    private var endpoint = LinkEndpoint(isCounting: true)
    private(set) var state = State.idle
    private(set) var since = NIODeadline.now()
    private let outgoing = OutgoingQueue()
    private var unansweredPings = 0
    private var pingTask: RepeatedTask?
    private var helloTask: Scheduled<Void>?
    private var session: [UInt8] = []

    init(eventLoop: any EventLoop, handler: @escaping (Event) -> Void) {
        self.eventLoop = eventLoop
        self.handler = handler
    }

    var isReady: Bool {
        if case .ready = state { return true }
        return false
    }

    var isIdle: Bool {
        switch state {
        case .idle, .failed: true
        default: false
        }
    }

    /// The last round trip that was measured.
    var roundTrip: TimeAmount? { isReady ? endpoint.roundTrip.map { .nanoseconds(Int64($0)) } : nil }

    /// The bytes of a client that wait for room on the link.
    func waitingBytes(ofClient number: UInt64) -> Int { outgoing.bytes(ofClient: number) }

    // MARK: Connecting

    /// Begins to connect; its outcome is a change of state.
    func connect(_ connect: @escaping @Sendable () async throws -> HostPipe) {
        guard isIdle else { return }
        change(to: .connecting)
        let promise = eventLoop.makePromise(of: HostPipe.self)
        connecting = Task {
            do { promise.succeed(try await connect()) } catch { promise.fail(error) }
        }
        promise.futureResult.assumeIsolated().whenComplete { [self] result in
            connecting = nil
            guard case .connecting = state else {
                if case .success(let pipe) = result { pipe.close() }
                return
            }
            switch result {
            case .success(let pipe): begin(pipe)
            case .failure(let error as SSHError): fail(error.message)
            case .failure(let error): fail("\(error)")
            }
        }
    }
    private var connecting: Task<Void, Never>?

    private func begin(_ pipe: HostPipe) {
        self.pipe = pipe
        endpoint = LinkEndpoint(isCounting: true)
        helloTask = eventLoop.assumeIsolated().scheduleTask(in: HostLink.helloDeadline) { [self] in
            fail("the executor started there but said no hello within 15 seconds; try again, and `portal stop` first if it stays so")
        }
        pipe.start(
            onBytes: { [self] buffer in receive(buffer) },
            onWritable: { [self] in flush() },
            onClosed: { [self] end in
                guard self.pipe != nil else { return }
                fail("the connection to the host ended\(HostLink.describe(end))")
            })
    }

    private static func describe(_ end: HostPipeEnd) -> String {
        let reason = end.reason.isEmpty ? "" : ": \(end.reason)"
        guard let tail = String(validating: end.stderrTail.prefix(400), as: UTF8.self), !tail.isEmpty else { return reason }
        return reason + " (there: " + tail.split(separator: "\n").joined(separator: "; ") + ")"
    }

    // MARK: Traffic

    private func receive(_ buffer: ByteBuffer) {
        setTime()
        buffer.withUnsafeReadableBytes { endpoint.receive($0) }
        do throws(LinkError) {
            while let event = try endpoint.nextEvent() {
                switch event {
                case .hello(let hello, _): welcome(hello)
                case .message(let message, let frame): handler(.frame(message, frame))
                case .pong: unansweredPings = 0
                }
            }
        } catch {
            if case .broken(let error) = error { pipe?.write(ByteBuffer(bytes: LinkEndpoint.goodbye(for: error).bytes)) }
            fail("the link to the host broke: \(String(decoding: error.text, as: UTF8.self))")
            return
        }
        // What it acknowledged may have made room.
        flush()
        handler(.batchEnded)
    }

    private func welcome(_ hello: Hello) {
        helloTask?.cancel()
        guard let host = hello.host, let session = hello.session else {
            fail("the executor's hello lacks its host or its session")
            return
        }
        self.session = session
        var answer = Hello(build: Array(Build.identity.utf8))
        answer.session = session
        endpoint.send(.hello(answer))
        endpoint.begin()
        change(to: .ready(host))
        ping()
        flush()
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        pingTask = eventLoop.scheduleRepeatedTask(initialDelay: HostLink.pingInterval, delay: HostLink.pingInterval) { _ in
            bound.value.watch()
        }
    }

    /// Passes a frame on in its turn among others: a request or its data. The caller flushes.
    func send(_ frame: Frame, of id: UInt64) { outgoing.append(frame, of: id, at: NIODeadline.now().uptimeNanoseconds) }

    /// Passes a frame on before everything that waits: what says something about data that comes from the host. The caller flushes.
    func sendNow(_ frame: Frame) { endpoint.send(sequenced: frame) }

    /// Gives a request up; its data that waits here is dropped. The caller flushes.
    /// - Returns: False where the request itself was waiting here: the host has not seen it and never will.
    func cancel(_ frame: Frame, of id: UInt64) -> Bool {
        guard outgoing.giveUp(id) else { return false }
        sendNow(frame)
        return true
    }

    /// Whether a request waits here: the host has not seen it.
    func isWaiting(_ id: UInt64) -> Bool { outgoing.isWaiting(id) }

    /// The host has ended a request: nothing more of it is sent.
    func ended(_ id: UInt64) { outgoing.remove(id) }

    func flush() {
        guard let pipe else { return }
        setTime()
        var taken = false
        while pipe.pendingBytes + endpoint.outboundBytes < HostLink.pendingBytesHighMark,
            let frame = outgoing.next(hasRoom: endpoint.hasRoom, hasRoomForShort: endpoint.hasRoomForShort, at: endpoint.now)
        {
            endpoint.send(sequenced: frame)
            taken = true
        }
        if taken { handler(.writable) }
        let frames = endpoint.takeOutbound()
        guard !frames.isEmpty else { return }
        var buffer = ByteBuffer()
        buffer.reserveCapacity(frames.reduce(0) { $0 + $1.bytes.count })
        for frame in frames { buffer.writeBytes(frame.bytes) }
        pipe.write(buffer)
    }

    // MARK: Liveness

    private func watch() {
        endpoint.acknowledgeIfNeeded()
        if unansweredPings >= HostLink.mostUnansweredPings {
            fail("the host has not answered for \(HostLink.mostUnansweredPings * 15) seconds")
            return
        }
        ping()
        flush()
    }

    private func ping() {
        unansweredPings += 1
        setTime()
        endpoint.ping()
    }

    private func setTime() { endpoint.now = NIODeadline.now().uptimeNanoseconds }

    // MARK: The end

    /// Ends the link without a failure: the executor sees its input end, kills what it runs and leaves.
    func close() {
        connecting?.cancel()
        tearDown()
        change(to: .idle)
        outgoing.removeAll()
    }

    private func fail(_ reason: String) {
        tearDown()
        change(to: .failed(reason))
        handler(.lost(reason))
        outgoing.removeAll()
    }

    private func tearDown() {
        pingTask?.cancel()
        pingTask = nil
        helloTask?.cancel()
        helloTask = nil
        unansweredPings = 0
        let pipe = self.pipe
        self.pipe = nil
        pipe?.close()
    }

    private func change(to state: State) {
        self.state = state
        since = .now()
        handler(.stateChanged)
    }
}
