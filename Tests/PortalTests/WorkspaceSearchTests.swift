import Foundation
import Portal
import PortalWire
import TestSupport
import Testing

/// Searches, trees, batches and watches through the SDK, an in-process proxy and a real sshd.
@Suite(.serialized) struct WorkspaceSearchTests: HasWorkspace {
    let host: TestHost
    let directory: String

    init() throws {
        host = try TestHost()
        directory = host.home.appendingPathComponent("work").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    /// How many requests are open on the host, the one that asks included.
    private func open(_ box: Workspace) async throws -> UInt64? {
        try await box.call("session.stats", parameters: .object([])).value.unsigned("open")
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    /// The names of many links to one file, so that a search has much to do and the disk has not. They are in the host's page cache.
    private func much(_ count: Int) throws {
        let line = "the quick brown fox jumps over the lazy dog\n"
        try file("much/0", "found\n" + String(repeating: line, count: 25_000))
        for index in 1..<count { try #require(link(directory + "/much/0", directory + "/much/\(index)") == 0) }
    }

    @Test func linesAndPathsAreFound() async throws {
        try file("src/one.swift", "let a = 1\n// TODO: more\nlet b = 2\n")
        try file("src/two.c", "/* todo */\n")
        try file("build/three.swift", "// TODO: not here\n")
        try file(".ignore", "build\n")
        let box = try await connect()
        var options = GrepOptions()
        options.types = ["swift"]
        options.before = 1
        options.order = .path
        let found = try await box.grep("TO[D]O", options)
        var lines: [String] = []
        for try await match in found {
            lines.append("\(text(match.path)) \(match.line ?? 0) \(text(match.text))\(match.isContext ? " -" : "")")
        }
        #expect(lines == ["src/one.swift 1 let a = 1 -", "src/one.swift 2 // TODO: more"])
        let end = try await found.end()
        #expect(end.matches == 1 && end.matchedFiles == 1 && !end.truncated)
        options = GrepOptions()
        options.ignoresCase = true
        options.mode = .files
        options.paths = ["src"]
        options.order = .path
        lines = []
        for try await match in try await box.grep("todo", options) { lines.append(text(match.path)) }
        #expect(lines == ["src/one.swift", "src/two.c"])

        var globs = GlobOptions()
        globs.order = .name
        lines = []
        for try await path in try await box.glob("**/*.{c,swift}", "!two*", options: globs) { lines.append(text(path.path)) }
        #expect(lines == ["src/one.swift"])
        globs.includesIgnored = true
        globs.wantsAttributes = true
        var sizes: [String: UInt64] = [:]
        for try await path in try await box.glob("*.swift", options: globs) { sizes[text(path.path)] = path.status?.size }
        #expect(sizes == ["src/one.swift": 34, "build/three.swift": 18])
        box.close()
    }

    @Test func whatCannotBeSearchedIsSaid() async throws {
        let box = try await connect()
        for pattern in ["(", "a{3,2}"] {
            let error = await #expect(throws: PortalError.self) { try await box.grep(pattern).end() }
            #expect(error?.code == .invalid && error?.message.isEmpty == false)
        }
        var options = GrepOptions()
        options.types = ["no-such-type"]
        let type = await #expect(throws: PortalError.self) { try await box.grep("x", options) }
        #expect(type?.code == .invalid && type?.message.contains("no-such-type") == true)
        let glob = await #expect(throws: PortalError.self) { for try await _ in try await box.glob("[a") {} }
        #expect(glob?.code == .invalid)
        let missing = await #expect(throws: PortalError.self) { for try await _ in try await box.listTree("missing") {} }
        #expect(missing?.code == .notFound)
        let watched = await #expect(throws: PortalError.self) { for try await _ in try await box.watch("missing") {} }
        #expect(watched?.code == .notFound)
        box.close()
    }

    @Test func treesAreListed() async throws {
        for name in ["a/b/c", "a/d", "e", "skip/f"] { try file(name, name) }
        let box = try await connect()
        let tree = try await box.listTree(exclude: ["skip"])
        var entries: [String: UInt64] = [:]
        var directories: Set<String> = []
        for try await entry in tree {
            let name = text(entry.name)
            if entry.status?.kind == .directory {
                directories.insert(name)
            } else {
                // A directory comes before what is in it.
                if let slash = name.lastIndex(of: "/") { #expect(directories.contains(String(name[..<slash]))) }
                entries[name] = entry.status?.size
            }
        }
        #expect(entries == ["a/b/c": 5, "a/d": 3, "e": 1] && directories == ["a", "a/b"])
        #expect(try await tree.end().count == 5)
        let cut = try await box.listTree(depth: 1, limit: 2).end()
        #expect(cut.count == 2 && cut.truncated && cut.errorCount == 0)
        box.close()
    }

    @Test func aBatchIsOneRoundTrip() async throws {
        let box = try await connect()
        let outcomes = try await box.batch([
            .makeDirectory("sub/deep", parents: true), .write(Array("hello".utf8), to: "sub/file"), .read("sub/file"), .status(of: "none"),
            .run(RemoteCommand(shell: "cat; echo error >&2; exit 3"), input: Array("in".utf8)), .remove("sub", recursive: true),
        ])
        #expect(outcomes.count == 6)
        #expect(text(outcomes[2].content) == "hello")
        let missing = #expect(throws: PortalError.self) { try outcomes[3].result.get() }
        #expect(missing?.code == .notFound)
        #expect(text(outcomes[4].output) == "in" && text(outcomes[4].errors) == "error\n")
        #expect(ProcessEnd(try outcomes[4].result.get())?.code == 3)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == [])
        let stopped = try await box.batch([.status(of: "none"), .makeDirectory("never")], stopOnError: true)
        #expect(stopped.count == 1)
        // More than a batch may have is refused as a whole.
        let tooMany = await #expect(throws: PortalError.self) {
            try await box.batch(Array(repeating: .status(of: "."), count: 1025))
        }
        #expect(tooMany?.code == .invalid)
        box.close()
    }

    @Test func aCancelledBatchRunsNothingMore() async throws {
        let box = try await connect()
        let running = Task {
            try await box.batch([.makeDirectory("first"), .run(RemoteCommand("sleep", ["1000"])), .makeDirectory("third")])
        }
        #expect(await eventually(seconds: 20) { (try? await box.processes().map(\.identifier).first ?? 0) ?? 0 > 0 })
        running.cancel()
        let error = await #expect(throws: PortalError.self) { try await running.value }
        #expect(error?.code == .cancelled && error?.applied == .unknown)
        #expect(error?.details.unsigned("item") == 2)
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory) == ["first"])
        box.close()
    }

    @Test func changesAreWatchedUntilTheTaskIsCancelled() async throws {
        try file("sub/old", "1")
        let box = try await connect()
        let (steps, continuation) = AsyncStream.makeStream(of: WatchLine.self)
        let watching = Task {
            for try await line in try await box.watch(exclude: ["*.log"], settleMilliseconds: 5) { continuation.yield(line) }
        }
        var lines = steps.makeAsyncIterator()
        #expect(await lines.next() == .ready(directories: 2))
        try file("sub/unseen.log", "x")
        try file("sub/old", "22")
        try file("new", "x")
        var changed: [String: WatchedChange.Kind] = [:]
        while changed.count < 2, let line = await lines.next() {
            guard case .changes(let changes) = line else { continue }
            for change in changes { changed[text(change.path)] = change.kind }
        }
        #expect(changed["new"] == .created && changed["sub/old"] != nil && changed["sub/unseen.log"] == nil)
        #expect(try await open(box) == 2)
        watching.cancel()
        try await watching.value
        #expect(try await open(box) == 1)
        box.close()
    }

    /// The executor is killed, twice: the next one watches, and says that everything may have changed.
    @Test func aWatchGoesOnWithTheNextExecutor() async throws {
        let box = try await connect()
        let (steps, continuation) = AsyncStream.makeStream(of: WatchLine.self)
        let watching = Task {
            for try await line in try await box.watch(settleMilliseconds: 5) { continuation.yield(line) }
        }
        var lines = steps.makeAsyncIterator()
        #expect(await lines.next() == .ready(directories: 1))
        for number in 1...2 {
            let executor = try #require(try await box.call("session.info", parameters: .object([])).value.integer("pid"))
            kill(pid_t(executor), SIGKILL)
            #expect(await lines.next() == .rescan(Array(".".utf8)))
            try file("new \(number)", "x")
            guard case .changes(let changes) = await lines.next() else {
                Issue.record("no changes came")
                break
            }
            #expect(changes.map { text($0.path) } == ["new \(number)"])
        }
        watching.cancel()
        try await watching.value
        #expect(try await open(box) == 1)
        box.close()
    }

    @Test func aSearchEndsWithItsTask() async throws {
        try much(2000)
        let box = try await connect()
        let (steps, continuation) = AsyncStream.makeStream(of: Void.self)
        let searching = Task {
            for try await _ in try await box.grep("found|[a-z]+ [0-9]+z") { continuation.yield() }
        }
        var first = steps.makeAsyncIterator()
        await first.next()
        searching.cancel()
        let error = await #expect(throws: PortalError.self) { try await searching.value }
        #expect(error?.code == .cancelled)
        #expect(try await open(box) == 1)
        box.close()
    }

    /// Whoever takes what is enough for them and goes leaves no search behind, and neither does one that follows a process's output.
    @Test func whatNobodyHoldsEnds() async throws {
        try much(2000)
        let box = try await connect()
        for try await _ in try await box.grep("found|[a-z]+ [0-9]+z") { break }
        #expect(await eventually(seconds: 10) { (try? await open(box)) == 1 })
        let process = try await box.startInBackground(RemoteCommand(shell: "echo ready; exec sleep 1000"))
        for await _ in try await process.output(follow: true) { break }
        #expect(await eventually(seconds: 10) { (try? await open(box)) == 1 })
        #expect(try await box.processes().map(\.running) == [true])
        try await process.signal(9, tree: true)
        #expect(try await process.end().signal == 9)
        box.close()
    }
}
