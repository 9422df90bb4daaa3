import Foundation
import TestSupport

/// A lane of `portal exec`, one program after another: commands whose streams are known byte for byte.
///
/// `@unchecked Sendable`: `running` and `isKilled` are behind the lock; the rest is constant or touched by `run` alone.
final class ExecLane: Lane, @unchecked Sendable {
    private let number: Int
    private let surroundings: LaneSurroundings
    private var random: SeededRandom
    private var count = 0

    private let lock = NSLock()
    private var running: ProgramRun?
    private var isKilled = false

    init(_ number: Int, _ surroundings: LaneSurroundings, seed: UInt64) {
        self.number = number
        self.surroundings = surroundings
        random = SeededRandom(seed: seed).branch(UInt64(number))
    }

    func run() async throws {
        while !surroundings.isOver {
            switch Int.random(in: 0..<10, using: &random) {
            case ..<5: try await build()
            case ..<7: try await pipe()
            default: try await append()
            }
        }
        try await append()
    }

    func killClient() {
        let killed = lock.withLock { () -> ProgramRun? in
            isKilled = running != nil
            return running
        }
        killed?.kill()
    }

    /// What a command must print, and how it must end.
    private struct Expectation {
        var output = Data()
        var errors = Data()
        var code: Int32 = 0
    }

    private func token() -> String {
        count += 1
        return "lane\(number)-\(count)-"
    }

    private func append() async throws {
        let token = token()
        try await run("exec echo", token, "echo \(token) >> lines", Expectation())
    }

    /// Prints for a second or two on both streams.
    private func build() async throws {
        let token = token()
        let lines = Int.random(in: 100...2000, using: &random)
        var expected = Expectation(code: Int32.random(in: 0..<100, using: &random))
        let padding = String(repeating: "x", count: Int.random(in: 0...150, using: &random))
        var output = ""
        var errors = ""
        for line in 1...lines {
            output += "\(token) \(line) \(padding)\n"
            if line % 10 == 0 { errors += "\(token) warning \(line)\n" }
        }
        (expected.output, expected.errors) = (Data(output.utf8), Data(errors.utf8))
        let text = """
            echo \(token) >> lines; i=0
            while [ $i -lt \(lines) ]; do
                i=$((i+1)); echo "\(token) $i \(padding)"
                [ $((i % 10)) = 0 ] && echo "\(token) warning $i" >&2
                [ $((i % 50)) = 0 ] && sleep 0.05
            done
            exit \(expected.code)
            """
        try await run("exec build", token, text, expected)
    }

    /// Sends bytes there, which come back in capitals.
    private func pipe() async throws {
        let token = token()
        let lines = Int.random(in: 0..<(1 << Int.random(in: 1...14, using: &random)), using: &random)
        let input = (0..<lines).map { "\(token) line \($0)\n" }.joined()
        let expected = Expectation(output: Data(input.uppercased().utf8))
        try await run("exec pipe", token, "echo \(token) >> lines; tr a-z A-Z", expected, input: Data(input.utf8))
    }

    private func run(_ kind: String, _ token: String, _ text: String, _ expected: Expectation, input: Data? = nil) async throws {
        let ledger = surroundings.ledger
        let start = ContinuousClock.now
        let program = try ProgramRun(surroundings.stage, shell: text, input: input)
        lock.withLock { (running, isKilled) = (program, false) }
        let end = try await program.end(deadline: surroundings.deadline)
        let wasKilled = lock.withLock { () -> Bool in
            running = nil
            return isKilled
        }
        if end == nil { program.kill() }
        let outcome: CallEnd
        if let end {
            if let failure = end.failure {
                outcome = .failed(code: failure.code, applied: failure.applied, message: failure.message)
            } else {
                outcome = end.status == nil ? .clientDied : .answered(JSONObject(members: [:]))
            }
        } else {
            outcome = .silent
        }
        let effect = await ledger.judge(outcome, of: kind, lane: number, token: token, start: start, wasClientKilled: wasKilled)
        await ledger.mark(token, lane: number, effect)
        surroundings.finished(token)
        guard let end else { return }
        // However it ended: what was printed is what the command prints, from its start.
        var isExact = expected.output.starts(with: end.output) && expected.errors.starts(with: end.errors)
        if case .answered = outcome {
            isExact = expected.output == end.output && expected.errors == end.errors
            if end.status != expected.code {
                await ledger.violate(.content, "\(token) ended with \(end.status ?? -1), not with \(expected.code)")
            }
        }
        if !isExact {
            await ledger.violate(
                .stream,
                "\(token) printed \(end.output.count) of \(expected.output.count) and \(end.errors.count) of \(expected.errors.count) bytes, equal up to \(ExecLane.common(end.output, expected.output)) and \(ExecLane.common(end.errors, expected.errors))"
            )
        }
    }

    private static func common(_ one: Data, _ other: Data) -> Int { zip(one, other).prefix { $0 == $1 }.count }
}
