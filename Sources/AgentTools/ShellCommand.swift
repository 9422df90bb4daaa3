import Portal
import PortalWire
import Synchronization

/// A command that Bash has started on a host.
final class ShellCommand: Sendable {
    /// What the model calls it, which is the process's name on the host.
    let identifier: String
    let text: String
    let process: BackgroundProcess
    /// Whether what it prints on standard error is no output but says in which directory the shell was at its end.
    let reports: Bool
    private let state = Mutex(State())

    private struct State {
        /// Up to which byte the model has seen what it printed.
        var position: UInt64 = 0
        var end: ProcessEnd?
        var wasKilled = false
    }

    init(identifier: String, text: String, process: BackgroundProcess, reports: Bool) {
        self.identifier = identifier
        self.text = text
        self.process = process
        self.reports = reports
    }

    /// Up to which byte the model has seen what it printed.
    var position: UInt64 {
        get { state.withLock { $0.position } }
        set { state.withLock { $0.position = max($0.position, newValue) } }
    }

    /// How it ended, as far as that is known here.
    var end: ProcessEnd? {
        get { state.withLock { $0.end } }
        set { state.withLock { $0.end = newValue } }
    }

    /// Whether it was ended by being killed from here.
    private(set) var wasKilled: Bool {
        get { state.withLock { $0.wasKilled } }
        set { state.withLock { $0.wasKilled = newValue } }
    }

    /// Ends it with everything that it started, at once: where its first process left on TERM, what ignores that could not be found any more.
    /// - Returns: False where it had ended before.
    /// - Throws: `PortalError`.
    @discardableResult
    func kill() async throws(PortalError) -> Bool {
        do throws(PortalError) { try await process.signal(9, tree: true) } catch {
            guard error.code == .notFound else { throw error }
            return false
        }
        wasKilled = true
        return true
    }
}

/// The commands of a host that a model can still ask about.
final class CommandTable: Sendable {
    /// As many ended commands as the host keeps the output of.
    private static let most = 256
    private let state = Mutex<[ShellCommand]>([])

    func add(_ command: ShellCommand) {
        state.withLock { commands in
            commands.append(command)
            guard commands.count > CommandTable.most, let oldest = commands.firstIndex(where: { $0.end != nil }) else { return }
            commands.remove(at: oldest)
        }
    }

    func remove(_ command: ShellCommand) { state.withLock { $0.removeAll { $0 === command } } }

    func find(_ identifier: String) -> ShellCommand? { state.withLock { $0.first { $0.identifier == identifier } } }

    /// Those of which no end is known here.
    var living: [ShellCommand] { state.withLock { $0.filter { $0.end == nil } } }
}
