import Foundation
import PortalWire
import Testing

/// Giving a request up: the answer comes within a tenth of a second, whatever is being done, and the work ends there.
@Suite(.serialized) struct CancelTests {
    /// Starts a request, waits until it is under way, gives it up and measures. On a machine that does something else, too, the best of a few.
    private func cancel(
        _ client: ExecutorClient, start: () throws -> UInt64, isUnderWay: (UInt64) throws -> Void = { _ in }
    ) throws -> OperationError {
        var best = Double.infinity
        for _ in 0..<5 {
            let id = try start()
            try isUnderWay(id)
            let begin = DispatchTime.now().uptimeNanoseconds
            try client.send(.cancel(id: id, Cancellation()))
            let outcome = try client.wait(id)
            best = min(best, Double(DispatchTime.now().uptimeNanoseconds - begin) / 1e6)
            let error = try #require(outcome.error, "it ended by itself: \(String(describing: outcome.result))")
            #expect(error.code == .cancelled)
            if best < 100 { return error }
        }
        Issue.record("the end took \(best) ms at best")
        return OperationError(.timedOut, [])
    }

    /// A file of a size that no disk is read in a moment, without a block of its own.
    private func sparse(_ scratch: Scratch) throws -> String {
        let path = try scratch.file("sparse", "")
        truncate(path, 1 << 40)
        return path
    }

    /// A small file, made faster than Foundation does.
    private func text(_ path: String) throws {
        let file = try #require(fopen(path, "w"))
        fputs("text\n", file)
        fclose(file)
    }

    private func waitForSome(_ client: ExecutorClient, _ stream: StreamName = .content) -> (UInt64) throws -> Void {
        { try client.waitForData($0, stream, count: 1) }
    }

    @Test func readsAndTheirHash() throws {
        let scratch = try Scratch()
        let file = try sparse(scratch)
        let client = try ExecutorClient()
        _ = try cancel(
            client,
            start: {
                try client.send("fs.read") {
                    $0.set("path", file)
                    $0.set("hash", true)
                }
            }, isUnderWay: waitForSome(client))
        // Nothing is read any more: the executor holds no descriptor of it.
        #expect(
            eventually {
                let directory = "/proc/\(client.processIdentifier)/fd/"
                let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
                return !names.contains { (try? FileManager.default.destinationOfSymbolicLink(atPath: directory + $0)) == file }
            })
    }

    /// So many names of one file, which is searched again by each of them: more work than a processor does in many seconds.
    private func links(_ scratch: Scratch, count: Int) throws -> String {
        let directory = scratch.path + "/links"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let line = "the quick brown fox jumps over the lazy dog\n"
        let first = try scratch.file("links/0", String(repeating: line, count: 25_000))
        for index in 1..<count { try #require(link(first, directory + "/\(index)") == 0) }
        return directory
    }

    @Test func lists() throws {
        let scratch = try Scratch()
        for index in 0..<10_000 {
            try text(scratch.path + "/some-longer-name-\(index)")
        }
        let client = try ExecutorClient()
        _ = try cancel(client, start: { try client.send("fs.list") { $0.set("path", scratch.path) } }, isUnderWay: waitForSome(client))
    }

    /// Nothing is found, so that nothing but the search itself takes time; it is under way where it has something open.
    @Test(arguments: ["none", "path", "modified"])
    func searchesOfFiles(order: String) throws {
        let scratch = try Scratch()
        let directory = try links(scratch, count: 4000)
        let client = try ExecutorClient()
        _ = try cancel(
            client,
            start: {
                try client.send("search.grep") {
                    $0.set("path", directory)
                    $0.set("pattern", "[a-z]+ [0-9]+z")
                    $0.set("sort", order)
                }
            }, isUnderWay: { _ in #expect(eventually { client.openFiles(in: directory).contains { $0 != directory } }) })
        #expect(eventually(seconds: 1) { client.openFiles(in: directory).isEmpty }, "it goes on")
    }

    /// One line after the other of one file, and one long line.
    @Test(arguments: ["the quick brown fox\n", "the quick brown fox "])
    func searchesOfOneFile(piece: String) throws {
        let scratch = try Scratch()
        let isOneLine = !piece.hasSuffix("\n")
        // A line of more than 4 MiB would not be searched.
        let path = try scratch.file("large", String(repeating: piece, count: (isOneLine ? 4_000_000 : 64_000_000) / piece.utf8.count))
        let client = try ExecutorClient()
        _ = try cancel(
            client,
            start: {
                try client.send("search.grep") {
                    $0.name("paths")
                    $0.beginArray()
                    for _ in 0..<(isOneLine ? 1000 : 100) { $0.string(Array(path.utf8)) }
                    $0.endArray()
                    $0.set("pattern", "([a-z]+ )*[0-9]+z")
                }
            }, isUnderWay: { _ in #expect(eventually { !client.openFiles(in: scratch.path).isEmpty }) })
        #expect(eventually(seconds: 1) { client.openFiles(in: scratch.path).isEmpty }, "it goes on")
    }

    @Test(arguments: ["none", "name", "modified"])
    func searchesOfNames(order: String) throws {
        let scratch = try Scratch()
        let directory = try links(scratch, count: 4000)
        let client = try ExecutorClient()
        _ = try cancel(
            client,
            start: {
                try client.send("search.glob") {
                    $0.name("paths")
                    $0.beginArray()
                    for _ in 0..<5000 { $0.string([0x2E]) }
                    $0.endArray()
                    $0.set("cwd", directory)
                    $0.set("pattern", "*z*")
                    $0.set("sort", order)
                }
            }, isUnderWay: { _ in #expect(eventually { !client.openFiles(in: directory).isEmpty }) })
        #expect(eventually(seconds: 1) { client.openFiles(in: directory).isEmpty }, "it goes on")
    }

    @Test func removingATree() throws {
        let client = try ExecutorClient()
        // Removing is quick: there must be enough left after the moment in which it is given up.
        for attempt in 0..<5 {
            let scratch = try Scratch()
            for directory in 0..<100 {
                try FileManager.default.createDirectory(atPath: scratch.path + "/d\(directory)", withIntermediateDirectories: true)
                for index in 0..<200 { try text(scratch.path + "/d\(directory)/f\(index)") }
            }
            let id = try client.send("fs.remove") {
                $0.set("path", scratch.path)
                $0.set("recursive", true)
            }
            try client.send(.cancel(id: id, Cancellation()))
            guard let error = try client.wait(id).error else {
                #expect(attempt < 4, "it is never given up")
                continue
            }
            #expect(error.code == .cancelled)
            #expect(FileManager.default.fileExists(atPath: scratch.path))
            return
        }
    }

    @Test func writing() throws {
        let scratch = try Scratch()
        let client = try ExecutorClient()
        let error = try cancel(
            client, start: { try client.send("fs.write", payload: [1, 2, 3], more: true) { $0.set("path", scratch.path + "/new") } })
        #expect(error.applied == .no)
        #expect(scratch.names.isEmpty)
    }

    @Test func processes() throws {
        let client = try ExecutorClient()
        let error = try cancel(
            client, start: { try client.send("process.start") { $0.set("shell", "echo; exec sleep 1000") } },
            isUnderWay: waitForSome(client, .stdout))
        #expect(error.applied == .yes)
        let server = try client.send("process.start") {
            $0.set("shell", "echo; exec sleep 1000")
            $0.set("process", "server")
            $0.set("stdin", "requests")
        }
        try client.waitForData(server, .stdout, count: 1)
        _ = try cancel(client, start: { try client.send("process.wait") { $0.set("process", "server") } })
        let full = [UInt8](repeating: 0, count: 200_000)
        let refused = try cancel(client, start: { try client.send("process.write", payload: full) { $0.set("process", "server") } })
        #expect(refused.applied == .unknown)
    }

    /// A request that streams as fast as it can ends as quickly as one that waits.
    @Test func streams() throws {
        let client = try ExecutorClient()
        _ = try cancel(
            client, start: { try client.send("process.start") { $0.set("shell", "exec cat /dev/zero") } },
            isUnderWay: { try client.waitForData($0, .stdout, count: 3_000_000) })
    }

    @Test func whatIsOver() throws {
        let client = try ExecutorClient()
        let id = try client.send("session.stats")
        #expect(try client.wait(id).result != nil)
        try client.send(.cancel(id: id, Cancellation()))
        #expect(try client.call("session.stats").result != nil)
    }
}
