import Foundation
import TestSupport
import Testing

/// The table of Docs/kills.md, row by row, against a real sshd.
@Suite(.serialized) struct KillTableTests {
    /// What follows for one thing under way.
    struct Outcome {
        var caller: String
        var there: String
        var next: String
    }

    static let kinds = ["nothing", "read", "write", "command", "terminal", "background", "watch"]

    /// By what is killed, then by what is under way.
    static let table: [String: [String: Outcome]] = {
        let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let text = (try? String(contentsOf: repository.appending(path: "Docs/kills.md"), encoding: .utf8)) ?? ""
        var table: [String: [String: Outcome]] = [:]
        let lines = text.split(separator: "\n")
        for line in lines.drop(while: { !$0.hasPrefix("| ---") }).dropFirst().prefix(while: { $0.hasPrefix("|") }) {
            let cells = line.split(separator: "|").map { cell in
                cell.split(separator: "`", omittingEmptySubsequences: false).enumerated().filter { !$0.offset.isMultiple(of: 2) }.map {
                    String($0.element)
                }
            }
            guard cells.count == 5, let caller = cells[2].first, let next = cells[4].first else { continue }
            for killed in cells[0] {
                for kind in cells[1] {
                    table[killed, default: [:]][kind] = Outcome(caller: caller, there: cells[3].first ?? "", next: next)
                }
            }
        }
        return table
    }()

    /// Nothing was forgotten: everything that can be killed, with everything that can be under way.
    @Test func everythingIsInTheTable() {
        let pairs = ["proxy and client", "proxy and executor", "executor and supervisor"]
        #expect(Set(Self.table.keys) == Set(["proxy", "client", "session", "front", "executor", "supervisor", "host"] + pairs))
        for (killed, rows) in Self.table { #expect(Set(rows.keys) == Set(Self.kinds), "\(killed)") }
    }

    /// One after the other, but for what takes its twenty seconds: that is done beside the others.
    @Test func everyRow() async throws {
        let long = ["proxy and client"]
        async let others: Void = kill(Self.table.keys.filter { !long.contains($0) }.sorted())
        try await kill(long)
        try await others
    }

    private func kill(_ all: [String]) async throws { for killed in all { try await kill(killed) } }

    private func kill(_ killed: String) async throws {
        let rows = try #require(Self.table[killed])
        let stage = try await KillStage()
        // All at once, and then again with nothing open at all.
        for kinds in [Self.kinds, ["nothing"]] {
            let callers = try await stage.begin(kinds)
            let before = try await stage.executor()
            try await stage.kill(killed, executor: before, callers: callers)
            try stage.change()
            for caller in callers { caller.goOn() }
            for caller in callers {
                let outcome = try await caller.outcome()
                #expect(outcome == rows[caller.kind]?.caller ?? "", "\(killed), \(caller.kind): \(caller.lines)")
            }
            let next = try await stage.executor() == before ? "same" : "another"
            #expect(stage.sockets.count == 1, "\(killed): \(stage.sockets)")
            for caller in callers { await expect(caller, rows[caller.kind], next, killed, on: stage) }
        }
    }

    private func expect(_ caller: KillStage.Caller, _ expected: Outcome?, _ next: String, _ killed: String, on stage: KillStage) async {
        let what: Comment = "\(killed), \(caller.kind)"
        #expect(next == expected?.next, what)
        switch expected?.there {
        case "ended": #expect(await eventually(seconds: 30) { !stage.runs(caller) }, what)
        // What its caller saw the end of has come to it.
        case "goes on": #expect(stage.runs(caller) == (caller.kind == "background"), what)
        case "": break
        default: #expect(stage.content == expected?.there, what)
        }
    }
}
