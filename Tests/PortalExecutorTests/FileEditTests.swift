import Foundation
import PortalWire
import Testing

@Suite struct FileEditTests {
    let scratch: Scratch
    let client: ExecutorClient

    init() throws {
        scratch = try Scratch()
        client = try ExecutorClient()
    }

    private func edit(_ content: String, _ edits: [FileEdit], _ parameters: (inout JSONWriter) -> Void = { _ in }) throws
        -> ExecutorClient.Outcome
    {
        let file = try scratch.file("a", content)
        return try client.call("fs.edit", payload: FileEdit.data(edits)) {
            $0.set("path", file)
            parameters(&$0)
        }
    }

    private func change(_ old: String, _ new: String, all: Bool = false) -> FileEdit {
        FileEdit(old: Array(old.utf8), new: Array(new.utf8), all: all)
    }

    @Test func editsFollowEachOther() throws {
        let outcome = try edit("1\n2\n3\n2\n", [change("3", "three\nx"), change("three", "drei"), change("2", "II", all: true)])
        let result = try #require(outcome.result.map { FileEditResult($0) } ?? nil)
        #expect(scratch.content("a") == "1\nII\ndrei\nx\nII\n")
        #expect(result.replaced == 4)
        #expect(result.firstLine == 2)
        #expect(result.size == 15 && result.lost.isEmpty)
    }

    @Test func allOrNothing() throws {
        let outcome = try edit("a b c", [change("a", "x"), change("missing", "y")])
        #expect(outcome.error?.code == .noMatch)
        #expect(outcome.error?.applied == .no)
        #expect(outcome.error?.details.first?.value.integer == 1)
        #expect(scratch.content("a") == "a b c")
        #expect(scratch.names == ["a"])
    }

    @Test func manyMatchesSayWhere() throws {
        let outcome = try edit(String(repeating: "x\ny\n", count: 12), [change("x", "z")])
        #expect(outcome.error?.code == .notUnique)
        let details = JSONValue.object(outcome.error?.details ?? [])
        #expect(details.unsigned("edit") == 0)
        #expect(details.unsigned("matches") == 12)
        #expect(details.array("lines")?.map(\.integer) == (0..<10).map { $0 * 2 + 1 })
    }

    /// What people and models mistype: indentation, line ends, quotes.
    @Test(arguments: [
        ("if x:\n    y = 'a'\n    z()\n", 3, "\ty = \"a\"\n\tz()"), ("  let name = “x”", 5, "let name = \"x\""),
        ("foo(a,b)", 6, "foo( a,\n  b )"),
    ])
    func nearMissesComeFirst(old: String, line: Int64, text: String) throws {
        let content = "first\nif x:\n\ty = \"a\"\n\tz()\nlet name = \"x\"\nfoo( a,\n  b )\n"
        let outcome = try edit(content, [change(old, "new")])
        #expect(outcome.error?.code == .noMatch)
        let near = JSONValue.object(outcome.error?.details ?? []).array("near") ?? []
        #expect(near.count <= 3 && !near.isEmpty)
        let lines = near.compactMap { $0.integer("line") }
        #expect(lines.contains(line) || lines.contains(line - 1), "\(near)")
        let texts = near.compactMap { $0.string("text").map { String(decoding: $0, as: UTF8.self) } }
        #expect(texts.contains { $0.contains(text) || text.hasPrefix($0) }, "\(texts)")
    }

    @Test func nothingIsNearNothing() throws {
        let outcome = try edit("abc\n", [change("zzzzzz", "y")])
        #expect(JSONValue.object(outcome.error?.details ?? []).array("near")?.count == 0)
    }

    @Test func lineEndsAndByteOrderMarkStay() throws {
        let mark = "\u{FEFF}"
        let outcome = try edit(mark + "one\r\ntwo\r\nthree\r\n", [change("one\ntwo\n", "1\n2\n2b\n"), change("three", "3\n4")])
        #expect(outcome.result != nil)
        #expect(scratch.content("a") == mark + "1\r\n2\r\n2b\r\n3\r\n4\r\n")
        // What is found as it stands, with line ends, is replaced by what was given.
        #expect(try edit("a\r\nb\r\n", [change("a\r\nb", "a\nb")]).result != nil)
        #expect(scratch.content("a") == "a\nb\r\n")
    }

    @Test func bytesThatAreNoText() throws {
        let file = scratch.path + "/a"
        try Data([0, 0xFF, 0xFE, 10]).write(to: URL(fileURLWithPath: file))
        let outcome = try client.call("fs.edit", payload: FileEdit.data([FileEdit(old: [0xFF], new: [0, 1])])) { $0.set("path", file) }
        #expect(outcome.result != nil)
        #expect(FileManager.default.contents(atPath: file) == Data([0, 0, 1, 0xFE, 10]))
    }

    @Test func whatMakesNoSenseIsInvalid() throws {
        #expect(try edit("a", [change("", "b")]).error?.code == .invalid)
        #expect(try edit("a", [change("a", "a")]).error?.code == .invalid)
        let file = try scratch.file("a", "a")
        #expect(try client.call("fs.edit", payload: Array("[]".utf8)) { $0.set("path", file) }.error?.code == .invalid)
        #expect(try client.call("fs.edit", payload: Array("{\"edits\":[".utf8)) { $0.set("path", file) }.error?.code == .invalid)
    }

    @Test func conditionsAndBounds() throws {
        let conflict = try edit("a", [change("a", "b")]) { $0.set("if_match", "00") }
        #expect(conflict.error?.code == .conflict)
        #expect(conflict.error?.details.first?.value.string?.count == 64)
        let hash = try #require(conflict.error?.details.first?.value.string)
        #expect(try edit("a", [change("a", "b")]) { $0.set("if_match", String(decoding: hash, as: UTF8.self)) }.result != nil)
        // A file of 64 MiB and a byte, all of it a hole.
        let large = try scratch.file("large", "a")
        truncate(large, off_t(FileEditRequest.fileLength + 1))
        #expect(try client.call("fs.edit", payload: FileEdit.data([change("a", "b")])) { $0.set("path", large) }.error?.code == .tooLarge)
        // One that would become too large.
        let grown = try edit(String(repeating: "a", count: 70000), [change("a", String(repeating: "b", count: 1000), all: true)])
        #expect(grown.error?.code == .tooLarge)
        let id = try client.send("fs.edit", more: true) { $0.set("path", large) }
        for _ in 0..<4 { try client.send(.data(id: id, stream: .content, end: false), payload: [UInt8](repeating: 0x20, count: 65536)) }
        try client.send(.cancel(id: id, Cancellation()))
        #expect(try client.wait(id).error?.code == .cancelled)
    }

    @Test func editsAtTheSameTimeAreAllThere() throws {
        let lines = (0..<64).map { "line \($0) is old" }
        let file = try scratch.file("a", lines.joined(separator: "\n") + "\n")
        let requests = try (0..<64).map { index in
            try client.send("fs.edit", payload: FileEdit.data([change("line \(index) is old", "line \(index) is new")])) {
                $0.set("path", file)
            }
        }
        for id in requests { #expect(try client.wait(id).error == nil) }
        #expect(scratch.content("a") == (0..<64).map { "line \($0) is new\n" }.joined())
    }
}
