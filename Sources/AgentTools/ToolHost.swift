import DoorSupport
import Portal
import PortalWire
import Synchronization

/// A host that tools act on, and what is remembered of it between calls. It is connected to when it is first needed, or before that in the
/// background; nothing is done anywhere else where it cannot be reached.
public final class ToolHost: Sendable {
    /// What models call it.
    public let name: String
    /// How the user named it.
    public let target: String
    private let open: Opening
    private let state = Mutex(State())
    let commands = CommandTable()

    /// Reaches the proxy of the target; hears how far connecting is.
    public typealias Opening =
        @Sendable (_ progress: @escaping @Sendable (ConnectionProgress) -> Void) async throws(PortalError) -> Workspace

    private struct State {
        var opening: Task<Result<Workspace, PortalError>, Never>?
        var place: Place?
        /// In which the next command runs; nil for the workspace's directory.
        var shellDirectory: [UInt8]?
        /// The shell that commands are given to; nil until it is known whether there is a bash.
        var shell: [UInt8]?
        /// The SHA-256 of files as the model last saw them, by their paths.
        var seen: [[UInt8]: [UInt8]] = [:]
        var files: [[UInt8]: PathLock] = [:]
        var listeners: [UInt64: @Sendable (String) -> Void] = [:]
        var nextListener: UInt64 = 0
        var latest: String?
    }

    /// A workspace that has been reached.
    struct Place: Sendable {
        let workspace: Workspace
        let facts: HostFacts
        /// The workspace's directory, absolute.
        let root: [UInt8]
    }

    /// - Parameters:
    ///   - name: What models call it.
    ///   - target: How the user named it.
    ///   - open: Reaches its proxy. It is called again after it has failed.
    public init(name: String, target: String, open: @escaping Opening) {
        self.name = name
        self.target = target
        self.open = open
    }

    // MARK: Reaching it

    /// The workspace, when the host has answered.
    /// - Throws: `PortalError`, which says why it cannot be reached. The next call tries again.
    func place() async throws(PortalError) -> Place {
        if let place = state.withLock({ $0.place }) { return place }
        let workspace = try await workspace()
        let facts = try await workspace.host()
        let place = Place(workspace: workspace, facts: facts, root: ToolHost.root(workspace.target.directory, home: facts.home))
        state.withLock { $0.place = place }
        return place
    }

    /// The place where it is known; nothing is waited for.
    var knownPlace: Place? { state.withLock { $0.place } }

    /// Many calls at once share one opening, and the end of one of them is not the end of it.
    private func workspace() async throws(PortalError) -> Workspace {
        let opening = state.withLock { state -> Task<Result<Workspace, PortalError>, Never> in
            if let opening = state.opening { return opening }
            let opening = Task { await self.opened() }
            state.opening = opening
            return opening
        }
        return try await opening.value.get()
    }

    private func opened() async -> Result<Workspace, PortalError> {
        do throws(PortalError) {
            return .success(try await open { [weak self] in self?.hear($0) })
        } catch {
            state.withLock { $0.opening = nil }
            return .failure(error)
        }
    }

    private static func root(_ directory: String?, home: [UInt8]) -> [UInt8] {
        guard let directory, !directory.isEmpty else { return home }
        return HostPath.absolute(Array(directory.utf8), from: home, home: home)
    }

    /// Leaves the proxy.
    func close() async {
        guard let opening = state.withLock({ $0.opening }) else { return }
        if case .success(let workspace) = await opening.value { workspace.close() }
    }

    // MARK: How far connecting is

    private func hear(_ progress: ConnectionProgress) {
        let listeners = state.withLock { state in
            state.latest = progress.isReady ? nil : progress.text
            return Array(state.listeners.values)
        }
        if !progress.isReady { for listener in listeners { listener(progress.text) } }
    }

    /// What is waited for now; nil where the link is there, as far as is known.
    var waitsFor: String? { state.withLock { $0.latest } }

    /// Calls `listener` with what is waited for, until the number that it gives is given to `forget`.
    func listen(_ listener: @escaping @Sendable (String) -> Void) -> UInt64 {
        state.withLock { state in
            state.nextListener += 1
            state.listeners[state.nextListener] = listener
            return state.nextListener
        }
    }

    func forget(_ listener: UInt64) { state.withLock { $0.listeners[listener] = nil } }

    // MARK: What is remembered

    /// The directory of the next command; nil for the workspace's.
    var shellDirectory: [UInt8]? {
        get { state.withLock { $0.shellDirectory } }
        set { state.withLock { $0.shellDirectory = newValue } }
    }

    /// The shell that commands are given to; nil until it is known.
    var shell: [UInt8]? {
        get { state.withLock { $0.shell } }
        set { state.withLock { $0.shell = newValue } }
    }

    /// The hash of a file as the model last saw it.
    func seen(_ path: [UInt8]) -> [UInt8]? { state.withLock { $0.seen[path] } }

    /// The model has seen a file, or made it.
    func see(_ path: [UInt8], _ sha256: [UInt8]) { state.withLock { $0.seen[path] = sha256 } }

    /// Calls that change the same file come one after the other: of two edits that are made at once, the second begins with what the first has made.
    func withFile<Value: Sendable>(_ path: [UInt8], _ body: () async throws -> Value) async throws -> Value {
        let lock = state.withLock { state -> PathLock in
            let lock = state.files[path] ?? PathLock()
            lock.users += 1
            state.files[path] = lock
            return lock
        }
        defer {
            state.withLock { state in
                lock.users -= 1
                if lock.users == 0 { state.files[path] = nil }
            }
        }
        await lock.turn.take()
        defer { lock.turn.give() }
        return try await body()
    }
}

/// Whose turn it is at a file. `@unchecked Sendable`: `users` is guarded by the lock of its host's state.
private final class PathLock: @unchecked Sendable {
    var users = 0
    let turn = Turn()
}

/// One task at a time, in the order in which they came.
final class Turn: Sendable {
    private struct State {
        var isTaken = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }
    private let state = Mutex(State())

    /// Returns when it is the caller's turn, which ends with `give`. A cancelled task waits too: whoever has the turn is cancelled as easily.
    func take() async {
        await withCheckedContinuation { continuation in
            let isMine = state.withLock { state -> Bool in
                guard state.isTaken else {
                    state.isTaken = true
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isMine { continuation.resume() }
        }
    }

    func give() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard !state.waiting.isEmpty else {
                state.isTaken = false
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.resume()
    }
}
