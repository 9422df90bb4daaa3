import CExecutorPlatform
import PortalWire

/// A process that other requests reach by its name, and its end once it has one.
final class NamedProcess {
    let name: [UInt8]
    /// Nil once it has ended.
    fileprivate(set) var run: RunRequest?
    fileprivate(set) var end: ProcessEnd?
    var waiters: [WaitRequest] = []

    fileprivate init(name: [UInt8], run: RunRequest) {
        self.name = name
        self.run = run
    }
}

/// The processes of the session: by number to take their ends, by name for requests.
final class ProcessTable {
    private static let keptEnds = 256

    /// Begins every process's marker: what was started by this executor is found by it, wherever it went.
    private let marker: [UInt8]
    private var started: UInt64 = 0
    private var starting = 0
    private var running = NumberTable<RunRequest>()
    /// Ends of children that no request has claimed: orphans, and children whose start the loop has not heard of yet.
    private var unclaimed: [platform_end] = []
    private var named: [NamedProcess] = []

    init(marker: [UInt8]) { self.marker = [UInt8]("PORTAL_PROCESS=") + marker + [0x2E] }

    /// Processes that were started and have not ended.
    var livingCount: Int { running.count }

    /// An environment entry that no other process has.
    func newMarker() -> [UInt8] {
        started += 1
        var entry = marker
        entry.append(decimal: started)
        // Ended by a dot too, so that the first is no prefix of the tenth.
        entry.append(0x2E)
        return entry
    }

    func willStart() { starting += 1 }

    /// A start has come to its end; nil where there is no process. Returns the process's end where it is known already.
    func didStart(_ process: Int32?, _ request: RunRequest) -> platform_end? {
        starting -= 1
        var end: platform_end?
        if let process {
            for unclaimed in unclaimed where unclaimed.process == process { end = unclaimed }
            if end == nil { running.insert(request, for: UInt64(process)) }
        }
        if starting == 0 { unclaimed = [] }
        return end
    }

    /// Takes the ends of all children that have ended.
    func reap() {
        var end = platform_end()
        while platform_reap(&end) > 0 {
            if let request = running.remove(UInt64(end.process)) {
                request.leaderEnded(end)
            } else if starting > 0 {
                unclaimed.append(end)
            }
        }
    }

    /// Kills everything that descends from this executor.
    func killAll() { _ = platform_tree_signal(0, marker + [0], 9) }

    // MARK: Names

    /// The process of a name, living or ended.
    func find(_ name: [UInt8]) -> NamedProcess? { named.first { $0.name == name } }

    /// Gives a process its name; nil where one of that name lives.
    func register(_ name: [UInt8], _ run: RunRequest) -> NamedProcess? {
        if let index = named.firstIndex(where: { $0.name == name }) {
            guard named[index].run == nil else { return nil }
            named.remove(at: index)
        }
        let entry = NamedProcess(name: name, run: run)
        named.append(entry)
        return entry
    }

    /// A named process has ended; without an end it never was.
    func ended(_ entry: NamedProcess, _ end: ProcessEnd?) {
        entry.run = nil
        entry.end = end
        if end == nil { named.removeAll { $0 === entry } }
        let waiters = entry.waiters
        entry.waiters = []
        for waiter in waiters { waiter.processEnded(end) }
        let ends = named.reduce(0) { $0 + ($1.run == nil ? 1 : 0) }
        if ends > ProcessTable.keptEnds, let oldest = named.firstIndex(where: { $0.run == nil }) { named.remove(at: oldest) }
    }
}
