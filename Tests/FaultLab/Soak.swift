import Foundation
import NIOCore
import Portal
import TestSupport

/// The soak: many calls for a long time with a cut now and then, and whether anything grows.
public enum Soak {
    /// What is done.
    public struct Plan: Sendable {
        /// How long, in seconds.
        public var seconds = 600.0
        /// Calls begun each second, whether those before them have ended or not.
        public var callsPerSecond = 50.0
        /// Between two cuts.
        public var cutSeconds = 20.0
        /// Calls that are begun at once while the host refuses connections, three times, before anything is measured; 0 leaves it out.
        ///
        /// Allocators keep what a burst needed. Without this, a soak measures when its largest burst comes: a cut queues what is asked until the next
        /// link, and how long that takes is chance. So memory is brought to where it goes first, by more than a cut does.
        public var burst = 400
        /// How long connections are refused for that.
        public var burstSeconds = 4.0
        /// Between two looks at the processes.
        public var sampleSeconds = 2.0
        /// How much more the last quarter may be than the first: 0.05 is 5 %.
        public var drift = 0.05

        /// The numbers.
        public init() {}
    }

    /// What is measured, with whether its growth is a fault.
    enum Measure: String, CaseIterable {
        case clientMemory = "client memory, KB"
        case proxyMemory = "proxy memory, KB"
        case proxyDescriptors = "proxy descriptors"
        case executorMemory = "executor memory, KB"
        case executorDescriptors = "executor descriptors"
        case latency = "median latency, ms"
        case slowLatency = "p99 latency, ms"
        case load = "load of this machine"

        /// The slowest calls are those that wait for a link: how many of them a quarter has is chance. The load is what else is done here, and
        /// says what a latency is worth.
        var isBounded: Bool { self != .slowLatency && self != .load }
    }

    private actor Samples {
        private var values: [Measure: [(time: Double, value: Double)]] = [:]
        /// The calls' times and what they took. Its memory is taken at once: what grows while this program is measured is none of the measurer's.
        private var latencies: [SIMD2<Float>]
        private var latencyCount = 0
        private(set) var failures: [String: Int] = [:]
        private(set) var calls = 0
        private(set) var open = 0
        private(set) var longest = 0.0
        /// When measuring began; nil before.
        private var start: ContinuousClock.Instant?

        init(_ plan: Plan) {
            latencies = Array(repeating: SIMD2(), count: Int(plan.seconds * plan.callsPerSecond) + 100)
        }

        func begin() { start = .now }

        func began() { open += 1 }

        func ended(_ failure: String?, milliseconds: Double) {
            open -= 1
            if start != nil {
                calls += 1
                longest = max(longest, milliseconds)
            }
            if let failure { failures[failure, default: 0] += 1 } else { add(.latency, milliseconds) }
        }

        func add(_ measure: Measure, _ value: Double) {
            guard let start else { return }
            let time = (ContinuousClock.now - start) / .seconds(1)
            guard measure == .latency else { return values[measure, default: []].append((time, value)) }
            guard latencyCount < latencies.count else { return }
            latencies[latencyCount] = SIMD2(Float(time), Float(value))
            latencyCount += 1
        }

        /// Of one of so many equal parts of the time, from 0 on: the median, of the slow latency the 99th of 100; nil where there is nothing.
        func part(_ number: Int, of parts: Int, _ measure: Measure, total: Double) -> Double? {
            let isLatency = measure == .latency || measure == .slowLatency
            let source = isLatency ? latencies[..<latencyCount].map { (time: Double($0.x), value: Double($0.y)) } : values[measure] ?? []
            let range = Double(number) * total / Double(parts)..<Double(number + 1) * total / Double(parts)
            let sorted = source.filter { range.contains($0.time) }.map(\.value).sorted()
            guard !sorted.isEmpty else { return nil }
            return sorted[measure == .slowLatency ? sorted.count * 99 / 100 : sorted.count / 2]
        }
    }

    /// Runs it. Gives a report, and whether everything went well and nothing grew.
    public static func run(portal: String, seed: UInt64, plan: Plan) async throws -> (isClean: Bool, report: String) {
        let stage = try await Stage(portal: portal, seed: seed)
        let samples = Samples(plan)
        let result: Result<Void, any Error>
        do { result = .success(try await work(stage, samples, plan)) } catch { result = .failure(error) }
        await stage.end()
        try result.get()

        var report = "soak, \(Int(plan.seconds)) s, \(await samples.calls) calls, the longest took \(Int(await samples.longest)) ms\n\n"
        report += "                          first quarter  last quarter     drift"
        var isClean = await samples.failures.isEmpty
        var course = "\n\nby eighths of the time"
        for measure in Measure.allCases {
            guard let first = await samples.part(0, of: 4, measure, total: plan.seconds),
                let last = await samples.part(3, of: 4, measure, total: plan.seconds)
            else {
                report += "\n\(measure.rawValue): nothing was measured"
                isClean = false
                continue
            }
            let drift = (last - first) / max(first, 0.001)
            let isTooMuch = measure.isBounded && drift > plan.drift
            if isTooMuch { isClean = false }
            let name = measure.rawValue.padding(toLength: 24, withPad: " ", startingAt: 0)
            report += "\n" + name + String(format: "%15.2f%14.2f%+9.1f %%", first, last, drift * 100) + (isTooMuch ? "  TOO MUCH" : "")
            course += "\n" + name
            for number in 0..<8 {
                let value = await samples.part(number, of: 8, measure, total: plan.seconds)
                course += value.map { String(format: "%10.2f", $0) } ?? "         -"
            }
        }
        report += course
        for (failure, count) in await samples.failures.sorted(by: { $0.value > $1.value }).prefix(20) {
            report += "\n\(count) failed: \(failure)"
        }
        return (isClean, report)
    }

    private static func work(_ stage: Stage, _ samples: Samples, _ plan: Plan) async throws {
        var options = ConnectionOptions()
        options.proxy = .shared(executable: stage.portal)
        options.sshConfig = stage.config
        // The proxy that is started has the environment of this program.
        setenv("PORTAL_RUNTIME_DIR", stage.runtime.path, 1)
        let workspace = try await Workspace.connect(stage.target, options: options)
        try await workspace.write([UInt8](repeating: 0x61, count: 4096), to: "small")
        for _ in 0..<3 where plan.burst > 0 { try await burst(stage, workspace, samples, plan) }
        await samples.begin()
        let clock = ContinuousClock()
        let start = clock.now
        let end = start + .seconds(plan.seconds)
        // One that keeps nothing of the calls that have ended: this program's own memory is measured, too.
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask {
                while clock.now + .seconds(plan.cutSeconds) < end {
                    try await Task.sleep(for: .seconds(plan.cutSeconds))
                    try await stage.relay.apply(.cut)
                }
            }
            group.addTask {
                while clock.now < end {
                    try await Task.sleep(for: .seconds(plan.sampleSeconds))
                    await sample(stage, samples)
                }
            }
            var number = 0
            while clock.now < end {
                number += 1
                let current = number
                await samples.began()
                group.addTask { await call(current, workspace, samples) }
                try await Task.sleep(until: start + .seconds(Double(number) / plan.callsPerSecond), clock: .continuous)
                if await samples.open > 2000 { throw TestFailure("2000 calls wait: the host is not reached any more") }
            }
        }
        workspace.close()
    }

    /// As many calls at once as no cut ever queues, and all their answers.
    private static func burst(_ stage: Stage, _ workspace: Workspace, _ samples: Samples, _ plan: Plan) async throws {
        try await stage.relay.apply(.refuse(.milliseconds(Int64(plan.burstSeconds * 1000))))
        try await stage.relay.apply(.cut)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<plan.burst {
                await samples.began()
                group.addTask { await call(number, workspace, samples) }
            }
        }
    }

    /// Mostly looks, some reads, few changes and commands: as agents do.
    private static func call(_ number: Int, _ workspace: Workspace, _ samples: Samples) async {
        let start = ContinuousClock.now
        var failure: String?
        do throws(PortalError) {
            switch number % 20 {
            case 0: _ = try await workspace.run(RemoteCommand("true"))
            case 5, 15: try await workspace.write([UInt8](repeating: 0x62, count: 2048), to: RemotePath("written\(number % 100)"))
            case 1, 4, 8, 12, 18: _ = try await workspace.read("small")
            default: _ = try await workspace.status(of: "small")
            }
        } catch {
            failure = "\(error.code): \(error.message)"
        }
        await samples.ended(failure, milliseconds: (ContinuousClock.now - start) / .milliseconds(1))
    }

    private static func sample(_ stage: Stage, _ samples: Samples) async {
        if let client = FoundProcess(getpid()) { await samples.add(.clientMemory, Double(client.residentKilobytes)) }
        if let proxy = stage.proxies.first {
            await samples.add(.proxyMemory, Double(proxy.residentKilobytes))
            await samples.add(.proxyDescriptors, Double(proxy.descriptors))
        }
        if let executor = Stage.executors(among: stage.hostProcesses).first {
            await samples.add(.executorMemory, Double(executor.residentKilobytes))
            await samples.add(.executorDescriptors, Double(executor.descriptors))
        }
        var loads = [0.0]
        if getloadavg(&loads, 1) == 1 { await samples.add(.load, loads[0]) }
    }
}
