import PortalWire

extension Workspace {
    /// What changes in a directory, from the moment at which its first element, `ready`, comes. It ends when its task is cancelled or nobody
    /// holds it any more, and throws where the directory goes away. When the executor on the host is lost and there is another one, the watch
    /// goes on there by itself, with a `rescan` of everything in place of what changed meanwhile.
    /// - Parameters:
    ///   - recursive: Whether everything below it is watched too.
    ///   - ignore: Whether ignore files (`.gitignore` and its like) count.
    ///   - exclude: Globs of what is not watched.
    ///   - settleMilliseconds: How long changes are collected before they come, at most a minute.
    public func watch(
        _ path: RemotePath = ".", recursive: Bool = true, ignore: Bool = false, exclude: [String] = [], settleMilliseconds: UInt64 = 50
    ) async throws(PortalError) -> DirectoryWatch {
        let request = WatchStartRequest(
            path: path.bytes, directory: directory, recursive: recursive, ignore: ignore, exclude: exclude.map { Array($0.utf8) },
            settleMilliseconds: settleMilliseconds)
        let connection = connection
        let begin: DirectoryWatch.Begin = { () async throws(PortalError) in
            ExchangeLease(try await connection.start(WatchStartRequest.operation) { request.write(to: &$0) })
        }
        return DirectoryWatch(lease: try await begin(), begin: begin)
    }
}

/// Changes of a directory as they come from the host.
public struct DirectoryWatch: AsyncSequence, Sendable {
    typealias Begin = @Sendable () async throws(PortalError) -> ExchangeLease

    let lease: ExchangeLease
    let begin: Begin

    /// Takes what changed, one line of the host after another. Only one iterator may be in use.
    public struct Iterator: AsyncIteratorProtocol {
        private var lease: ExchangeLease
        private let begin: Begin
        private var lines = LineSplitter()
        private var waiting: [[UInt8]] = []
        /// Whether this executor has said anything: one that is lost before is not followed by another attempt.
        private var hasLines = false
        private var isSecond = false

        init(lease: ExchangeLease, begin: @escaping Begin) {
            self.lease = lease
            self.begin = begin
        }

        /// What changed next; nil when the task was cancelled.
        /// - Throws: `PortalError`: the directory is not there or went away, the host is out of reach.
        public mutating func next() async throws -> WatchLine? {
            while waiting.isEmpty {
                guard let chunk = await lease.exchange.next() else {
                    do throws(PortalError) { _ = try await lease.exchange.end() } catch {
                        if error.code == .cancelled { return nil }
                        guard error.code == .disconnected, hasLines else { throw error }
                        lease = try await begin()
                        (lines, hasLines, isSecond) = (LineSplitter(), false, true)
                        continue
                    }
                    return nil
                }
                waiting = lines.take(chunk.bytes)
            }
            hasLines = true
            let line = waiting.removeFirst()
            guard let value = try? JSONParser.parse(line), let parsed = WatchLine(value) else {
                throw PortalError(.internal, "a line of the watch's answer is none")
            }
            // What changed while nobody looked is not known.
            if isSecond, case .ready = parsed { return .rescan([0x2E]) }
            return parsed
        }
    }

    /// An iterator.
    public func makeAsyncIterator() -> Iterator { Iterator(lease: lease, begin: begin) }
}

/// Gives a request up when nobody can take its answer any more: otherwise it would go on there until its credit is used, and stay open.
final class ExchangeLease: Sendable {
    let exchange: Exchange

    init(_ exchange: Exchange) { self.exchange = exchange }

    deinit { exchange.cancel() }

    /// The end of the answer; it is waited for, also where nobody else holds this any more.
    func end() async throws(PortalError) -> JSONValue {
        defer { withExtendedLifetime(self) {} }
        return try await exchange.end()
    }
}
