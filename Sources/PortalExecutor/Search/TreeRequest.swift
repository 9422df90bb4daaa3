import CExecutorPlatform
import PortalLink
import PortalWire

/// A request that walks trees and streams what it finds.
///
/// Several workers walk, each in jobs of a few milliseconds, so that other requests' jobs come between and no thread is ever held by a requester who does
/// not take the answer: while too much is unsent, no job is submitted.
final class TreeRequest: OpenRequest {
    private static let outputLimit = 32 * 1024
    private static let pendingLimit = 128 * 1024
    private static let quantum: UInt64 = 10_000_000
    /// The first job is short: what it found to do is then shared.
    private static let firstQuantum: UInt64 = 500_000
    private static let mostWorkers = 8

    private var walk: TreeWalk?
    private var idle: [TreeWorker] = []
    private var running = 0
    private var hasConcluded = false
    private var pending = ChunkQueue()
    private var failure: OperationError?

    /// Reads the parameters of an operation.
    typealias Prepare = (JSONValue, HostFacts) throws(OperationError) -> TreeWalk

    private let prepare: Prepare

    init(_ id: UInt64, hasMore: Bool, session: Session, prepare: @escaping Prepare) {
        self.prepare = prepare
        super.init(id, hasMore: hasMore, session: session)
    }

    override func start(_ parameters: JSONValue, payload: [UInt8]) {
        let walk: TreeWalk
        do throws(OperationError) {
            walk = try prepare(parameters, session.facts)
        } catch {
            return fail(error)
        }
        self.walk = walk
        submit(walk.makeWorker(), for: TreeRequest.firstQuantum)
        let count = !walk.isShared ? 1 : min(Int(platform_processors()), TreeRequest.mostWorkers)
        for _ in 1..<max(count, 1) { idle.add(walk.makeWorker()) }
        if !idle.isEmpty { walk.want() }
    }

    // Nothing stays behind, so the answer does not wait for the disk.
    override func cancel(_ cancellation: Cancellation) {
        walk?.end()
        failCancelled()
    }

    override func abandon() { walk?.end() }

    private func submit(_ worker: TreeWorker, for quantum: UInt64 = TreeRequest.quantum, concluding: Bool = false) {
        running += 1
        session.workers.submit(
            WalkJob(request: self, worker: worker, quantum: quantum, outputLimit: TreeRequest.outputLimit, isConcluding: concluding))
    }

    fileprivate func worked(_ worker: TreeWorker, failure: OperationError?, hasConcluded: Bool) {
        running -= 1
        guard !isFinished else { return }
        pending.add(worker.output)
        worker.output = []
        if let failure, self.failure == nil {
            self.failure = failure
            walk?.end()
        }
        self.hasConcluded = hasConcluded
        idle.add(worker)
        proceed()
        session.markReady(self)
    }

    /// Submits what there is to do, unless too much is unsent already.
    private func proceed() {
        guard let walk, pending.count < TreeRequest.pendingLimit, !hasConcluded else { return }
        if failure == nil, !walk.hasEnded {
            var resting: [TreeWorker] = []
            let workers = idle
            idle = []
            for worker in workers {
                // One that has something left comes before one that would take something new.
                if worker.isBusy { submit(worker) } else { resting.add(worker) }
            }
            for worker in resting {
                if walk.hasWork { submit(worker) } else { idle.add(worker) }
            }
            if running > 0 {
                if !idle.isEmpty { walk.want() }
                return
            }
        }
        // All have come to their end.
        if running == 0, failure == nil, let worker = idle.popLast() { submit(worker, concluding: true) }
    }

    override func produce() -> Bool {
        if pending.count > 0, credit.available > 0 { sendData(.content, pending.take(pieceLength)) }
        if let failure, running == 0 {
            fail(failure)
            return false
        }
        if pending.count == 0, hasConcluded, let walk {
            finish(walk.result(id))
            return false
        }
        if running == 0 || pending.count < TreeRequest.pendingLimit / 2 { proceed() }
        return pending.count > 0 && credit.available > 0
    }
}

private final class WalkJob: Job {
    private let request: TreeRequest
    private let worker: TreeWorker
    private let quantum: UInt64
    private let outputLimit: Int
    private let isConcluding: Bool
    private var failure: OperationError?
    private var hasConcluded = false

    init(request: TreeRequest, worker: TreeWorker, quantum: UInt64, outputLimit: Int, isConcluding: Bool) {
        self.request = request
        self.worker = worker
        self.quantum = quantum
        self.outputLimit = outputLimit
        self.isConcluding = isConcluding
    }

    override func run() {
        if isConcluding {
            hasConcluded = worker.conclude()
            return
        }
        do throws(OperationError) {
            try worker.run(until: platform_clock() + quantum, outputLimit: outputLimit)
        } catch {
            failure = error
        }
    }

    override func finish() { request.worked(worker, failure: failure, hasConcluded: hasConcluded) }
}

extension WalkRoot {
    /// The roots of a request: its paths, or its directory where it names none. Globs are relative to the directory.
    static func all(_ scope: SearchScope, home: [UInt8]) -> [WalkRoot] {
        let directory = HostPath(scope.directory ?? home, directory: nil, home: home)
        var roots: [WalkRoot] = []
        for path in scope.paths {
            roots.add(WalkRoot(path: HostPath(path, directory: scope.directory, home: home), globDirectory: directory, named: path))
        }
        if roots.isEmpty { roots.add(WalkRoot(path: directory, globDirectory: directory, named: [])) }
        return roots
    }
}

extension PathFilter {
    convenience init(_ scope: SearchScope) throws(OperationError) {
        self.init()
        hidden = scope.hidden
        ignores = !scope.noIgnore
        requiresRepository = !scope.noRequireGit
        for glob in scope.globs {
            guard overrides.add(override: glob, ignoresCase: false) else { throw badGlob(glob) }
        }
    }
}

/// A glob of a request that is none.
func badGlob(_ glob: [UInt8]) -> OperationError {
    var message = [UInt8]("the glob ")
    message.add(glob)
    message.append(" cannot be used: a bracket or a brace in it has no partner, a range is backwards, or it comes to too many alternatives")
    return OperationError(.invalid, message)
}
