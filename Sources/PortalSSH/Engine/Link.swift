import NIOCore
import NIOPosix

/// Glues an `Engine` to a NIO channel: first steps of connecting, one at a time, then the stream of one SSH channel.
///
/// `@unchecked Sendable`: everything mutable is touched only on `eventLoop`; `perform` and `close` hop to it, and every other member
/// checks it (`preconditionInEventLoop`).
final class Link: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    let eventLoop: any EventLoop
    private let engine: Engine
    private var context: ChannelHandlerContext?
    /// Set when the byte pipe or the session is gone.
    private var failure: String?
    /// A thread of the pool has the engine for now; nothing here may touch it, and what arrives is kept in `arrived`.
    private var isLent = false
    private var arrived: [ByteBuffer] = []
    /// The step under way: called again whenever bytes arrived, and with an error when the link ends.
    private var step: ((SSHError?) -> Void)?

    // The stream, once the command runs.
    private var handlers: Handlers?
    private var isPaused = true
    private var isPumping = false
    private var isFlushScheduled = false
    private var queue = CircularBuffer<ByteBuffer>()
    private var queuedBytes = 0
    /// The window of the host is closed; only bytes from there can change that.
    private var isBlocked = false
    private var wasAboveHighMark = false
    private var readBuffer = ByteBufferAllocator().buffer(capacity: 64 << 10)
    private var errorBuffer = ByteBufferAllocator().buffer(capacity: 4 << 10)
    private(set) var stderrTail: [UInt8] = []
    /// What the command that carries the bytes says, when there is one. Set before the link is used.
    var diagnosis: OutputTail?
    private var isStreaming = false
    private var end: HostPipeEnd?
    private var isClosing = false
    private var exitDeadline: Scheduled<Void>?
    private var closeDeadline: Scheduled<Void>?

    struct Handlers {
        var onBytes: (ByteBuffer) -> Void
        var onWritable: () -> Void
        var onClosed: (HostPipeEnd) -> Void
        /// Called after each pump; the bootstrap follows the upload with it.
        var onPump: () -> Void = {}
    }

    static let highMark = 512 << 10
    static let lowMark = 256 << 10
    static let stderrLimit = 8 << 10

    init(engine: Engine, eventLoop: any EventLoop) {
        self.engine = engine
        self.eventLoop = eventLoop
    }

    // MARK: NIO

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.context = nil
        connectionEnded()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if isLent { arrived.append(unwrapInboundIn(data)) } else { engine.receive(unwrapInboundIn(data)) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isBlocked = false
        drive()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { drive() }
    }

    func channelInactive(context: ChannelHandlerContext) {
        // What arrived with the end still counts: the exit status is usually in it.
        drive()
        connectionEnded()
    }

    /// A proxy command that gives up closes its output and then says why, or the other way round: both are waited for, briefly.
    private func connectionEnded() {
        let reason = "the connection was closed by the host or the network"
        guard failure == nil, let diagnosis, !diagnosis.isComplete else { return fail(reason) }
        let limit = eventLoop.assumeIsolated().scheduleTask(in: .seconds(2)) { [weak self] in self?.fail(reason) }
        diagnosis.onComplete = { [weak self] in
            limit.cancel()
            self?.fail(reason)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail("the connection failed: \(error)")
        context.close(promise: nil)
    }

    private func drive() {
        if let step { step(nil) } else if isStreaming { pump() }
        flush()
    }

    private func flush() {
        guard !isLent, let context, let bytes = engine.takeOutbound() else { return }
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    // MARK: Steps

    /// Runs one step of connecting to its end: called now and whenever bytes arrived, until it returns a value or throws.
    ///
    /// - Throws: `.timedOut` after `limit`, `.disconnected` when the link ends, or what `translate` makes of the engine's fault.
    func perform<Value: Sendable>(
        _ phase: String, within limit: TimeAmount,
        translate: @escaping @Sendable (EngineFault) -> SSHError,
        _ body: @escaping @Sendable (Engine) throws(EngineFault) -> Value?
    ) async throws(SSHError) -> Value {
        try await run(phase, within: limit) { end in
            do throws(EngineFault) {
                if let value = try body(self.engine) { end.finish(.success(value)) }
            } catch {
                end.finish(.failure(translate(error)))
            }
        }
    }

    /// As `perform`, but the body runs on a thread of the pool and may block there: for what computes long or asks a person from
    /// inside libssh2. The engine is lent to that thread as a whole: the loop does not touch it until it is back.
    func performBlocking<Value: Sendable>(
        _ phase: String, within limit: TimeAmount,
        translate: @escaping @Sendable (EngineFault) -> SSHError,
        _ body: @escaping @Sendable (Engine) throws(EngineFault) -> Value?
    ) async throws(SSHError) -> Value {
        try await run(phase, within: limit) { end in self.lend(body, translate, end) }
    }

    /// Makes attempts at a step, each on the loop, until one of them, or the deadline, or the link's end, finishes it.
    private func run<Value: Sendable>(
        _ phase: String, within limit: TimeAmount, _ attempt: @escaping @Sendable (StepEnd<Value>) -> Void
    ) async throws(SSHError) -> Value {
        let result: Result<Value, SSHError> = await withCheckedContinuation { continuation in
            eventLoop.execute {
                let end = StepEnd(phase, self) { continuation.resume(returning: $0) }
                guard end.arm(within: limit) else { return }
                self.step = { error in if let error { end.finish(.failure(error)) } else { attempt(end) } }
                self.drive()
            }
        }
        return try result.get()
    }

    private func lend<Value: Sendable>(
        _ body: @escaping @Sendable (Engine) throws(EngineFault) -> Value?, _ translate: @escaping @Sendable (EngineFault) -> SSHError,
        _ end: StepEnd<Value>
    ) {
        guard !isLent else { return }
        isLent = true
        // A thread of its own: a person may take minutes, and the shared pool has few threads, which others wait for.
        let thread = NIOThreadPool(numberOfThreads: 1)
        thread.start()
        thread.submit { _ in
            defer { thread.shutdownGracefully { _ in } }
            var result: Result<Value, SSHError>?
            do throws(EngineFault) {
                if let value = try body(self.engine) { result = .success(value) }
            } catch {
                result = .failure(translate(error))
            }
            let outcome = result
            self.eventLoop.execute {
                self.isLent = false
                let isMore = !self.arrived.isEmpty
                for bytes in self.arrived { self.engine.receive(bytes) }
                self.arrived = []
                self.flush()
                if let outcome { end.finish(outcome) } else if isMore { self.drive() }
            }
        }
    }

    /// Ends a step once: takes it off the link, cancels its deadline and tells who waits. `@unchecked Sendable`: used on the loop only.
    private final class StepEnd<Value: Sendable>: @unchecked Sendable {
        private let phase: String
        private let link: Link
        private var done: ((Result<Value, SSHError>) -> Void)?
        private var deadline: Scheduled<Void>?

        init(_ phase: String, _ link: Link, _ done: @escaping (Result<Value, SSHError>) -> Void) {
            self.phase = phase
            self.link = link
            self.done = done
        }

        /// False: the link is over, and that was told.
        func arm(within limit: TimeAmount) -> Bool {
            precondition(link.step == nil, "one step at a time")
            if let failure = link.failure {
                finish(.failure(SSHError(.disconnected, "\(phase): \(failure).")))
                return false
            }
            deadline = link.eventLoop.assumeIsolated().scheduleTask(in: limit) { [self] in
                finish(.failure(SSHError(.timedOut, "\(phase): no answer from the host within \(limit.nanoseconds / 1_000_000_000) s.")))
            }
            return true
        }

        func finish(_ result: Result<Value, SSHError>) {
            guard let done else { return }
            self.done = nil
            deadline?.cancel()
            link.step = nil
            done(result)
        }
    }

    // MARK: The stream

    /// Switches from steps to the stream of the channel that was opened.
    func attach(_ handlers: Handlers) {
        eventLoop.preconditionInEventLoop()
        self.handlers = handlers
        isStreaming = true
        isPaused = false
        if end != nil { return deliverEnd() }
        scheduleFlush()
    }

    /// Stops delivering until `attach` is called again.
    func detach() {
        eventLoop.preconditionInEventLoop()
        handlers = nil
        isPaused = true
    }

    var pendingBytes: Int {
        eventLoop.preconditionInEventLoop()
        return queuedBytes + bufferedBytes
    }

    /// Encrypted, accepted by NIO, not yet by the kernel.
    private var bufferedBytes: Int {
        guard let context, let options = context.channel.syncOptions else { return 0 }
        return (try? options.getOption(.bufferedWritableBytes)) ?? 0
    }

    func write(_ bytes: ByteBuffer) {
        eventLoop.preconditionInEventLoop()
        guard end == nil, !isClosing, bytes.readableBytes > 0 else { return }
        queue.append(bytes)
        queuedBytes += bytes.readableBytes
        // At the mark counts: who asks "is it below?" before each write stops there and waits to be told.
        if queuedBytes > Link.lowMark, queuedBytes + bufferedBytes >= Link.highMark { wasAboveHighMark = true }
        scheduleFlush()
    }

    func setPaused(_ paused: Bool) {
        eventLoop.preconditionInEventLoop()
        guard isPaused != paused else { return }
        isPaused = paused
        if !paused { scheduleFlush() }
    }

    /// Everything written in one tick of the loop leaves in one packet train and one system call.
    private func scheduleFlush() {
        guard !isPumping, !isFlushScheduled else { return }
        isFlushScheduled = true
        eventLoop.execute {
            self.isFlushScheduled = false
            self.drive()
        }
    }

    private func pump() {
        guard end == nil, failure == nil, !isPumping else { return }
        isPumping = true
        do throws(EngineFault) {
            repeat {
                try writeQueued()
                if isPaused { try engine.turnOver() } else { try readAvailable() }
                // Reading may have brought a window adjustment, or made the owner write.
            } while try writeQueued() || (engine.hasInbound && !isPaused)
        } catch {
            isPumping = false
            return fail("the SSH session failed: \(error.text)")
        }
        isPumping = false
        flush()
        if !isPaused, engine.isAtEnd { finishChannel() }
        if wasAboveHighMark, end == nil, pendingBytes < Link.lowMark {
            wasAboveHighMark = false
            handlers?.onWritable()
        }
        handlers?.onPump()
        if isClosing, queue.isEmpty, end == nil { depart() }
    }

    /// Encrypts what the host's window and NIO's buffer have room for. True: progress was made.
    @discardableResult
    private func writeQueued() throws(EngineFault) -> Bool {
        var progress = false
        while !isBlocked, let context, context.channel.isWritable, let head = queue.first {
            let fault = Box<EngineFault?>(nil)
            let count = head.withUnsafeReadableBytes { bytes -> Int in
                do throws(EngineFault) { return try engine.write(bytes) } catch {
                    fault.value = error
                    return 0
                }
            }
            if let fault = fault.value { throw fault }
            guard count > 0 else {
                // The call also took in what had arrived; with more to come, more is tried after that.
                isBlocked = !engine.hasInbound
                break
            }
            progress = true
            queuedBytes -= count
            if count == head.readableBytes { queue.removeFirst() } else { queue[queue.startIndex].moveReaderIndex(forwardBy: count) }
            // NIO counts what it is given; give it, so that its high mark stops this loop.
            if queuedBytes > 0 { flush() }
        }
        return progress
    }

    private func readAvailable() throws(EngineFault) {
        while !isPaused {
            readBuffer.clear(minimumCapacity: 64 << 10)
            let count = try engine.read(stream: 0, into: &readBuffer)
            errorBuffer.clear(minimumCapacity: 4 << 10)
            let errors = try engine.read(stream: 1, into: &errorBuffer)
            if errors > 0 {
                stderrTail += errorBuffer.readableBytesView
                if stderrTail.count > Link.stderrLimit { stderrTail.removeFirst(stderrTail.count - Link.stderrLimit) }
            }
            if count > 0 { handlers?.onBytes(readBuffer) }
            if count == 0, errors == 0 { return }
        }
    }

    // MARK: The end

    /// After end of file the status follows within a moment or not at all.
    private func finishChannel() {
        if exitDeadline == nil {
            exitDeadline = eventLoop.assumeIsolated().scheduleTask(in: .seconds(2)) { [weak self] in
                self?.finish(HostPipeEnd(reason: "the executor closed its output", stderrTail: self?.stderrTail ?? []))
            }
        }
        do throws(EngineFault) {
            guard try engine.finish() != nil else { return }
        } catch {
            return fail("the SSH session failed: \(error.text)")
        }
        let signal = engine.exitSignal
        let status = signal == nil ? engine.exitStatus : nil
        let reason = signal.map { "the executor was ended by signal \($0)" } ?? "the executor exited with status \(status ?? 0)"
        finish(HostPipeEnd(reason: reason, exitStatus: status, exitSignal: signal, stderrTail: stderrTail))
    }

    private func fail(_ reason: String) {
        var reason = reason
        if let said = diagnosis?.bytes, !said.isEmpty { reason += "; the proxy command said: \(printable(said))" }
        if failure == nil { failure = reason }
        step?(SSHError(.disconnected, "\(reason)."))
        if isStreaming { finish(HostPipeEnd(reason: isClosing ? "closed here" : reason, stderrTail: stderrTail)) }
    }

    private func finish(_ end: HostPipeEnd) {
        guard self.end == nil else { return }
        self.end = end
        exitDeadline?.cancel()
        queue.removeAll()
        queuedBytes = 0
        leave()
        deliverEnd()
    }

    private func deliverEnd() {
        guard let end, let handlers else { return }
        self.handlers = nil
        handlers.onClosed(end)
    }

    /// Sends what is queued, says goodbye and closes, all within two seconds. May be called on any thread.
    func close() {
        guard eventLoop.inEventLoop else { return eventLoop.execute { self.close() } }
        guard !isClosing else { return }
        isClosing = true
        guard isStreaming, end == nil, failure == nil else { return leave() }
        closeDeadline = eventLoop.assumeIsolated().scheduleTask(in: .seconds(2)) { [weak self] in self?.leave() }
        scheduleFlush()
    }

    /// Closes when the farewell, and so everything before it, was handed to the kernel, or at `closeDeadline`.
    private func depart() {
        guard failure == nil, let context else { return leave() }
        failure = "closed here"
        engine.sayGoodbye()
        let promise = eventLoop.makePromise(of: Void.self)
        promise.futureResult.whenComplete { _ in self.leave() }
        context.writeAndFlush(wrapOutboundOut(engine.takeOutbound() ?? ByteBuffer()), promise: promise)
    }

    private func leave() {
        closeDeadline?.cancel()
        guard let context, context.channel.isActive else { return }
        if failure == nil {
            failure = "closed here"
            if !isLent { engine.sayGoodbye() }
            flush()
        }
        context.close(promise: nil)
        if isStreaming { finish(HostPipeEnd(reason: "closed here", stderrTail: stderrTail)) }
    }

    /// What the engine tells about itself.
    func inspect<Value>(_ body: (Engine) -> Value) -> Value {
        eventLoop.preconditionInEventLoop()
        return body(engine)
    }
}

/// A variable that a closure may set.
private final class Box<Value> {
    var value: Value
    init(_ value: Value) { self.value = value }
}
