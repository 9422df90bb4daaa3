import Foundation
import TestSupport

/// The torture run: clients doing a known mix, while links are cut and processes killed; then what is there is compared with what was answered.
public enum Torture {
    /// What is done to whom.
    public struct Plan: Sendable {
        /// How long, in seconds.
        public var seconds = 120.0
        /// Clients that give requests to `portal call`.
        public var callLanes = 5
        /// Clients that run `portal exec`.
        public var execLanes = 3
        /// The average between two faults of the network; 0 for none.
        public var faultSeconds = 2.0
        /// What faults those are.
        public var mix = FaultScript.Mix()
        /// Between two kills of the proxy; 0 for none, as in what follows.
        public var proxyKillSeconds = 30.0
        /// Between two kills of the executor.
        public var executorKillSeconds = 60.0
        /// Between two kills of a client.
        public var clientKillSeconds = 20.0
        /// Between two kills of what carries the link on the host.
        public var hostKillSeconds = 25.0
        /// The longest that a call may wait.
        public var deadline = 120.0

        /// The numbers.
        public init() {}
    }

    /// What a run found.
    public struct Outcome: Sendable {
        /// Nothing was wrong.
        public var isClean: Bool
        /// For a person: the seed, the table, and what was wrong.
        public var report: String
        /// Everything that happened.
        public var log: String
    }

    /// How long what a call started may still live after the call's end.
    private static let settlingSeconds = 30.0

    /// Runs it.
    public static func run(portal: String, seed: UInt64, plan: Plan = Plan()) async throws -> Outcome {
        let stage = try await Stage(portal: portal, seed: seed)
        let ledger = Ledger()
        let keeper = LogKeeper(stage)
        let keeping = Task { await keeper.watch() }
        do {
            try await work(stage, ledger, seed, plan)
        } catch {
            await ledger.violate(.failure, "the run could not go on: \(error)")
        }
        keeping.cancel()
        let crashes = stage.crashReports.map { "--- crash\n\($0)" }
        let logs = ([await keeper.logs()] + crashes + [stage.sshdLog]).joined(separator: "\n")
        for report in stage.crashReports { await ledger.violate(.crash, String(report.prefix(300))) }
        await stage.end()
        let violations = await ledger.violations
        var report = "torture, seed \(seed), \(Int(plan.seconds)) s\n\n" + (await ledger.table)
        for violation in violations.prefix(40) { report += "\n- \(violation.kind.rawValue): \(violation.text)" }
        if violations.count > 40 { report += "\n… and \(violations.count - 40) more" }
        return Outcome(
            isClean: violations.isEmpty, report: report, log: (await ledger.log).joined(separator: "\n") + "\n" + logs)
    }

    private static func work(_ stage: Stage, _ ledger: Ledger, _ seed: UInt64, _ plan: Plan) async throws {
        let corpus = try Corpus(in: stage.work, seed: seed)
        let surroundings = LaneSurroundings(
            stage: stage, ledger: ledger, corpus: corpus, deadline: plan.deadline, end: .now + .seconds(plan.seconds))
        var lanes: [any Lane] = []
        for number in 0..<plan.callLanes { lanes.append(CallLane(number, surroundings, seed: seed)) }
        for number in 0..<plan.execLanes { lanes.append(ExecLane(plan.callLanes + number, surroundings, seed: seed)) }
        let disruptor = Disruptor(stage: stage, ledger: ledger, lanes: lanes, seed: seed, plan: plan)
        let disruption = Task {
            let ending = Task {
                try? await Task.sleep(until: surroundings.end, clock: .continuous)
            }
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await disruptor.run() }
                group.addTask { await ending.value }
                await group.next()
                group.cancelAll()
            }
        }
        let sweeping = Task { await sweep(surroundings) }
        defer { sweeping.cancel() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lane in lanes { group.addTask { try await lane.run() } }
            try await group.waitForAll()
        }
        await disruption.value
        await ledger.note("all lanes have ended")
        await leave(surroundings)
        await ledger.compare(with: stage.work)
    }

    /// Looks again and again for processes of calls that ended long ago, and for executors beside the one of the session.
    private static func sweep(_ surroundings: LaneSurroundings) async {
        var executorsBefore: Set<FoundProcess> = []
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(Torture.settlingSeconds / 3))
            let processes = surroundings.stage.hostProcesses
            await look(for: surroundings.finished(before: Torture.settlingSeconds), among: processes, surroundings)
            let executors = Set(Stage.executors(among: processes))
            let stayed = executors.intersection(executorsBefore)
            if stayed.count > 1 {
                await surroundings.ledger.violate(.left, "\(stayed.count) executors live side by side: \(stayed.map(\.pid))")
            }
            executorsBefore = executors
        }
    }

    private static func look(for tokens: [String], among processes: [FoundProcess], _ surroundings: LaneSurroundings) async {
        for token in tokens {
            for process in processes where process.command.contains(token) {
                await surroundings.ledger.violate(.left, "\(process.pid) of \(token), whose call has ended: \(process.command.prefix(200))")
            }
        }
        surroundings.forget(tokens)
    }

    /// Stops the proxy as a user would: with the session everything on the host must end.
    private static func leave(_ surroundings: LaneSurroundings) async {
        let (stage, ledger) = (surroundings.stage, surroundings.ledger)
        let stop = try? Child(["setsid", "-w", stage.portal, "stop", "--all"], environment: stage.environment, output: "/dev/null")
        if await !eventually(seconds: 60, { stop?.isRunning != true }) {
            stop?.end()
            await ledger.violate(.unanswered, "portal stop does not end")
        }
        if await !eventually(seconds: Torture.settlingSeconds, { stage.hostProcesses.isEmpty }) {
            for process in stage.hostProcesses { await ledger.violate(.left, "\(process.pid) \(process.command.prefix(200))") }
        }
        if await !eventually(seconds: Torture.settlingSeconds, { stage.proxies.isEmpty }) {
            for proxy in stage.proxies { await ledger.violate(.left, "the proxy \(proxy.pid)") }
        }
        for path in stage.sockets { await ledger.violate(.left, "the socket \(path)") }
    }
}
