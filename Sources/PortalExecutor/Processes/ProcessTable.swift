import CExecutorPlatform
import PortalWire

/// The environment entry by which a process's tree is found again, wherever its members went.
struct ProcessMarker {
    /// Shared by all of this executor's.
    let prefix: [UInt8]
    let number: UInt32

    /// Ended by NUL.
    var entry: Environment {
        var entry = prefix
        entry.append(decimal: UInt64(number))
        // Ended by a dot too, so that the first is no prefix of the tenth for whoever looks with grep.
        entry.add(0x2E)
        entry.add(0)
        return entry
    }
}

/// How a child ended that no process has claimed yet.
private final class UnclaimedEnd {
    let end: platform_end

    init(_ end: platform_end) { self.end = end }
}

/// The processes of the session: by number to take their ends, by name for requests.
final class ProcessTable {
    private static let keptEnds = 256

    private let prefix: [UInt8]
    private var markers: UInt32 = 0
    private var names: UInt64 = 0
    private var starting = 0
    private var running = NumberTable<HostProcess>()
    /// Ends of children that no process here has claimed: orphans, and children whose start the loop has not heard of yet.
    private var unclaimed: [UnclaimedEnd] = []
    /// In the order of their starts.
    private(set) var all: [HostProcess] = []
    let trees: TreeSignals
    let recordings: RecordingBudget

    /// The prefix is that of the markers of all processes.
    init(prefix: [UInt8], loop: EventLoop, signals: WorkerPool, recordings: RecordingBudget) {
        self.prefix = prefix
        trees = TreeSignals(loop: loop, thread: signals, prefix: prefix)
        self.recordings = recordings
    }

    /// Processes that were started and have not ended.
    var livingCount: Int { running.count }

    /// A marker that no other process has.
    func newMarker() -> ProcessMarker {
        markers += 1
        return ProcessMarker(prefix: prefix, number: markers)
    }

    func willStart() { starting += 1 }

    /// A start has come to its end; nil where there is no process. Returns the process's end where it is known already.
    func didStart(_ identifier: Int32?, _ process: HostProcess) -> platform_end? {
        starting -= 1
        var end: platform_end?
        if let identifier {
            for unclaimed in unclaimed where unclaimed.end.process == identifier { end = unclaimed.end }
            if end == nil { running.insert(process, for: UInt64(identifier)) }
        }
        if starting == 0 { unclaimed = [] }
        return end
    }

    /// Takes the ends of all children that have ended.
    func reap() {
        var end = platform_end()
        while platform_reap(&end) > 0 {
            if let process = running.remove(UInt64(end.process)) {
                process.leaderEnded(end)
            } else if starting > 0 {
                unclaimed.add(UnclaimedEnd(end))
            }
        }
    }

    /// Kills everything that descends from this executor.
    func killAll() { _ = platform_kill_all(terminated(prefix)) }

    /// Takes what was left by an executor that was killed.
    func adoptFormer(_ session: Session) {
        var record: UnsafeMutablePointer<platform_record>?
        while true {
            record = platform_record_next(record)
            guard let record else { return }
            let process = HostProcess(record, session: session, processes: self)
            var index = all.count
            while index > 0, all[index - 1].startedMilliseconds > process.startedMilliseconds { index -= 1 }
            all.insert(process, at: index)
        }
    }

    // MARK: Names

    /// The process of a name, living or ended.
    func find(_ name: [UInt8]) -> HostProcess? {
        for process in all where process.name == name { return process }
        return nil
    }

    /// A name for a process: the wanted one, or one that is made; nil where one of the wanted name lives.
    func claim(_ wanted: [UInt8]?) -> [UInt8]? {
        guard let wanted else {
            while true {
                names += 1
                var name = [UInt8]("p")
                name.append(decimal: names)
                if find(name) == nil { return name }
            }
        }
        if let former = find(wanted) {
            guard former.isOver else { return nil }
            forget(former)
        }
        return wanted
    }

    func add(_ process: HostProcess) { all.add(process) }

    /// A process has ended, or never was.
    func ended(_ process: HostProcess) {
        guard process.isKept, process.end != nil else { return forget(process) }
        var ends = 0
        var oldest: HostProcess?
        for process in all where process.isOver {
            if oldest == nil { oldest = process }
            ends += 1
        }
        if ends > ProcessTable.keptEnds, let oldest { forget(oldest) }
    }

    private func forget(_ process: HostProcess) {
        process.forget()
        remove(process, from: &all)
    }
}
