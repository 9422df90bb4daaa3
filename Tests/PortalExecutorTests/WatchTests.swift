import Foundation
import PortalWire
import Testing

@Suite struct WatchTests {
    /// A request for changes, and the lines that came of it.
    private final class Watching {
        let client: ExecutorClient
        let id: UInt64

        init(_ client: ExecutorClient, _ path: String, _ more: (inout JSONWriter) -> Void = { _ in }) throws {
            self.client = client
            id = try client.send("watch.start") {
                $0.set("path", path)
                $0.set("settle_ms", number: 5)
                more(&$0)
            }
        }

        var lines: [WatchLine] {
            client.received(id, .content).split(separator: 0x0A, omittingEmptySubsequences: true)
                .compactMap { (try? JSONParser.parse(Array($0))).flatMap { WatchLine($0) } }
        }

        var changes: [String: WatchedChange.Kind] {
            var last: [String: WatchedChange.Kind] = [:]
            for case .changes(let changes) in lines {
                for change in changes { last[String(decoding: change.path, as: UTF8.self)] = change.kind }
            }
            return last
        }

        /// Waits until what came is as it should be.
        func wait(_ isMet: (Watching) -> Bool) throws {
            while !isMet(self) { try client.waitForData(id, .content, count: client.received(id, .content).count + 1) }
        }

        func ready() throws -> UInt64 {
            try wait { !$0.lines.isEmpty }
            guard case .ready(let count)? = lines.first else { throw ExecutorClient.Failure(description: "not ready: \(lines)") }
            return count
        }
    }

    private func make(_ path: String) throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    @Test func filesComeChangeAndGo() throws {
        let scratch = try Scratch()
        try make(scratch.path + "/deep/er")
        let old = try scratch.file("deep/er/old", "1")
        let watching = try Watching(try ExecutorClient(), scratch.path)
        #expect(try watching.ready() == 3)
        _ = try scratch.file("new", "x")
        try Data("22".utf8).write(to: URL(fileURLWithPath: old))
        try watching.wait { $0.changes == ["new": .created, "deep/er/old": .modified] }
        try FileManager.default.removeItem(atPath: old)
        try FileManager.default.moveItem(atPath: scratch.path + "/new", toPath: scratch.path + "/renamed")
        try watching.wait { $0.changes == ["new": .removed, "renamed": .created, "deep/er/old": .removed] }
    }

    /// What is made in a directory before its watch is in place is told all the same; and what comes after that.
    @Test func newDirectoriesMissNothing() throws {
        let scratch = try Scratch()
        let watching = try Watching(try ExecutorClient(), scratch.path)
        _ = try watching.ready()
        var expected: Set<String> = []
        for index in 0..<40 {
            let directory = "a\(index)/b/c"
            try make(scratch.path + "/" + directory)
            _ = try scratch.file(directory + "/file", "x")
            expected.formUnion(["a\(index)", "a\(index)/b", directory, directory + "/file"])
        }
        try watching.wait { Set($0.changes.keys).isSuperset(of: expected) }
        #expect(Set(watching.changes.keys) == expected)
        _ = try scratch.file("a7/b/c/later", "x")
        try watching.wait { $0.changes["a7/b/c/later"] != nil }
    }

    @Test func movedDirectories() throws {
        let scratch = try Scratch()
        let outside = try Scratch()
        try make(scratch.path + "/a/b")
        _ = try scratch.file("a/b/file", "x")
        let watching = try Watching(try ExecutorClient(), scratch.path)
        _ = try watching.ready()
        try FileManager.default.moveItem(atPath: scratch.path + "/a", toPath: scratch.path + "/z")
        try watching.wait { $0.changes["z/b/file"] == .created && $0.changes["a"] == .removed }
        // It is watched under its new name, and only there.
        try Data("xx".utf8).write(to: URL(fileURLWithPath: scratch.path + "/z/b/file"))
        try Data("yy".utf8).write(to: URL(fileURLWithPath: scratch.path + "/z/b/other"))
        try watching.wait { $0.changes["z/b/other"] != nil }
        try FileManager.default.moveItem(atPath: scratch.path + "/z", toPath: outside.path + "/z")
        try watching.wait { $0.changes["z"] == .removed }
        _ = try outside.file("z/b/unseen", "x")
        _ = try scratch.file("seen", "x")
        try watching.wait { $0.changes["seen"] != nil }
        #expect(!watching.changes.keys.contains { $0.hasSuffix("unseen") })
    }

    @Test func ignoreRulesAndGlobs() throws {
        let scratch = try Scratch()
        try make(scratch.path + "/.git")
        try make(scratch.path + "/build")
        _ = try scratch.file(".gitignore", "build/\n*.o\n")
        let watching = try Watching(try ExecutorClient(), scratch.path) {
            $0.set("ignore", true)
            $0.name("exclude")
            $0.beginArray()
            $0.string(Array("*.log".utf8))
            $0.endArray()
        }
        #expect(try watching.ready() == 1)
        for name in ["build/x", "a.o", "a.log", ".git/index", "a.c", ".env"] { _ = try scratch.file(name, "x") }
        try watching.wait { $0.changes[".env"] != nil && $0.changes["a.c"] != nil }
        #expect(Set(watching.changes.keys) == ["a.c", ".env"])
    }

    @Test func oneDirectoryOnly() throws {
        let scratch = try Scratch()
        try make(scratch.path + "/sub")
        let watching = try Watching(try ExecutorClient(), scratch.path) { $0.set("recursive", false) }
        #expect(try watching.ready() == 1)
        try make(scratch.path + "/other")
        _ = try scratch.file("sub/file", "x")
        _ = try scratch.file("file", "x")
        try watching.wait { $0.changes["file"] != nil }
        #expect(Set(watching.changes.keys) == ["other", "file"])
    }

    /// More changes than are kept, while nobody takes any: the answer is to look again, and then all goes on.
    @Test func tooMuchIsARescan() throws {
        let scratch = try Scratch()
        let client = try ExecutorClient()
        let watching = try Watching(client, scratch.path)
        _ = try watching.ready()
        for index in 0..<9000 { _ = FileManager.default.createFile(atPath: scratch.path + "/f\(index)", contents: nil) }
        try watching.wait { watching in
            watching.lines.contains(.rescan([0x2E])) || watching.changes.count == 9000
        }
        _ = try scratch.file("after", "x")
        try watching.wait { watching in
            guard let last = watching.lines.lastIndex(of: .rescan([0x2E])) else { return watching.changes["after"] != nil }
            return watching.changes["after"] != nil || last == watching.lines.count - 1
        }
    }

    @Test func endsWithItsDirectoryOrWhenItIsCancelled() throws {
        let scratch = try Scratch()
        try make(scratch.path + "/root")
        let client = try ExecutorClient()
        let watching = try Watching(client, scratch.path + "/root")
        _ = try watching.ready()
        try FileManager.default.removeItem(atPath: scratch.path + "/root")
        #expect(try client.wait(watching.id).error?.code == .notFound)
        let other = try Watching(client, scratch.path)
        try client.send(.cancel(id: other.id, Cancellation()))
        #expect(try client.wait(other.id).error?.code == .cancelled)
        let descriptors = "/proc/\(client.processIdentifier)/fd"
        #expect(
            eventually {
                let links = (try? FileManager.default.contentsOfDirectory(atPath: descriptors)) ?? []
                return !links.contains {
                    (try? FileManager.default.destinationOfSymbolicLink(atPath: descriptors + "/" + $0)) == "anon_inode:inotify"
                }
            }, "nothing of it is left open")
    }

    @Test func whatCannotBeWatched() throws {
        let scratch = try Scratch()
        let client = try ExecutorClient()
        let file = try scratch.file("file", "x")
        for (path, code) in [(file, ErrorCode.notADirectory), (scratch.path + "/none", .notFound)] {
            #expect(try client.call("watch.start") { $0.set("path", path) }.error?.code == code)
        }
        #expect(try client.call("watch.start").error?.code == .invalid)
        let slow = try client.call("watch.start") {
            $0.set("path", scratch.path)
            $0.set("settle_ms", number: 60_001)
        }
        #expect(slow.error?.code == .invalid)
    }
}
