import FaultLab
import Foundation
import NIOCore
import TestSupport

/// How soon a build's output goes on after a network that said nothing at all for a while, with a round trip of 50 ms.
struct Stalled {
    let portal: String
    let seconds: Double

    private static let roundTrip = 50.0
    private static let network = "50 ms"
    /// It prints a line every 20 ms, a byte for each where the bench sees it, and ends when it is told to.
    private static let build = """
        i=0
        while [ ! -e enough ]; do
            i=$((i+1)); echo "compiling unit $i of many, with all its warnings"; printf . >>reached; sleep 0.02
        done
        exit 3
        """

    private static func output(_ lines: Int) -> Data {
        Data((1...lines).map { "compiling unit \($0) of many, with all its warnings\n" }.joined().utf8)
    }

    func measure(_ report: inout Report) async throws {
        let stage = try await Stage(portal: portal, seed: 1, line: .init(roundTrip: .milliseconds(Int64(Stalled.roundTrip))))
        do { try await measure(&report, stage) } catch {
            await stage.end()
            throw error
        }
        await stage.end()
    }

    private func measure(_ report: inout Report, _ stage: Stage) async throws {
        let output = stage.runtime.appendingPathComponent("out").path
        let program = try Child(
            stage.arguments("exec", ["-n", stage.target, "--", "sh", "-c", Stalled.build]), environment: stage.environment,
            output: output, errors: stage.runtime.appendingPathComponent("err").path)
        defer { program.end() }
        func size(_ path: String) -> Int {
            var status = stat()
            return stat(path, &status) == 0 ? Int(status.st_size) : 0
        }
        let progress = stage.work.appendingPathComponent("reached").path
        func reached() -> Int { size(progress) }
        func printed() -> Int { size(output) }
        guard waitUntil(seconds: 30, { printed() > 5000 }) else { throw Program.Failure(description: "the build printed nothing") }

        try await stage.relay.hold([.toServer, .toClient])
        let before = reached()
        // This is the measured thing itself.
        try await Task.sleep(for: .seconds(seconds))
        let (after, seen) = (reached(), printed())
        try await stage.relay.hold([])
        let back = NIODeadline.now()
        guard waitUntil(seconds: 120, { printed() > seen }) else { throw Program.Failure(description: "nothing came any more") }
        let first = Double((NIODeadline.now() - back).nanoseconds) / 1e6
        let meanwhile = Stalled.output(after).count
        guard waitUntil(seconds: 120, { printed() >= meanwhile }) else { throw Program.Failure(description: "it never came in full") }
        let all = Double((NIODeadline.now() - back).nanoseconds) / 1e6
        try Data().write(to: stage.work.appendingPathComponent("enough"))
        guard waitUntil(seconds: 60, { !program.isRunning }), program.ended == 3 << 8 else {
            throw Program.Failure(description: "the build ended with \(program.ended ?? -1)")
        }
        let count = reached()
        guard try Data(contentsOf: URL(fileURLWithPath: output)) == Stalled.output(count) else {
            throw Program.Failure(description: "the output is not what was printed")
        }
        let what = "\(Int(seconds)) s of silence"
        report.add("\(what), first byte", "portal", Stalled.network, unit: "ms", [first])
        report.add("\(what), all of it", "portal", Stalled.network, unit: "ms", [all])
        say("  the build went on there: \(after - before) of its \(count) lines are of that time; all came, once")
    }
}
