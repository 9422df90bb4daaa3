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

    /// More than this waiting for the kernel, and clients are not read.
    static let pendingBytesHighMark = 1024 * 1024
    private static let pingInterval = TimeAmount.seconds(15)
    private static let helloDeadline = TimeAmount.seconds(15)
    /// Pings without any answer after which the link is given up.
    private static let unansweredPings = 3

    private let eventLoop: any EventLoop
    private let handler: (Event) -> Void
    private var pipe: HostPipe?
    private var endpoint = LinkEndpoint(isCounting: true)
    private(set) var state = State.idle
    private(set) var since = NIODeadline.now()
    private(set) var roundTrip: TimeAmount?
    private var pingSent: [(number: UInt64, at: NIODeadline)] = []
    private var pingNumber: UInt64 = 0
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

    /// Whether clients must wait before they send more.
    var isFull: Bool { endpoint.isFull || (pipe?.pendingBytes ?? 0) > HostLink.pendingBytesHighMark }

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
            onWritable: { [self] in handler(.writable) },
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
        buffer.withUnsafeReadableBytes { endpoint.receive($0) }
        do throws(LinkError) {
            while let event = try endpoint.nextEvent() {
                switch event {
                case .hello(let hello, _): welcome(hello)
                case .message(let message, let frame): handler(.frame(message, frame))
                case .pong(let number): answered(number)
                }
            }
        } catch {
            if case .broken(let error) = error { pipe?.write(ByteBuffer(bytes: LinkEndpoint.goodbye(for: error).bytes)) }
            fail("the link to the host broke: \(String(decoding: error.text, as: UTF8.self))")
            return
        }
        flush()
        handler(.batchEnded)
        // What it acknowledged may have made room.
        if !isFull { handler(.writable) }
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
        change(to: .ready(host))
        ping()
        flush()
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        pingTask = eventLoop.scheduleRepeatedTask(initialDelay: HostLink.pingInterval, delay: HostLink.pingInterval) { _ in
            bound.value.watch()
        }
    }

    /// Passes a frame on. The caller flushes.
    func send(_ frame: Frame) { endpoint.send(sequenced: frame) }

    func send(_ message: Message) { endpoint.send(message) }

    func flush() {
        guard let pipe else { return }
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
        if pingSent.count >= HostLink.unansweredPings {
            fail("the host has not answered for \(HostLink.unansweredPings * 15) seconds")
            return
        }
        ping()
        flush()
    }

    private func ping() {
        pingNumber += 1
        pingSent.append((pingNumber, .now()))
        endpoint.send(.ping(pingNumber))
    }

    private func answered(_ number: UInt64) {
        if let sent = pingSent.first(where: { $0.number == number }) { roundTrip = .now() - sent.at }
        pingSent.removeAll { $0.number <= number }
    }

    // MARK: The end

    /// Ends the link without a failure: the executor sees its input end, kills what it runs and leaves.
    func close() {
        connecting?.cancel()
        tearDown()
        change(to: .idle)
    }

    private func fail(_ reason: String) {
        tearDown()
        change(to: .failed(reason))
        handler(.lost(reason))
    }

    private func tearDown() {
        pingTask?.cancel()
        pingTask = nil
        helloTask?.cancel()
        helloTask = nil
        pingSent = []
        roundTrip = nil
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
