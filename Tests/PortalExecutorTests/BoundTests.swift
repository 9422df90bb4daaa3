import Foundation
import PortalWire
import TestSupport
import Testing

/// At a bound the sender waits, or gets an error that says so; what is there goes on.
@Suite struct BoundTests {
    /// What a peer does not acknowledge is kept, and no more data than that is produced. Short answers go on.
    @Test(arguments: KillTests.programs) func whatIsKeptForAPeer(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        peer.stopAcknowledging()
        try peer.beginAnew()
        let total = 12_000_000
        let stream = try peer.shell("head -c \(total) /dev/zero; exit 5")
        let nearly = Limits.replayBytes - 2 * Limits.preferredPayloadLength
        try peer.pump(for: "as much as is kept") { peer.data[stream]!.count >= nearly }
        for _ in 0..<3 { #expect(try peer.call("session.stats").integer("open") == 2) }
        let count = peer.data[stream]!.count
        #expect(count <= Limits.replayBytes + Limits.preferredPayloadLength, "\(count)")
        let process = try #require(FoundProcess(peer.executor))
        if program != ExecutorClient.program { #expect(process.residentKilobytes < 12_000, "\(process.residentKilobytes)") }
        // Room for it again.
        try peer.acknowledge()
        while peer.results[stream] == nil {
            let before = peer.data[stream]!.count
            try peer.pump(for: "more of it") { peer.data[stream]!.count > before || peer.results[stream] != nil }
            try peer.acknowledge()
        }
        #expect(try peer.wait(stream).integer("code") == 5)
        #expect(peer.data[stream]!.count == total)
    }

    /// Whoever does not read the answers is not read either.
    @Test(arguments: KillTests.programs) func requestsOfAPeerThatTakesNoAnswers(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        // An answer is longer than its request.
        let requests = try peer.flood("session.info", most: 100_000)
        #expect(requests.count < 100_000, "it is not read")
        let process = try #require(FoundProcess(peer.executor))
        if program != ExecutorClient.program { #expect(process.residentKilobytes < 24_000, "\(process.residentKilobytes)") }
        for request in requests { _ = try peer.wait(request) }
    }

    /// An executor that may open few files.
    @Test func descriptors() throws {
        let scratch = try Scratch()
        let script = try scratch.file("executor", "#!/bin/sh\nulimit -n 64\nexec '\(ExecutorClient.program.path)' \"$@\"\n")
        chmod(script, 0o755)
        let client = try ExecutorClient(program: URL(fileURLWithPath: script))
        let outcomes = try (0..<60).map { _ in
            try client.call("process.start") {
                $0.set("shell", "exec sleep 1000")
                $0.set("shell_program", "/bin/sh")
                $0.set("login", false)
                $0.set("background", true)
            }
        }
        let errors = outcomes.compactMap(\.error)
        #expect(errors.count > 10 && errors.count < 50, "\(errors.count)")
        for error in errors {
            #expect(error.applied == .no && String(decoding: error.message, as: UTF8.self).contains("too many open files"), "\(error)")
        }
        let process = try #require(outcomes.lazy.compactMap { $0.result.flatMap { ProcessStarted($0) } }.first)
        #expect(try client.call("fs.stat") { $0.set("path", scratch.path) }.result != nil, "what needs no file goes on")
        _ = try client.call("process.signal") { ProcessSignalRequest(process: process.process, signal: 9, tree: true).write(to: &$0) }
        _ = try client.call("process.wait") { $0.member("process", bytes: process.process) }
        #expect(
            try client.call("process.start") {
                $0.set("shell", "echo again")
                $0.set("login", false)
                $0.set("merge", true)
            }.data[.stdout] == Array("again\n".utf8))
    }

    /// A user with few watches: of what is not watched it is said so, and the rest is.
    @Test(.enabled(if: BoundTests.canLimitWatches)) func watches() throws {
        let scratch = try Scratch()
        for index in 0..<40 { #expect(mkdir(scratch.path + "/\(index)", 0o755) == 0) }
        let script = try scratch.file(
            "executor",
            "#!/bin/sh\nexec unshare -r sh -c 'echo 20 >/proc/sys/user/max_inotify_watches; exec \"$@\"' - '\(ExecutorClient.program.path)' \"$@\"\n"
        )
        chmod(script, 0o755)
        let client = try ExecutorClient(program: URL(fileURLWithPath: script))
        let watch = try client.send("watch.start") {
            $0.set("path", scratch.path)
            $0.set("settle_ms", number: 5)
        }
        let text = try client.waitForText(watch, "\"ready\"", on: .content)
        #expect(text.contains("\"budget\":true"), "\(text)")
        _ = try scratch.file("new", "")
        try client.waitForText(watch, "\"new\"", on: .content)
    }

    private static let canLimitWatches: Bool =
        (try? Tool.run("unshare", "-r", "sh", "-c", "echo 20 >/proc/sys/user/max_inotify_watches")) != nil

    /// A tree that is deeper than is copied.
    @Test func levels() throws {
        let scratch = try Scratch()
        // Foundation takes seconds for such a tree.
        defer { _ = try? Tool.run("rm", "-rf", scratch.path) }
        let client = try ExecutorClient()
        for (levels, isTooDeep) in [(500, false), (520, true)] {
            let path = scratch.path + "/tree" + String(repeating: "/d", count: levels)
            try Tool.run("mkdir", "-p", path)
            let error = try client.call("fs.copy") {
                $0.set("from", scratch.path + "/tree")
                $0.set("to", scratch.path + "/copy\(levels)")
                $0.set("recursive", true)
            }.error
            #expect(error?.code == (isTooDeep ? .tooLarge : nil), "\(levels): \(error as Any)")
        }
    }

    @Test func itemsOfABatch() throws {
        let client = try ExecutorClient()
        let outcome = try client.call("batch") { writer in
            writer.name("requests")
            writer.beginArray()
            for _ in 0..<1025 {
                writer.beginObject()
                writer.set("op", "session.stats")
                writer.endObject()
            }
            writer.endArray()
        }
        #expect(outcome.error?.code == .invalid && outcome.data.isEmpty)
    }
}
