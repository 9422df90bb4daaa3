import Foundation
import PortalWire
import Testing

/// What the next executor of a peer knows of the background processes of one that was killed.
@Suite struct RecordTests {
    @Test(arguments: KillTests.programs) func theNextExecutorKnowsWhatWasPrintedAndHowItEnded(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        let over = try peer.named("over", "echo out; echo err >&2; echo again; exit 7")
        #expect(try peer.call("process.wait") { $0.set("process", "over") }.integer("code") == 7)
        let whole = try peer.output(of: "over")
        #expect(whole.text.count == 14 && whole.streams.contains(.stderr))
        let running = try peer.named("running", "seq 1 5000; echo begun >&2; exec sleep 1000")
        let before = try peer.output(of: "running", until: { $0.hasSuffix("begun\n") }).text
        _ = try peer.named("silent", "exec sleep 1000")
        let former = try peer.list()
        try peer.killExecutor(SIGKILL)

        try peer.open(resuming: true)
        try peer.greet { $0.isAnew = true }
        #expect(peer.files.filter { $0.hasSuffix(".lost") }.isEmpty, "it is kept in memory from here on")
        let now = try peer.list()
        #expect(now.map(\.process) == former.map(\.process) && now.map(\.identifier) == [over, running, now[2].identifier])
        for (new, old) in zip(now, former) {
            #expect(!new.running && new.background && !new.hasTerminal && new.end?.executorWasLost == old.running)
            #expect(new.command == old.command && new.directory == old.directory && new.startedMilliseconds == old.startedMilliseconds)
            #expect(new.output == old.output)
        }
        #expect(now[0].end == former[0].end && now[0].end?.code == 7)
        #expect(now[1].end?.signal == SIGKILL && now[1].end?.code == nil && now[1].end?.timedOut == false)
        let short = try peer.output(of: "over")
        #expect(short.text == whole.text && short.streams == whole.streams)
        // Of the longer one there is the end, and how much is before that.
        let after = try peer.output(of: "running")
        #expect(before.hasSuffix(after.text) && after.text.utf8.count == 10 * 1024)
        #expect(after.result.unsigned("lost") == UInt64(before.utf8.count - 10 * 1024) && after.result.bool("running") != true)
        #expect(try peer.output(of: "silent").text.isEmpty)
        #expect(try peer.call("process.wait") { $0.set("process", "running") }.integer("signal") == Int64(SIGKILL))
        // Names that are free again, and names that are made.
        _ = try peer.named("over", "echo new")
        try peer.output(of: "over", until: { $0 == "new\n" })
        #expect(try peer.list().map(\.process) == [Array("running".utf8), Array("silent".utf8), Array("over".utf8)])
    }

    @Test(arguments: KillTests.programs) func recordsGoOnThroughSeveralExecutors(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        for number in 1...4 {
            _ = try peer.named("of \(number)", "echo \(number); exec sleep 1000")
            try peer.output(of: "of \(number)", until: { $0 == "\(number)\n" })
            // A debug build would write a report of a crash first.
            try peer.killExecutor(number == 2 && program != ExecutorClient.program ? SIGSEGV : SIGKILL)
            try peer.open(resuming: true)
            try peer.greet { $0.isAnew = true }
        }
        #expect(try peer.list().map { String(decoding: $0.process, as: UTF8.self) } == ["of 1", "of 2", "of 3", "of 4"])
        for number in 1...4 { #expect(try peer.output(of: "of \(number)").text == "\(number)\n") }
    }

    /// Long names, alternating streams, more processes than there are records.
    @Test(arguments: KillTests.programs) func boundsOfRecords(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        let name = String(repeating: "n", count: 128)
        _ = try peer.named(
            name, "i=0; while [ $i -lt 100 ]; do echo o$i; echo e$i >&2; i=$((i+1)); done #" + String(repeating: "c", count: 3000))
        let all = try peer.output(of: name, until: { $0.utf8.count == 780 }).text
        for number in 0..<300 { _ = try peer.named("p \(number)", "exit \(number % 100)") }
        #expect(eventually { (try? peer.list())?.contains(where: \.running) == false })
        _ = try peer.named("last", "echo last; exec sleep 1000")
        try peer.output(of: "last", until: { $0 == "last\n" })
        let (former, executor) = (try peer.list(), peer.executor)
        try peer.killExecutor(SIGKILL)
        try peer.open(resuming: true)
        try peer.greet { $0.isAnew = true }
        #expect(peer.executor != executor)
        let now = try peer.list()
        #expect(now.count == 256 && now.last?.process == Array("last".utf8))
        #expect(Set(now.map(\.process)).isSubset(of: former.map(\.process)))
        for listing in now {
            #expect(listing.end == former.first { $0.process == listing.process }?.end || listing.process == Array("last".utf8))
        }
        // The first one has ended long ago and made room.
        #expect(!now.contains { $0.process == Array(name.utf8) } && all.contains("o99\n"))
    }

    /// Killed while it writes its record: what is kept is a piece of what was printed, at its place.
    @Test(arguments: KillTests.programs) func aTailIsNeverTorn(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        for number in 0..<60 {
            // Every line has its own first byte's number, in nine digits.
            _ = try peer.named("\(number)", "exec awk 'BEGIN { for (n = 0; ; n += 10) printf \"%09d\\n\", n }'")
            #expect(eventually { (try? peer.list())?.last?.output ?? 0 > UInt64(200_000 + 7919 * number) })
            try peer.killExecutor(SIGKILL)
            try peer.open(resuming: true)
            try peer.greet { $0.isAnew = true }
            let kept = try peer.output(of: "\(number)")
            let from = Int(kept.result.unsigned("from") ?? 0)
            #expect(from > 0 && !kept.text.isEmpty)
            let start = from / 10 * 10
            var expected = ""
            for line in stride(from: start, to: start + 12_000, by: 10) { expected += String(format: "%09d\n", line) }
            let piece = expected.dropFirst(from - start).prefix(kept.text.utf8.count)
            #expect(kept.text == piece, "torn in round \(number)")
        }
    }

    @Test(arguments: KillTests.programs) func whatAnotherWroteIsNotUsed(program: URL) throws {
        for content in ["", "text", String(repeating: "x", count: 40_000)] {
            let peer = try LingeringPeer(program)
            try peer.begin()
            _ = try peer.startSleeper(background: true)
            try peer.killExecutor(SIGKILL)
            let file = try #require(peer.files.first { $0.hasSuffix(".lost") })
            try Data(content.utf8).write(to: URL(fileURLWithPath: peer.sessions + "/" + file))
            try peer.open(resuming: true)
            try peer.greet { $0.isAnew = true }
            #expect(try peer.list().isEmpty && peer.files.count == 1)
        }
    }

    @Test(arguments: KillTests.programs) func recordsThatNobodyWantsAreRemovedAfterADay(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        _ = try peer.startSleeper(background: true)
        try peer.killExecutor(SIGKILL)
        let file = peer.sessions + "/" + (try #require(peer.files.first { $0.hasSuffix(".lost") }))
        var times = [timeval(tv_sec: time(nil) - 86_300, tv_usec: 0), timeval(tv_sec: time(nil) - 86_300, tv_usec: 0)]
        #expect(utimes(file, times) == 0)
        try peer.open()
        kill(peer.executor, SIGTERM)
        #expect(FileManager.default.fileExists(atPath: file))
        times = times.map { timeval(tv_sec: $0.tv_sec - 200, tv_usec: 0) }
        #expect(utimes(file, times) == 0)
        try peer.open()
        #expect(!FileManager.default.fileExists(atPath: file))
    }

    @Test(arguments: KillTests.programs) func anOrderlyEndLeavesNothing(program: URL) throws {
        let peer = try LingeringPeer(program)
        try peer.begin()
        let sleeper = try peer.startSleeper(background: true)
        let supervisor = peer.supervisor
        _ = try peer.call("session.end")
        #expect(eventually { !isRunning(sleeper.process) && !isRunning(supervisor) })
        #expect(peer.files.isEmpty)
    }
}

extension LingeringPeer {
    /// Everything beside the program that is of its sessions.
    var files: [String] { (try? FileManager.default.contentsOfDirectory(atPath: sessions)) ?? [] }

    /// Starts a process in the background. Returns its number.
    func named(_ name: String, _ text: String) throws -> Int32 {
        let started = try call("process.start") {
            $0.set("shell", text)
            $0.set("shell_program", "/bin/sh")
            $0.set("login", false)
            $0.set("background", true)
            $0.set("process", name)
        }
        return Int32(started.integer("pid") ?? 0)
    }

    func list() throws -> [ProcessListing] {
        let id = try send("process.list")
        _ = try wait(id)
        return try data[id]!.split(separator: 0x0A).map { try #require(ProcessListing(try JSONParser.parse(Array($0)))) }
    }

    struct Output {
        var text: String
        var streams: [StreamName]
        var result: JSONValue
    }

    /// What is kept of a process's output, asked for until it is as wanted.
    @discardableResult
    func output(of name: String, until isWanted: (String) -> Bool = { _ in true }) throws -> Output {
        let deadline = ContinuousClock.now + .seconds(20)
        while true {
            let id = try send("process.output") { $0.set("process", name) }
            let result = try wait(id)
            let text = String(decoding: data[id]!, as: UTF8.self)
            if isWanted(text) { return Output(text: text, streams: streams[id] ?? [], result: result) }
            guard ContinuousClock.now < deadline else { throw Failure(description: "the output of \(name) is \(text.suffix(100))") }
        }
    }

    /// Kills it, and waits until its supervisor has cleaned up.
    func killExecutor(_ signal: Int32) throws {
        let (executor, supervisor) = (executor, supervisor)
        kill(executor, signal)
        guard eventually({ !isRunning(executor) && !isRunning(supervisor) }) else { throw Failure(description: "the supervisor goes on") }
    }
}
