import Foundation
import PortalExecutor
import PortalWire
import Testing

/// What can befall a request. Every operation has an answer to each of them.
enum Circumstance: String, CaseIterable, Sendable {
    case success, missing, denied, wrongKind, fullDisk, cancelled, linkCut
}

/// How a request must end in one circumstance.
enum Expectation: Sendable {
    case result
    case error(ErrorCode)
    /// What is one step there has either come to its end when it is given up, or not begun.
    case cancelledOrResult
    /// The result of a batch, whose items end so: nil for one that does not fail.
    case items([ErrorCode?])
    /// Its data begins so; it goes on until it is cancelled, and ends with that.
    case begins(String)
    /// What a client hears when the link is lost under it, from the proxy: `disconnected` where nothing can have changed, else `outcome_unknown`.
    case lost(ErrorCode)
    /// The circumstance cannot befall the operation, for the reason given.
    case never(String)
}

/// One cell: a request, and how it ends. The stage of the circumstance is its directory.
struct OperationCase: Sendable {
    let expectation: Expectation
    let parameters: String
    let payload: [UInt8]
    let more: Bool
    /// The parameters of a process that is started before, called `server`.
    var server: String?

    /// - Parameters:
    ///   - parameters: A JSON object, in which `$STAGE` is the stage's path. `cwd` is that, too, where it has none.
    ///   - payload: The start of the request's data; `more` where its end does not come.
    static func ends(_ expectation: Expectation, _ parameters: String = "{}", payload: String = "", more: Bool = false) -> OperationCase {
        OperationCase(expectation: expectation, parameters: parameters, payload: Array(payload.utf8), more: more)
    }

    /// The same with a process named `server`, started with these parameters: it runs in the stage and in the executor's own environment.
    func with(_ server: String) -> OperationCase {
        var copy = self
        copy.server = server
        return copy
    }

    /// The circumstance cannot befall the operation.
    static func never(_ reason: String) -> OperationCase { .ends(.never(reason)) }
}

/// A row: an operation and its end in every circumstance. Its initializer demands them all.
struct OperationRow: Sendable, CustomTestStringConvertible {
    let operation: Literal
    let cases: [Circumstance: OperationCase]

    /// - Parameters:
    ///   - denied: Played by an account that may look at nothing in `closed`.
    ///   - fullDisk: Played where neither a byte nor a name more has room; `file` and what else a stage has are there.
    ///   - cancelled: The request and its cancellation arrive together.
    ///   - linkCut: The request arrives and the link ends: the executor ends with status 0 and leaves neither a temporary file nor a process.
    init(
        _ operation: Literal, success: OperationCase, missing: OperationCase, denied: OperationCase, wrongKind: OperationCase,
        fullDisk: OperationCase, cancelled: OperationCase, linkCut: OperationCase
    ) {
        self.operation = operation
        cases = [
            .success: success, .missing: missing, .denied: denied, .wrongKind: wrongKind, .fullDisk: fullDisk, .cancelled: cancelled,
            .linkCut: linkCut,
        ]
    }

    var testDescription: String { "\(operation)" }
}

/// Every operation in every circumstance. Each subject adds its rows in a file of its own, `OperationTable+SUBJECT.swift`, and here.
enum OperationTable {
    static let rows: [OperationRow] = fileRows + fileTreeRows + searchRows + processRows + sessionRows
}

@Suite struct OperationTableTests {
    @Test func everyOperationHasOneRow() {
        let rows = OperationTable.rows.map { "\($0.operation)" }
        #expect(Set(rows).count == rows.count)
        #expect(rows.sorted() == executorOperations.map { "\($0)" }.sorted())
        for row in OperationTable.rows { #expect(row.cases.count == Circumstance.allCases.count) }
    }

    @Test(arguments: OperationTable.rows, Circumstance.allCases)
    func play(row: OperationRow, circumstance: Circumstance) throws {
        let cell = try #require(row.cases[circumstance])
        if case .never(let reason) = cell.expectation {
            #expect(!reason.isEmpty)
            return
        }
        // Mounting and another account need root; what cannot be played here is said by the test below.
        if geteuid() != 0, circumstance == .fullDisk || cell.server?.contains("become-root") == true { return }
        let stage = try OperationStage(circumstance, hasManyFiles: circumstance == .cancelled && cell.parameters.contains("tree"))
        try stage.play(row.operation, cell)
    }

    @Test(.enabled(if: geteuid() != 0, "everything is played"))
    func whatIsNotPlayedHere() {
        withKnownIssue("full disks, and processes that become another user's, are played by root only") { Issue.record("not root") }
    }
}
