import Foundation
import PortalWire
import Testing

/// Reads by lines, on condition, and what is said of every file.
@Suite struct FileReadTests {
    let scratch: Scratch
    let client: ExecutorClient

    init() throws {
        scratch = try Scratch()
        client = try ExecutorClient()
    }

    private func read(_ file: String, _ parameters: (inout JSONWriter) -> Void) throws -> (text: String, result: FileReadResult) {
        let outcome = try client.call("fs.read") {
            $0.set("path", file)
            parameters(&$0)
        }
        return (
            String(decoding: outcome.data[.content] ?? [], as: UTF8.self), try #require(outcome.result.map { FileReadResult($0) } ?? nil)
        )
    }

    /// Content, first line, lines wanted; what comes, how many lines it is, and how many there are.
    @Test(
        arguments: [
            ("a\nb\nc\n", 1, 2, "a\nb\n", 2, 3), ("a\nb\nc\n", 3, 5, "c\n", 1, 3), ("a\nb\nc", 3, 1, "c", 1, 3),
            ("a\nb\nc", 2, nil, "b\nc", 2, 3),
            ("a\nb\nc\n", 4, 1, "", 0, 3), ("a\nb\nc\n", 9, 1, "", 0, 3), ("", 1, nil, "", 0, 0), ("\n\n", 2, nil, "\n", 1, 2),
            ("x", 1, 0, "", 0, 1),
            ("a\r\nb\r\n", 2, 1, "b\r\n", 1, 2), ("a", 2, 1, "", 0, 1),
        ] as [(String, Int, Int?, String, UInt64, UInt64)])
    func lines(content: String, first: Int, count: Int?, text: String, lines: UInt64, total: UInt64) throws {
        let file = try scratch.file("a", content)
        let (read, result) = try read(file) {
            $0.set("first_line", number: first)
            if let count { $0.set("lines", number: count) }
        }
        #expect(read == text)
        #expect(result.lines == FileReadResult.Lines(first: UInt64(first), count: lines, total: total))
        #expect(result.bytes == UInt64(text.utf8.count))
    }

    @Test func linesOfALargeFileComeInPiecesAndItsMemoryStays() throws {
        // A line far longer than any buffer, between many.
        let many = (0..<200_000).map { "line \($0)\n" }.joined()
        let long = String(repeating: "x", count: 3_000_000)
        let file = try scratch.file("a", many + long + "\n" + many)
        let (text, result) = try read(file) {
            $0.set("first_line", number: 200_000)
            $0.set("lines", number: 3)
            $0.set("hash", true)
        }
        #expect(text == "line 199999\n" + long + "\nline 0\n")
        #expect(result.lines?.total == 400_001 && result.lines?.count == 3)
        let whole = try read(file) { $0.set("hash", true) }
        #expect(result.lines?.fileSHA256 == whole.result.sha256)
        #expect(result.sha256 != whole.result.sha256)
    }

    @Test func anUnchangedFileIsNotSent() throws {
        let file = try scratch.file("a", String(repeating: "content\n", count: 100_000))
        let first = try read(file) { $0.set("hash", true) }
        let hash = String(decoding: try #require(first.result.sha256), as: UTF8.self)
        let same = try read(file) { $0.set("if_none_match", hash) }
        #expect(same.result.unchanged && same.result.bytes == 0 && same.text.isEmpty)
        let other = try read(file) {
            $0.set("if_none_match", String(repeating: "0", count: 64))
            $0.set("offset", number: 8)
            $0.set("length", number: 4)
            $0.set("hash", true)
        }
        #expect(!other.result.unchanged && other.text == "cont")
        let lines = try read(file) {
            $0.set("if_none_match", String(repeating: "0", count: 64))
            $0.set("first_line", number: 100_000)
            $0.set("hash", true)
        }
        #expect(lines.text == "content\n")
        #expect(lines.result.lines?.fileSHA256 == Array(hash.utf8))
        let empty = try read(try scratch.file("b", "")) {
            $0.set("if_none_match", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        }
        #expect(empty.result.unchanged)
    }

    @Test func binaryFilesAreKnownWhateverPartIsRead() throws {
        let late = try scratch.file("late", String(repeating: "x", count: 8192) + "\0")
        let early = try scratch.file("early", String(repeating: "x", count: 8191) + "\0tail\n")
        for (file, isBinary) in [(late, false), (early, true)] {
            #expect(try read(file) { _ in }.result.binary == isBinary)
            #expect(try read(file) { $0.set("length", number: 1) }.result.binary == isBinary)
            #expect(try read(file) { $0.set("offset", number: 8192) }.result.binary == isBinary)
            #expect(try read(file) { $0.set("first_line", number: 2) }.result.binary == isBinary)
            #expect(try read(file) { $0.set("if_none_match", "0") }.result.binary == isBinary)
        }
    }

    @Test func countingStopsWhenItIsCancelled() throws {
        let file = scratch.path + "/hole"
        #expect(FileManager.default.createFile(atPath: file, contents: nil))
        truncate(file, 1 << 40)
        let id = try client.send("fs.read") {
            $0.set("path", file)
            $0.set("first_line", number: 2)
        }
        #expect(try client.call("fs.stat") { $0.set("path", file) }.result != nil)
        let start = Date()
        try client.send(.cancel(id: id, Cancellation()))
        #expect(try client.wait(id).error?.code == .cancelled)
        #expect(eventually { client.openFiles(in: scratch.path).isEmpty })
        #expect(Date().timeIntervalSince(start) < 0.1, "it goes on for too long")
    }

    /// Far behind the end, where a file system takes no such position either, is as just behind it.
    @Test(arguments: [UInt64(5), 1 << 43, 9_007_199_254_740_991, UInt64(Int64.max)])
    func nothingIsBehindTheEnd(offset: UInt64) throws {
        // The first is on a disk as a rule, the second in memory: they differ in the greatest position that they take.
        for directory in [scratch.path, "/dev/shm"] {
            for content in ["bytes", ""] {
                let file = directory + "/portal-offset-\(getpid())"
                try Data(content.utf8).write(to: URL(fileURLWithPath: file))
                defer { unlink(file) }
                let (text, result) = try read(file) {
                    $0.member("offset", number: offset)
                    $0.set("hash", true)
                }
                #expect(text == "" && result.bytes == 0)
                #expect(result.status.size == UInt64(content.utf8.count))
                #expect(result.sha256 == Array("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".utf8))
                let compared = try read(file) {
                    $0.member("offset", number: offset)
                    $0.set("if_none_match", String(repeating: "0", count: 64))
                }
                #expect(compared.text == "" && compared.result.bytes == 0)
            }
        }
        // Its size is said to be 0: only reading tells where it ends.
        #expect(try read("/proc/self/status") { $0.member("offset", number: offset) }.text.isEmpty == (offset > 5))
    }

    /// A file that another process has on lease is not to be had at once: that says nothing of processes or threads.
    @Test func aFileOnLeaseIsNotCalledALackOfProcesses() throws {
        let file = try scratch.file("leased", "content\n")
        let descriptor = open(file, O_RDONLY)
        defer { close(descriptor) }
        // The kernel tells the holder by a signal, which would end this program.
        signal(SIGIO, SIG_IGN)
        try #require(fcntl(descriptor, 1024 /* F_SETLEASE */, F_WRLCK) == 0)
        let error = try #require(try client.call("fs.read") { $0.set("path", file) }.error)
        #expect(error.code == .internal && error.errno == EAGAIN)
        let message = String(decoding: error.message, as: UTF8.self)
        #expect(message == "read \(file): it is in use; try again", "\(message)")
    }
}
