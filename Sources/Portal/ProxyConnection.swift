#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import NIOConcurrencyHelpers
import NIOCore
import PortalProxy
import PortalWire

/// A client's connection to a target's proxy, whichever process that is: when one dies, the next is found, and what was open goes on there.
///
/// Everything that changes is in `state`, behind its lock, so that a request begins on its caller's thread: a hop to the loop and back would
/// cost two wakings.
final class ProxyConnection: Sendable {
    /// Reaches a proxy, the running one or a new one, for this connection.
    typealias Finder = @Sendable (ProxyConnection) async throws(PortalError) -> Void

    private static let longestPause: UInt64 = 2_000_000_000

    let options: ConnectionOptions
    /// How the next proxy is found; nil where there is none.
    private let finder: Finder?
    /// The same with each proxy, so that requests keep their identifiers.
    private let number = UInt64.random(in: 1..<1 << 31)
    private let state = NIOLockedValueBox(State())

    private struct State {
        var link: ProxyLink?
        var exchanges: [UInt64: Exchange] = [:]
        /// The upper half of all identifiers.
        var range: UInt64 = 0
        var nextIdentifier: UInt64 = 0
        var lastIdentifier: UInt64 = 0
        /// Where the proxy gives requests; nil while it has no link.
        var place: HistoryPlace?
        var isSearching = false
        /// Why it is over.
        var end: String?
    }

    /// - Parameter finder: Where it is not given, the connection ends with its first proxy.
    init(options: ConnectionOptions, finder: Finder? = nil) {
        self.options = options
        self.finder = finder
    }

    var hello: Hello {
        var hello = Hello(build: Array(Build.identity.utf8))
        hello.isInteractive = options.ask != nil
        hello.patienceSeconds = UInt64(max(0, options.patienceSeconds))
        hello.client = number
        hello.process = UInt64(getpid())
        return hello
    }

    /// Ends the connection; what is open is cancelled by the proxy.
    func close() {
        let link = end("the connection was closed")
        link?.close()
    }

    private func end(_ reason: String) -> ProxyLink? {
        let (open, link) = state.withLockedValue { state -> ([UInt64: Exchange], ProxyLink?) in
            if state.end == nil { state.end = reason }
            defer { state.exchanges = [:] }
            return (state.exchanges, state.link)
        }
        for exchange in open.values { exchange.disconnected(reason) }
        return link
    }

    // MARK: Requests

    /// Whether anything waits for an answer.
    var hasOpenRequests: Bool { state.withLockedValue { !$0.exchanges.isEmpty } }

    /// Sends a request.
    func start(
        _ operation: Literal, payload: [UInt8] = [], hasMore: Bool = false, parameters: (inout JSONWriter) -> Void
    ) async throws(PortalError) -> Exchange {
        let id = try state.withLockedValue { state -> Result<UInt64, PortalError> in
            if let reason = state.end {
                return .failure(PortalError(.disconnected, "the connection to the proxy is closed: \(reason)"))
            }
            guard state.nextIdentifier < state.lastIdentifier else {
                return .failure(PortalError(.tooLarge, "this connection has used all its identifiers"))
            }
            defer { state.nextIdentifier += 1 }
            return .success(state.nextIdentifier)
        }.get()
        let frame = Request.frame(id: id, operation: operation, payload: payload, hasMore: hasMore, parameters: parameters)
        guard frame.headerLength <= Limits.headerLength else {
            throw PortalError(.tooLarge, "the arguments and environment of the request are longer than \(Limits.headerLength / 1024) KiB")
        }
        let exchange = Exchange(id: id, operation: operation, request: frame)
        // It may have ended meanwhile: whoever ends it ends what is in the table, and nothing comes into it after that.
        let (link, end) = state.withLockedValue { state -> (ProxyLink?, String?) in
            guard state.end == nil else { return (nil, state.end) }
            state.exchanges[id] = exchange
            if let link = state.link { exchange.begin(over: link, at: state.place) }
            return (state.link, nil)
        }
        if let end { throw PortalError(.disconnected, "the connection to the proxy is closed: \(end)") }
        if let link { link.send(frame) } else { search() }
        return exchange
    }

    // MARK: From the link, on its event loop

    /// A proxy has answered: it is the one from now on, and what is open goes on through it.
    func adopt(_ link: ProxyLink, identifiers: (first: UInt64, last: UInt64), place: HistoryPlace?) {
        let (open, range) = state.withLockedValue { state -> ([Exchange], UInt64) in
            state.link = link
            state.place = place
            if state.range != identifiers.first >> 32 {
                state.range = identifiers.first >> 32
                state.nextIdentifier = identifiers.first
                state.lastIdentifier = identifiers.last
            }
            return (state.exchanges.values.sorted { $0.id < $1.id }, state.range)
        }
        for exchange in open {
            if !exchange.resume(over: link, at: place, isClaimable: exchange.id >> 32 == range) { remove(exchange) }
        }
    }

    func handle(_ message: Message, _ frame: Frame, over link: ProxyLink, _ touched: inout [Exchange]) throws(WireError) {
        switch message {
        case .data(let id, _, _), .credit(let id, _), .starved(let id):
            guard let exchange = state.withLockedValue({ $0.exchanges[id] }) else { return }
            try exchange.receive(message, frame)
            touched.append(exchange)
        case .result(let id, _), .failure(let id, _):
            guard let exchange = state.withLockedValue({ $0.exchanges.removeValue(forKey: id) }) else { return }
            try exchange.receive(message, frame)
            touched.append(exchange)
        case .claimed(let id, let claimed):
            let (exchange, place) = state.withLockedValue { ($0.exchanges[id], $0.place) }
            if let exchange, !exchange.claimed(claimed, over: link, at: place) { remove(exchange) }
        case .question(let question): ask(question, link)
        case .state(let update):
            if let place = update.place { learn(place) }
            let bytes = update.progress
            options.progress?(
                ConnectionProgress(text: String(decoding: update.text, as: UTF8.self), isReady: update.isReady, bytes: bytes))
        default: throw .message
        }
    }

    private func learn(_ place: HistoryPlace) {
        state.withLockedValue { state in
            state.place = place
            for exchange in state.exchanges.values { exchange.learn(place) }
        }
    }

    private func ask(_ question: Question, _ link: ProxyLink) {
        Task { [self] in
            let answer = await options.ask?(String(decoding: question.text, as: UTF8.self), question.isSecret)
            link.send(.answer(id: question.id, text: answer.map { Array($0.utf8) }))
        }
    }

    private func remove(_ exchange: Exchange) { state.withLockedValue { $0.exchanges[exchange.id] = nil } }

    /// - Parameter isFinal: Whether the proxy said so itself: then no other is looked for.
    func lost(_ link: ProxyLink, _ reason: String, isFinal: Bool) {
        let (isOurs, hasOpen) = state.withLockedValue { state -> (Bool, Bool) in
            guard state.link === link else { return (false, false) }
            state.link = nil
            for exchange in state.exchanges.values { exchange.detach() }
            return (true, !state.exchanges.isEmpty)
        }
        guard isOurs else { return }
        if isFinal || finder == nil {
            _ = end(reason)
        } else if hasOpen {
            search()
        }
    }

    // MARK: The next proxy

    /// Looks for the next proxy, unless that is being done.
    private func search() {
        guard let finder else { return }
        let isNew = state.withLockedValue { state -> Bool in
            guard state.link == nil, !state.isSearching, state.end == nil else { return false }
            state.isSearching = true
            return true
        }
        if isNew { Task { await search(with: finder) } }
    }

    private func search(with finder: Finder) async {
        let deadline = NIODeadline.now() + .seconds(Int64(max(0, options.patienceSeconds)))
        var pause: UInt64 = 50_000_000
        while true {
            var failure: PortalError?
            do throws(PortalError) { try await finder(self) } catch { failure = error }
            let reason = failure?.message ?? "the proxy went away"
            let isLate = NIODeadline.now() >= deadline
            let (isOver, late, closing) = state.withLockedValue { state -> (Bool, [Exchange], ProxyLink?) in
                // One that died as soon as it was found is left by `lost` to this search.
                let isFound = state.end != nil || (failure == nil && (state.link != nil || state.exchanges.isEmpty))
                guard isFound || isLate else { return (false, [], nil) }
                state.isSearching = false
                guard !isFound else { return (true, [], state.end == nil ? nil : state.link) }
                defer { state.exchanges = [:] }
                return (true, Array(state.exchanges.values), nil)
            }
            for exchange in late { exchange.disconnected(reason) }
            closing?.close()
            if isOver { return }
            if let failure { options.progress?(ConnectionProgress(text: failure.message, isReady: false, bytes: nil)) }
            try? await Task.sleep(nanoseconds: pause)
            pause = min(pause * 2, ProxyConnection.longestPause)
        }
    }
}
