import Foundation
import PortalExecutor
import PortalWire
import Testing

/// `fs.write` with a part: what an earlier request brought is gone on with.
@Suite struct PartTests {
    /// The SHA-256 of `0123456789`.
    private static let digits = "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882"

    private let scratch: Scratch
    private let client: ExecutorClient

    init() throws {
        scratch = try Scratch()
        client = try ExecutorClient()
    }

    private func begin(_ text: String, offset: Int = 0, sha256: String = digits) throws -> UInt64 {
        try client.send("fs.write", payload: Array(text.utf8), more: true) {
            $0.set("path", scratch.path + "/file")
            $0.set("sha256", sha256)
            $0.set("part", "one")
            if offset > 0 { $0.set("offset", number: offset) }
        }
    }

    private func finish(_ id: UInt64) throws -> ExecutorClient.Outcome {
        try client.send(.data(id: id, stream: .content, end: true))
        return try client.wait(id)
    }

    private func partHas(_ text: String) -> Bool { eventually { scratch.content(".portal-part-one") == text } }

    @Test func whatWasCutIsGoneOnWith() throws {
        _ = try scratch.file("file", "old")
        let first = try begin("01234")
        #expect(partHas("01234"))
        #expect(scratch.content("file") == "old")
        try client.send(.cancel(id: first, Cancellation()))
        #expect(try client.wait(first).error?.code == .cancelled)
        #expect(partHas("01234"))
        let outcome = try finish(try begin("456789", offset: 4))
        let value = try #require(outcome.result)
        let result = try #require(FileWriteResult(value))
        #expect(result.size == 10 && !result.created && String(decoding: result.sha256, as: UTF8.self) == Self.digits)
        #expect(scratch.content("file") == "0123456789")
        #expect(scratch.content(".portal-part-one") == nil)
    }

    @Test func aPartThatDoesNotFitIsRemoved() throws {
        _ = try scratch.file(".portal-part-one", "x1234")
        #expect(chmod(scratch.path + "/.portal-part-one", 0o600) == 0)
        #expect(try finish(try begin("56789", offset: 5)).error?.code == .invalid)
        #expect(scratch.content("file") == nil)
        #expect(scratch.content(".portal-part-one") == nil)
    }

    @Test func oneRequestHasThePartAtATime() throws {
        let first = try begin("01")
        #expect(partHas("01"))
        #expect(try finish(try begin("0123456789")).error?.code == .conflict)
        #expect(scratch.content(".portal-part-one") == "01")
        try client.send(.data(id: first, stream: .content, end: false), payload: Array("23456789".utf8))
        #expect(try finish(first).result != nil)
        #expect(scratch.content("file") == "0123456789")
    }

    @Test func whatIsRefused() throws {
        #expect(try finish(try begin("789", offset: 7)).error?.code == .conflict)
        // Anybody else could read or change it.
        let open = try scratch.file(".portal-part-one", "01234")
        #expect(chmod(open, 0o644) == 0)
        #expect(try finish(try begin("56789", offset: 5)).error?.code == .permissionDenied)
        #expect(scratch.content(".portal-part-one") == "01234")
        for name in ["../x", "", String(repeating: "a", count: 65)] {
            let outcome = try client.call("fs.write") {
                $0.set("path", scratch.path + "/file")
                $0.set("sha256", Self.digits)
                $0.set("part", name)
            }
            #expect(outcome.error?.code == .invalid, "\(name)")
        }
        #expect(
            try client.call("fs.write") {
                $0.set("path", scratch.path + "/file")
                $0.set("part", "one")
            }.error?.code == .invalid)
        #expect(
            try client.call("fs.write") {
                $0.set("path", scratch.path + "/file")
                $0.set("offset", number: 1)
            }.error?.code == .invalid)
    }
}
