import FaultLab
import Foundation
import Testing

/// The ledger finds what it is there to find.
@Suite struct LedgerTests {
    private func kinds(_ ledger: Ledger) async -> [Ledger.Violation] { await ledger.violations.map(\.kind) }

    @Test func marks() async {
        let cases: [(marks: [(String, Effect)], text: String, expected: [Ledger.Violation])] = [
            ([("a", .done), ("b", .done)], "a\nb\n", []),
            ([("a", .done), ("b", .done)], "a\n", [.lost]),
            ([("a", .done)], "a\na\n", [.doubled]),
            ([("a", .unknown)], "a\na\n", [.doubled]),
            ([("a", .unknown), ("b", .unknown)], "a\n", []),
            ([("a", .notDone)], "a\n", [.statement]),
            ([("a", .notDone)], "", []),
            ([("a", .done), ("b", .done)], "b\na\n", [.misplaced]),
            ([("a", .done)], "a", [.torn]),
            ([("ab", .done)], "a\n", [.lost, .torn]),
        ]
        for (marks, text, expected) in cases {
            let ledger = Ledger()
            for (token, effect) in marks { await ledger.mark(token, lane: 1, effect) }
            await ledger.compareMarks(with: Data(text.utf8))
            #expect(await kinds(ledger) == expected, "\(marks) \(text)")
        }
    }

    @Test func filesAreOneOfWhatTheyMayBe() async throws {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        try Data("new".utf8).write(to: directory.appendingPathComponent("file"))
        func find(_ allowed: [Data?], in path: String, killed: Bool = false) async -> [Ledger.Violation] {
            let ledger = Ledger()
            if killed { await ledger.killed(.executor, "") }
            await ledger.allow(path, allowed)
            await ledger.compare(with: directory)
            return await kinds(ledger)
        }
        #expect(await find([Data("old".utf8), Data("new".utf8)], in: "file") == [])
        #expect(await find([Data("old".utf8)], in: "file") == [.torn])
        #expect(await find([nil], in: "file") == [.torn])
        #expect(await find([nil, Data("x".utf8)], in: "missing") == [])
        #expect(await find([Data("x".utf8)], in: "missing") == [.torn])
        try Data().write(to: directory.appendingPathComponent(".portal-0123456789abcdef"))
        #expect(await find([Data("new".utf8)], in: "file") == [.left])
        #expect(await find([Data("new".utf8)], in: "file", killed: true) == [])
    }

    private func judge(
        _ ledger: Ledger, _ end: CallEnd, start: ContinuousClock.Instant = .now, killed: Bool = false, lane: Int = 1
    ) async -> Effect {
        await ledger.judge(end, of: "x", lane: lane, token: "t", start: start, wasClientKilled: killed)
    }

    @Test func failuresNeedAKill() async {
        let unknown = CallEnd.failed(code: "outcome_unknown", applied: "unknown", message: "")
        let ledger = Ledger()
        #expect(await judge(ledger, .answered(JSONObject(members: [:]))) == .done)
        #expect(await judge(ledger, unknown) == .unknown)
        #expect(await kinds(ledger) == [.failure])
        await ledger.killed(.proxy, "")
        #expect(await judge(ledger, unknown) == .unknown)
        #expect(await kinds(ledger) == [.failure, .failure])
        await ledger.killed(.executor, "")
        #expect(await judge(ledger, unknown) == .unknown)
        #expect(await judge(ledger, .failed(code: "disconnected", applied: "no", message: "")) == .notDone)
        #expect(await kinds(ledger) == [.failure, .failure])
        // A call that began after the kill and went well has seen its consequences.
        #expect(await judge(ledger, .answered(JSONObject(members: [:]))) == .done)
        #expect(await judge(ledger, unknown) == .unknown)
        #expect(await kinds(ledger) == [.failure, .failure, .failure])
        #expect(await judge(ledger, unknown, lane: 2) == .unknown)
        #expect(await kinds(ledger) == [.failure, .failure, .failure])
    }

    @Test func onlyWhoWasKilledMayDieAndNobodyMayBeSilent() async {
        let ledger = Ledger()
        #expect(await judge(ledger, .clientDied, killed: true) == .unknown)
        #expect(await kinds(ledger) == [])
        #expect(await judge(ledger, .clientDied) == .unknown)
        #expect(await judge(ledger, .silent) == .unknown)
        #expect(await judge(ledger, .failed(code: "no_match", applied: "no", message: "")) == .notDone)
        #expect(await kinds(ledger) == [.unanswered, .unanswered, .content])
    }
}
