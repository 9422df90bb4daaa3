import Foundation
import PortalExecutor
import PortalWire
import Testing

@Suite struct FileTests {
    @Test func tableMatchesTheProtocol() {
        let mine = executorOperations.map { "\($0)" }.sorted()
        #expect(mine == OperationNames.executor.map { "\($0)" }.sorted())
    }

    @Test func statTellsFilesLinksAndWhatIsMissing() throws {
        let scratch = try Scratch()
        let client = try ExecutorClient()
        let file = try scratch.file("a", "four")
        let status = FileStatus(try #require(try client.call("fs.stat") { $0.set("path", file) }.result))
        #expect(status?.size == 4)
        #expect(status?.kind == .file)
        #expect(try client.call("fs.stat") { $0.set("path", file + "x") }.error?.code == .notFound)
        #expect(try client.call("fs.stat") { $0.set("path", file + "/x") }.error?.code == .notADirectory)
        #expect(try client.call("fs.stat").error?.code == .invalid)
    }

    @Test func readsRangesAndRefusesWhatIsNoFile() throws {
        let scratch = try Scratch()
        let client = try ExecutorClient()
        let file = try scratch.file("a", "0123456789")
        let part = try client.call("fs.read") {
            $0.set("path", file)
            $0.set("offset", number: 2)
            $0.set("length", number: 3)
        }
        #expect(part.data[.content] == Array("234".utf8))
        #expect(try client.call("fs.read") { $0.set("path", scratch.path) }.error?.code == .isADirectory)
        #expect(try client.call("fs.read") { $0.set("path", "/dev/null") }.error?.code == .invalid)
        #expect(try client.call("fs.read") { $0.set("path", "/proc/self/stat") }.data[.content]?.isEmpty == false)
    }

    /// The kernel would refuse the name itself only after everything in it was gone.
    @Test(arguments: [".", "..", "./", "../inner/..", "../inner/."]) func aTreeIsNotRemovedByWhatIsNoName(path: String) throws {
        let scratch = try Scratch()
        let client = try ExecutorClient()
        try FileManager.default.createDirectory(atPath: scratch.path + "/inner", withIntermediateDirectories: true)
        let file = try scratch.file("inner/kept", "kept")
        let outcome = try client.call("fs.remove") {
            $0.set("cwd", scratch.path + "/inner")
            $0.set("path", path)
            $0.set("recursive", true)
        }
        #expect(outcome.error?.code == .invalid)
        #expect(outcome.error?.applied == .no)
        #expect(FileManager.default.fileExists(atPath: file))
    }

    @Test func readStopsWithoutCredit() throws {
        let scratch = try Scratch()
        let client = try ExecutorClient()
        let file = try scratch.file("big", String(repeating: "x", count: 1_000_000))
        let id = try client.send("fs.read") { $0.set("path", file) }
        client.withoutCredit.insert(id)
        try client.waitForData(id, .content, count: Limits.initialCredit)
        // The answer to a later request is behind everything that the read could still have sent.
        #expect(try client.call("fs.stat") { $0.set("path", file) }.result != nil)
        #expect(client.received(id, .content).count == Limits.initialCredit)
        try client.send(.cancel(id: id, Cancellation()))
        #expect(try client.wait(id).error?.code == .cancelled)
    }

    @Test func listsEveryEntry() throws {
        let scratch = try Scratch()
        for index in 0..<50 { _ = try scratch.file("f\(index)", "") }
        let client = try ExecutorClient()
        let outcome = try client.call("fs.list") { $0.set("path", scratch.path) }
        #expect(FileListResult(try #require(outcome.result))?.count == 50)
        #expect(outcome.data[.content]?.filter { $0 == 0x0A }.count == 50)
        #expect(try client.call("fs.list") { $0.set("path", scratch.path + "/f0") }.error?.code == .notADirectory)
    }

    @Test func writesAtomicallyAndOnCondition() throws {
        let scratch = try Scratch()
        let client = try ExecutorClient()
        let path = scratch.path + "/new"
        let first = try client.call("fs.write", payload: Array("one".utf8)) { $0.set("path", path) }
        let hash = try #require(first.result?["sha256"]?.string)
        #expect(first.result?["created"]?.bool == true)
        let clash = try client.call("fs.write", payload: Array("two".utf8)) {
            $0.set("path", path)
            $0.set("create_only", true)
        }
        #expect(clash.error?.code == .exists)
        let conflict = try client.call("fs.write", payload: Array("two".utf8)) {
            $0.set("path", path)
            $0.set("if_match", "00")
        }
        #expect(conflict.error?.code == .conflict)
        #expect(conflict.error?.details.first?.value.string == hash)
        let wrong = try client.call("fs.write", payload: Array("two".utf8)) {
            $0.set("path", path)
            $0.set("sha256", "00")
        }
        #expect(wrong.error?.code == .invalid)
        #expect(scratch.content("new") == "one")
        #expect(try client.call("fs.write") { $0.set("path", scratch.path) }.error?.code == .isADirectory)
        #expect(scratch.names == ["new"])
    }

    @Test func cancelledWriteLeavesNothing() throws {
        let scratch = try Scratch()
        let client = try ExecutorClient()
        let file = try scratch.file("a", "old")
        let id = try client.send("fs.write", payload: Array("half".utf8), more: true) { $0.set("path", file) }
        #expect(eventually { client.openFiles(in: scratch.path).count == 2 })
        try client.send(.cancel(id: id, Cancellation()))
        #expect(try client.wait(id).error?.code == .cancelled)
        #expect(scratch.names == ["a"])
        #expect(scratch.content("a") == "old")
    }

    @Test func unfinishedWriteIsRemovedWithTheSession() throws {
        let scratch = try Scratch()
        let client = try ExecutorClient()
        _ = try client.send("fs.write", payload: [1], more: true) { $0.set("path", scratch.path + "/a") }
        #expect(eventually { client.openFiles(in: scratch.path).count == 2 })
        #expect(try client.close() == 0)
        #expect(scratch.names.isEmpty)
    }

    @Test func makesRenamesAndRemoves() throws {
        let scratch = try Scratch()
        let client = try ExecutorClient()
        let deep = scratch.path + "/a/b/c"
        #expect(try client.call("fs.mkdir") { $0.set("path", deep) }.error?.code == .notFound)
        for _ in 0..<2 {
            let made = try client.call("fs.mkdir") {
                $0.set("path", deep)
                $0.set("parents", true)
            }
            #expect(made.error == nil)
        }
        _ = try scratch.file("x", "x")
        let taken = try client.call("fs.rename") {
            $0.set("from", scratch.path + "/x")
            $0.set("to", scratch.path + "/a")
            $0.set("replace", false)
        }
        #expect(taken.error?.code == .exists)
        #expect(try client.call("fs.remove") { $0.set("path", scratch.path + "/a") }.error?.code == .exists)
        let removed = try client.call("fs.remove") {
            $0.set("path", scratch.path + "/a")
            $0.set("recursive", true)
        }
        #expect(removed.error == nil)
        #expect(scratch.names == ["x"])
    }

    @Test(.enabled(if: geteuid() == 0, "mounting a small file system needs root"))
    func fullDiskIsSaidAndLeavesNothing() throws {
        let scratch = try Scratch()
        func tool(_ arguments: [String]) throws -> Int32 {
            let process = try Process.run(URL(fileURLWithPath: "/usr/bin/env"), arguments: arguments)
            process.waitUntilExit()
            return process.terminationStatus
        }
        try #require(try tool(["mount", "-t", "tmpfs", "-o", "size=64k", "portal-test", scratch.path]) == 0)
        defer { _ = try? tool(["umount", scratch.path]) }
        let client = try ExecutorClient()
        _ = try scratch.file("a", "old")
        let outcome = try client.call("fs.write", payload: [UInt8](repeating: 1, count: 200_000)) { $0.set("path", scratch.path + "/a") }
        #expect(outcome.error?.code == .noSpace)
        #expect(outcome.error?.applied == .no)
        #expect(scratch.names == ["a"])
        #expect(scratch.content("a") == "old")
    }
}
