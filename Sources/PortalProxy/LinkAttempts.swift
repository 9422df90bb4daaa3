import NIOCore
import PortalSSH

/// Makes a pipe to the host: one attempt after the other, with pauses between them. Confined to the proxy's event loop.
final class LinkAttempts {
    /// Makes a pipe to an executor that is started with these arguments, or is already there, and says how far it has come.
    typealias Connect =
        @Sendable (_ arguments: [String], _ reached: @escaping @Sendable (ConnectPhase) -> Void) async throws -> HostPipe

    private struct Attempt {
        let task: Task<Void, Never>
        let begun = NIODeadline.now()
        /// Whether something answers there.
        var isConnected = false
        /// From where, if that can be told.
        var localAddress: LocalAddress?

        /// Whether it is better begun anew, in a network that is another one now. What has not come through to the host in a second asked the
        /// network before, and its next question may be seconds away.
        var isOvertaken: Bool {
            if isConnected { return localAddress.map { !$0.isThere } ?? false }
            return NIODeadline.now() - begun >= .seconds(1)
        }
    }

    private let eventLoop: any EventLoop
    private let connect: Connect
    private let arguments: () -> [String]
    private let ended: (Result<HostPipe, SSHError>) -> Void

    private var backoff = Backoff()
    private var pause: Scheduled<Void>?
    /// When the last one began: one that itself took long needs no pause behind it.
    private var lastBegun: NIODeadline?
    private var attempt: Attempt?
    /// Tells the attempt that counts from those that were given up.
    private var number = 0

    /// - Parameters:
    ///   - arguments: What the executor is started with; asked for each attempt.
    ///   - ended: Called with the outcome of each attempt that was not given up.
    init(
        eventLoop: any EventLoop, connect: @escaping Connect, arguments: @escaping () -> [String],
        ended: @escaping (Result<HostPipe, SSHError>) -> Void
    ) {
        self.eventLoop = eventLoop
        self.connect = connect
        self.arguments = arguments
        self.ended = ended
    }

    /// Attempts since the last success.
    var count: Int { backoff.count }

    /// Begins the next one after its pause, unless one is under way.
    /// - Parameter longest: The most that is paused.
    func next(longest: TimeAmount) {
        guard attempt == nil, pause == nil else { return }
        let time = (lastBegun ?? .now()) + backoff.next(chance: .random(in: 0...1), longest: longest)
        pause = eventLoop.assumeIsolated().scheduleTask(deadline: time) { [self] in
            pause = nil
            begin()
        }
    }

    /// The next attempt is as the first one, made at once.
    func reset() { backoff.reset() }

    func giveUp() {
        number += 1
        attempt?.task.cancel()
        attempt = nil
        pause?.cancel()
        pause = nil
    }

    /// The network of this machine is another one: what waits, or hangs in the old one, is over, and the next attempt is made at once.
    func networkChanged() {
        backoff.reset()
        if attempt?.isOvertaken ?? true { giveUp() }
    }

    private func begin() {
        number += 1
        lastBegun = .now()
        let number = number
        let promise = eventLoop.makePromise(of: HostPipe.self)
        let (connect, arguments, eventLoop) = (connect, arguments(), eventLoop)
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        let reached: @Sendable (ConnectPhase) -> Void = { phase in eventLoop.execute { bound.value.reached(phase, by: number) } }
        let task = Task { do { promise.succeed(try await connect(arguments, reached)) } catch { promise.fail(error) } }
        attempt = Attempt(task: task)
        promise.futureResult.assumeIsolated().whenComplete { [self] result in
            guard number == self.number else {
                if case .success(let pipe) = result { pipe.close() }
                return
            }
            attempt = nil
            switch result {
            case .success(let pipe): ended(.success(pipe))
            case .failure(let error as SSHError): ended(.failure(error))
            case .failure(let error): ended(.failure(SSHError(.internal, "\(error)")))
            }
        }
    }

    private func reached(_ phase: ConnectPhase, by number: Int) {
        guard number == self.number, case .keyExchange(let origin) = phase else { return }
        attempt?.isConnected = true
        attempt?.localAddress = origin
    }
}
