import Foundation
import TestSupport

/// Breaks the network and kills processes, by a seed, until its task is cancelled.
struct Disruptor: Sendable {
    let stage: Stage
    let ledger: Ledger
    let lanes: [any Lane]
    let seed: UInt64
    let plan: Torture.Plan

    /// Runs until it is cancelled.
    func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await breakLinks() }
            group.addTask { await every(plan.proxyKillSeconds, 1) { _ in await killProxy() } }
            group.addTask { await every(plan.executorKillSeconds, 2) { _ in await killExecutor() } }
            group.addTask { await every(plan.clientKillSeconds, 3) { await killClient(&$0) } }
            group.addTask { await every(plan.hostKillSeconds, 4) { await killHostSide(&$0) } }
        }
    }

    private func breakLinks() async {
        guard plan.faultSeconds > 0 else { return }
        for (pause, fault) in FaultScript(seed: seed, interval: plan.faultSeconds, mix: plan.mix) {
            try? await Task.sleep(for: .seconds(pause))
            if Task.isCancelled { return }
            await ledger.happened(fault.kind, "network: \(fault)")
            try? await stage.relay.apply(fault)
        }
    }

    /// Does something at intervals that differ by a fifth, the first time after half of one. Never where the interval is 0.
    private func every(_ seconds: Double, _ branch: UInt64, _ body: (inout SeededRandom) async -> Void) async {
        guard seconds > 0 else { return }
        var random = SeededRandom(seed: seed).branch(branch)
        var pause = seconds / 2
        while true {
            try? await Task.sleep(for: .seconds(pause * Double.random(in: 0.8...1.2, using: &random)))
            if Task.isCancelled { return }
            await body(&random)
            pause = seconds
        }
    }

    private func killProxy() async {
        // It is written down first: a client may see it before this task goes on.
        for proxy in stage.proxies {
            await ledger.killed(.proxy, "kill -9 of the proxy \(proxy.pid)")
            kill(proxy.pid, SIGKILL)
        }
    }

    private func killExecutor() async {
        var executors: [FoundProcess] = []
        _ = await eventually(seconds: 5) {
            executors = Stage.executors(among: stage.hostProcesses)
            return !executors.isEmpty || Task.isCancelled
        }
        for executor in executors {
            await ledger.killed(.executor, "kill -9 of the executor \(executor.pid)")
            kill(executor.pid, SIGKILL)
        }
    }

    private func killClient(_ random: inout SeededRandom) async {
        guard let number = lanes.indices.randomElement(using: &random) else { return }
        await ledger.happened("client killed", "kill -9 of the client of lane \(number)")
        lanes[number].killClient()
    }

    /// The process of sshd that carries the link, or the one that it started: only the link may end by it.
    private func killHostSide(_ random: inout SeededRandom) async {
        if Bool.random(using: &random), let session = stage.host.sessions.randomElement(using: &random) {
            await ledger.happened("sshd killed", "kill -9 of \(session.command) \(session.pid)")
            kill(session.pid, SIGKILL)
        } else if let front = Stage.fronts(among: stage.hostProcesses).randomElement(using: &random) {
            await ledger.happened("front killed", "kill -9 of the process that sshd started, \(front.pid)")
            kill(front.pid, SIGKILL)
        }
    }
}
