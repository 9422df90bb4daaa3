import Foundation
import PortalWire
import Testing

@Suite struct FileCopyTests {
    let scratch: Scratch
    let client: ExecutorClient

    init() throws {
        scratch = try Scratch()
        client = try ExecutorClient()
    }

    private func copy(_ from: String, _ to: String, _ flags: Literal...) throws -> ExecutorClient.Outcome {
        try client.call("fs.copy") {
            $0.set("cwd", scratch.path)
            $0.set("from", from)
            $0.set("to", to)
            for flag in flags { $0.set(flag, true) }
        }
    }

    private func directory(_ name: String) throws {
        try FileManager.default.createDirectory(atPath: scratch.path + "/" + name, withIntermediateDirectories: true)
    }

    private func status(_ name: String) -> stat {
        var status = stat()
        lstat(scratch.path + "/" + name, &status)
        return status
    }

    @Test func treesWithLinksModesAndTimes() throws {
        try directory("t/a/b")
        _ = try scratch.file("t/x", "x")
        _ = try scratch.file("t/a/b/y", String(repeating: "y", count: 3_000_000))
        symlink("../../outside", scratch.path + "/t/a/link")
        chmod(scratch.path + "/t/x", 0o751)
        chmod(scratch.path + "/t/a", 0o710)
        for name in ["t/x", "t/a"] {
            var times = [timespec(tv_sec: 1000, tv_nsec: 5), timespec(tv_sec: 2000, tv_nsec: 7)]
            utimensat(AT_FDCWD, scratch.path + "/" + name, &times, 0)
        }
        let result = try #require((try copy("t", "u/", "recursive")).result.map { FileCopyResult($0) } ?? nil)
        #expect(result.files == 3 && result.directories == 3 && result.bytes == 3_000_001)
        #expect(scratch.content("u/a/b/y") == scratch.content("t/a/b/y"))
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: scratch.path + "/u/a/link") == "../../outside")
        #expect(status("u/x").st_mode & 0o7777 == 0o751 && status("u/a").st_mode & 0o7777 == 0o710)
        for name in ["u/x", "u/a"] { #expect(status(name).st_mtim.tv_sec == 2000 && status(name).st_mtim.tv_nsec == 7, "\(name)") }
    }

    @Test func nothingIsReplacedUnlessAskedFor() throws {
        _ = try scratch.file("a", "a")
        _ = try scratch.file("b", "b")
        try directory("d")
        #expect(try copy("a", "b").error?.code == .exists)
        #expect(scratch.content("b") == "b")
        #expect(try copy("a", "b", "replace").result != nil)
        #expect(scratch.content("b") == "a")
        #expect(try copy("a", "d", "replace").error?.code == .isADirectory)
        #expect(try copy("d", "a", "replace", "recursive").error?.code == .notADirectory)
        #expect(try copy("d", "e").error?.code == .isADirectory)
        #expect(try copy("missing", "e").error?.code == .notFound)
        #expect(scratch.names == ["a", "b", "d"])
    }

    @Test func treesMergeOnlyWithReplace() throws {
        try directory("t/s")
        try directory("u/s")
        _ = try scratch.file("t/s/both", "new")
        _ = try scratch.file("u/s/both", "old")
        _ = try scratch.file("u/s/own", "own")
        let refused = try copy("t", "u", "recursive")
        #expect(refused.error?.code == .exists && refused.error?.applied == .no)
        #expect(try copy("t", "u", "recursive", "replace").result?["files"]?.integer == 1)
        #expect(scratch.content("u/s/both") == "new" && scratch.content("u/s/own") == "own")
    }

    /// A link in the place of a directory leads nothing out.
    @Test func mergingFollowsNoLink() throws {
        try directory("t/s")
        try directory("outside")
        _ = try scratch.file("t/s/f", "f")
        try directory("u")
        symlink("../outside", scratch.path + "/u/s")
        let outcome = try copy("t", "u", "recursive", "replace")
        #expect(outcome.error?.code == .notADirectory)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path + "/outside").isEmpty)
    }

    @Test func neverIntoItself() throws {
        try directory("t/s")
        for target in ["t/copy", "t/s/copy", "t/s/../s/x"] {
            let outcome = try copy("t", target, "recursive")
            #expect(outcome.error?.code == .invalid && outcome.error?.applied == .no, "\(target)")
        }
        #expect(try FileManager.default.subpathsOfDirectory(atPath: scratch.path).sorted() == ["t", "t/s"])
        _ = try scratch.file("a", "a")
        #expect(try copy("a", "a", "replace").error?.code == .exists)
        #expect(scratch.content("a") == "a")
    }

    @Test func specialFilesAreRefusedByName() throws {
        try directory("t/s")
        mkfifo(scratch.path + "/t/s/pipe", 0o600)
        let outcome = try copy("t", "u", "recursive")
        #expect(outcome.error?.code == .invalid)
        #expect(outcome.error?.applied == .unknown)
        let message = String(decoding: outcome.error?.message ?? [], as: UTF8.self)
        #expect(message.contains("s/pipe"))
    }

    @Test func holesStay() throws {
        let file = scratch.path + "/sparse"
        let descriptor = open(file, O_WRONLY | O_CREAT, 0o600)
        ftruncate(descriptor, 64 << 20)
        pwrite(descriptor, "middle", 6, 32 << 20)
        close(descriptor)
        let outcome = try copy("sparse", "copy")
        #expect(outcome.result != nil)
        #expect(status("copy").st_size == 64 << 20)
        #expect(status("copy").st_blocks < 1024)
        #expect(FileManager.default.contentsEqual(atPath: file, andPath: scratch.path + "/copy"))
        // What says it is empty and is not.
        #expect(try copy("/proc/self/mounts", "mounts").result != nil)
        #expect(scratch.content("mounts")?.isEmpty == false)
    }

    @Test func cancellingStopsWithinATenthOfASecond() throws {
        // Data, not a hole: what is copied by the kernel in pieces.
        let file = scratch.path + "/large"
        let descriptor = open(file, O_WRONLY | O_CREAT, 0o600)
        let block = [UInt8](repeating: 7, count: 1 << 20)
        for _ in 0..<256 { #expect(Glibc.write(descriptor, block, block.count) == block.count) }
        close(descriptor)
        let id = try client.send("fs.copy") {
            $0.set("cwd", scratch.path)
            $0.set("from", "large")
            $0.set("to", "copy")
        }
        #expect(eventually { client.openFiles(in: scratch.path).count > 2 })
        let start = Date()
        try client.send(.cancel(id: id, Cancellation()))
        let outcome = try client.wait(id)
        let seconds = Date().timeIntervalSince(start)
        #expect(outcome.error?.code == .cancelled && outcome.error?.applied == .no)
        #expect(seconds < 0.1, "\(seconds)")
        #expect(scratch.names == ["large"])
    }

    /// While a tree is removed, a directory in it is exchanged for a link to one outside, again and again: nothing outside goes.
    @Test func removalNeverLeavesItsTree() throws {
        try directory("outside/deep")
        _ = try scratch.file("outside/kept", "kept")
        _ = try scratch.file("outside/deep/kept", "kept")
        let outside = scratch.path + "/outside"
        for round in 0..<20 {
            try directory("tree/a/b/c")
            for index in 0..<50 { mknod(scratch.path + "/tree/a/b/\(index)", S_IFREG | 0o600, 0) }
            let id = try client.send("fs.remove") {
                $0.set("path", scratch.path + "/tree")
                $0.set("recursive", true)
            }
            let victim = scratch.path + "/tree/a/b"
            for index in 0..<30 {
                rename(victim, scratch.path + "/aside\(round)-\(index)")
                symlink(outside, victim)
                sched_yield()
                unlink(victim)
                rename(scratch.path + "/aside\(round)-\(index)", victim)
            }
            _ = try client.wait(id)
            try? FileManager.default.removeItem(atPath: scratch.path + "/tree")
        }
        #expect(scratch.content("outside/kept") == "kept" && scratch.content("outside/deep/kept") == "kept")
    }
}
