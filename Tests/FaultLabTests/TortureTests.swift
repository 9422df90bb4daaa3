import FaultLab
import Foundation
import Testing

/// The torture run of `make torture`, in short: two minutes of it. PORTAL_TORTURE_SECONDS says how long, 0 leaves it out; PORTAL_TORTURE_SEED asks for a run again.
@Suite(.serialized) struct TortureTests {
    private static func variable(_ name: String) -> String? { ProcessInfo.processInfo.environment[name] }
    static let seconds = variable("PORTAL_TORTURE_SECONDS").flatMap { Double($0) } ?? 120

    /// Beside the test program, where SwiftPM puts both.
    private static let portal: String = {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
        return URL(fileURLWithPath: own).deletingLastPathComponent().appendingPathComponent("portal").path
    }()

    @Test(.enabled(if: seconds > 0, "PORTAL_TORTURE_SECONDS is 0")) func nothingLostNothingTwiceNothingHanging() async throws {
        let seed = Self.variable("PORTAL_TORTURE_SEED").flatMap { UInt64($0) } ?? UInt64.random(in: 1...999_999)
        var plan = Torture.Plan()
        plan.seconds = Self.seconds
        // Two minutes have room for two of each.
        plan.executorKillSeconds = min(plan.executorKillSeconds, plan.seconds / 2)
        plan.proxyKillSeconds = min(plan.proxyKillSeconds, plan.seconds / 2)
        let outcome = try await Torture.run(portal: Self.portal, seed: seed, plan: plan)
        print(outcome.report)
        if !outcome.isClean {
            let file = FileManager.default.temporaryDirectory.appendingPathComponent("portal-torture-\(seed).log")
            try Data(outcome.log.utf8).write(to: file)
            Issue.record("seed \(seed), log \(file.path)\n\(outcome.report)")
        }
    }
}
