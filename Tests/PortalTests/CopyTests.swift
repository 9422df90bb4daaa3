import Foundation
import TestSupport
import Testing

/// `portal cp` through a real sshd, as a user runs it.
@Suite(.serialized) struct CopyTests {
    let host: TestHost
    let portal: PortalProgram
    /// A directory here.
    let here: URL

    init() throws {
        host = try TestHost()
        portal = try PortalProgram(host)
        here = portal.runtime.appendingPathComponent("here")
        try FileManager.default.createDirectory(at: here, withIntermediateDirectories: true)
    }

    private func cp(_ arguments: String..., config: String? = nil) async throws -> PortalProgram.Outcome {
        try await portal.run(["cp", "-F", config ?? portal.config] + arguments, environment: ["LC_ALL": "C"])
    }

    private func path(_ name: String) -> String { here.appendingPathComponent(name).path }
    private func there(_ name: String) -> URL { host.home.appendingPathComponent(name) }

    /// A shell's text, in the directory here.
    private func shell(_ text: String) throws { try Tool.run("sh", "-ec", "cd '\(here.path)'; \(text)") }

    /// What lies at and below a path: names as bytes, kinds, permissions, links and hashes.
    private func digest(_ path: String) throws -> String {
        try Tool.run(
            "sh", "-ec",
            "cd '\(path)'; find . -printf '%p %y %m %l\\0' | LC_ALL=C sort -z | tr '\\0' '|'; find . -type f -print0 | LC_ALL=C sort -z | xargs -0r cat | sha256sum"
        )
    }

    /// Files that a copy leaves when it is not whole.
    private func leftovers(_ directory: URL) -> [String] {
        let names = (try? FileManager.default.subpathsOfDirectory(atPath: directory.path)) ?? []
        return names.filter { $0.split(separator: "/").last?.hasPrefix(".portal-") == true }
    }

    // MARK: What cp means

    @Test func aFileBothWays() async throws {
        try Data("content\n".utf8).write(to: here.appendingPathComponent("a"))
        #expect(try await cp(path("a"), "host:b").status == 0)
        #expect(try String(contentsOf: there("b"), encoding: .utf8) == "content\n")
        #expect(try await cp("host:b", path("c")).status == 0)
        #expect(try String(contentsOfFile: path("c"), encoding: .utf8) == "content\n")
        #expect(try await cp("host:b", here.path).status == 0)
        #expect(try String(contentsOfFile: path("b"), encoding: .utf8) == "content\n")
        #expect(leftovers(here).isEmpty && leftovers(host.home).isEmpty)
    }

    @Test func aTreeWithOddNamesBothWaysAndBetweenTwoHosts() async throws {
        try shell(
            #"""
            mkdir -p tree/empty tree/sub/deeper; umask 022
            for i in $(seq 1 150); do echo "file $i" > tree/sub/f$i; done
            printf x > 'tree/new
            line'; printf y > "$(printf 'tree/\377\376')"; printf z > 'tree/ space ~ $HOME * "'; printf w > 'tree/-r'; printf k > tree/'.hidden:colon'
            ln -s ../a tree/sub/link; ln -s nowhere tree/dangling; head -c 3000000 /dev/urandom > tree/sub/deeper/large; : > tree/none
            chmod 640 tree/sub/f1; chmod 755 tree/sub/f2; chmod 700 tree/sub
            """#)
        let wanted = try digest(path("tree"))
        let up = try await cp("-r", path("tree"), "host:")
        #expect(up.status == 0 && up.errors == "", "\(up.errors)")
        #expect(try digest(there("tree").path) == wanted)
        #expect(try await cp("-r", "host:tree", path("back")).status == 0)
        #expect(try digest(path("back")) == wanted)
        #expect(try await cp("-r", "host:tree", "host:between").status == 0)
        #expect(try digest(there("between").path) == wanted)
        #expect(leftovers(here).isEmpty && leftovers(host.home).isEmpty)
    }

    @Test func aNameThatIsNoText() async throws {
        try shell(#"printf odd > "$(printf 'na\377me')""#)
        // As a shell passes it: Foundation's arguments are text.
        try Tool.run(
            "sh", "-ec",
            "cd '\(here.path)'; PORTAL_RUNTIME_DIR='\(portal.runtime.path)' '\(PortalProgram.path)' cp -F '\(portal.config)' \"$(printf 'na\\377me')\" \"host:$(printf 'wo\\376')\""
        )
        #expect(try Tool.run("sh", "-c", "cat \"$(printf '\(host.home.path)/wo\\376')\"") == "odd")
    }

    @Test func intoADirectoryAndUnderANewName() async throws {
        try shell("mkdir -p d/e; echo 1 > d/e/f; echo 2 > g")
        try FileManager.default.createDirectory(at: there("into"), withIntermediateDirectories: true)
        #expect(try await cp("-r", path("d"), "host:into").status == 0)
        #expect(FileManager.default.fileExists(atPath: there("into/d/e/f").path))
        #expect(try await cp("-r", path("d"), "host:new").status == 0)
        #expect(FileManager.default.fileExists(atPath: there("new/e/f").path))
        #expect(try await cp("-r", path("d") + "/.", "host:into").status == 0)
        #expect(FileManager.default.fileExists(atPath: there("into/e/f").path))
        #expect(try await cp(path("g"), path("d/e/f"), "host:into").status == 0)
        #expect(
            FileManager.default.fileExists(atPath: there("into/g").path) && FileManager.default.fileExists(atPath: there("into/f").path))
    }

    @Test func whatCannotBeCopiedIsNamedAndTheRestIsThere() async throws {
        try shell("mkdir tree; echo 1 > tree/a; echo 2 > tree/z; mkfifo tree/pipe")
        let outcome = try await cp("-r", path("tree"), path("missing"), "host:")
        #expect(outcome.status == 1)
        let lines = outcome.errors.split(separator: "\n")
        #expect(lines.count == 2, "\(outcome.errors)")
        #expect(lines.contains { $0.contains("tree/pipe: it is a fifo") } && lines.contains { $0.contains("missing") })
        #expect(try String(contentsOf: there("tree/z"), encoding: .utf8) == "2\n")
        for (arguments, word) in [
            (["missing-r", "host:x"], "missing-r"), ([path("tree"), "host:x"], "-r"), (["host:nothing", path("y")], "host:nothing"),
        ] {
            let outcome = try await portal.run(["cp", "-F", portal.config] + arguments)
            #expect(outcome.status == 1, "\(arguments)")
            #expect(outcome.errors.contains(word), "\(outcome.errors)")
        }
        #expect(try await cp(path("tree/a"), path("tree/z"), "host:no-directory").status == 1)
        #expect(try await cp(path("tree/a"), "host:no-directory/").status == 1)
        #expect(try await cp(path("tree/a"), "host:no/directory").status == 1)
    }

    @Test func whatFailsThereIsNamedThere() async throws {
        try shell("mkdir tree; echo 1 > tree/a; echo 2 > file; mkdir -p taken/a")
        try FileManager.default.createDirectory(at: there("file"), withIntermediateDirectories: true)
        try FileManager.default.createDirectory(at: there("into/tree/a"), withIntermediateDirectories: true)
        try Data("x".utf8).write(to: there("plain"))
        for (arguments, place) in [
            (["-r", path("tree"), "host:no/x"], "host:no/x"), ([path("file"), "host:no/y"], "host:no/y"),
            (["-r", path("tree"), "host:into"], "host:into/tree/a"), ([path("file"), "host:plain/y"], "host:plain/y"),
            (["-r", "host:into/tree", "host:no/z"], "host:no/z"), (["host:plain", "host:no/z"], "host:no/z"),
            (["host:plain", path("taken/a/b/c")], "host:plain"),
        ] {
            let outcome = try await portal.run(["cp", "-F", portal.config] + arguments, environment: ["LC_ALL": "C"])
            #expect(outcome.status == 1, "\(arguments)")
            #expect(outcome.errors.hasPrefix("portal: \(place): ") && outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
        }
    }

    @Test func permissionsAndTimes() async throws {
        try shell(
            "mkdir -p t/d; echo 1 > t/d/f; chmod 751 t/d; chmod 604 t/d/f; touch -d '2001-02-03 04:05:06.789' t/d/f; touch -d 2002-01-01 t/d t; ln -s x t/l; touch -hd 2003-01-01 t/l"
        )
        func attributes(_ path: String) throws -> String {
            try Tool.run("sh", "-ec", "cd '\(path)'; find . -printf '%p %m %T@\\n' | LC_ALL=C sort")
        }
        #expect(try await cp("-rp", path("t"), "host:").status == 0)
        #expect(try attributes(there("t").path) == (try attributes(path("t"))))
        #expect(try await cp("-rp", "host:t", path("back")).status == 0)
        #expect(try attributes(path("back")) == (try attributes(path("t"))))
        // Without -p, what is there keeps its permissions.
        try Tool.run("chmod", "600", there("t/d/f").path)
        #expect(try await cp(path("t/d/f"), "host:t/d/f").status == 0)
        #expect(try Tool.run("stat", "-c", "%a", there("t/d/f").path) == "600\n")
    }

    @Test func linksThatAreThereAreReplaced() async throws {
        try shell("mkdir t; ln -s new t/l")
        try FileManager.default.createDirectory(at: there("t"), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: there("t/l").path, withDestinationPath: "old")
        #expect(try await cp("-r", path("t"), "host:").status == 0)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: there("t/l").path) == "new")
        try shell("rm t/l; ln -s other t/l")
        #expect(try await cp("-r", "host:t", here.path).status == 0)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: path("t/l")) == "new")
    }

    @Test func ontoAndIntoItself() async throws {
        try FileManager.default.createDirectory(at: there("d/e"), withIntermediateDirectories: true)
        try Data("kept".utf8).write(to: there("d/f"))
        let onto = try await cp("host:d/f", "host:d/f")
        #expect(onto.status == 1 && onto.errors.contains("itself"))
        let into = try await cp("-r", "host:d", "host:d/e/new")
        #expect(into.status == 1 && into.errors.contains("itself"))
        #expect(try String(contentsOf: there("d/f"), encoding: .utf8) == "kept")
    }

    // MARK: Over a slow line

    /// A config whose alias reaches the host over a line.
    private func config(over relay: NetworkRelay) throws -> String {
        let file = portal.runtime.appendingPathComponent("relayed-\(relay.port)")
        try host.sshConfig(alias: "slow", port: relay.port).write(to: file, atomically: true, encoding: .utf8)
        return file.path
    }

    @Test func aThousandFilesShareTheRoundTrips() async throws {
        try shell("mkdir many; for i in $(seq 1 1000); do echo $i > many/$i; done")
        let relay = try await NetworkRelay(to: host.port, line: .init(roundTrip: .milliseconds(50)))
        let config = try config(over: relay)
        _ = try await portal.run(["exec", "-F", config, "slow", "--", "true"])
        let begun = ContinuousClock.now
        let up = try await cp("-r", path("many"), "slow:", config: config)
        let there = ContinuousClock.now
        #expect(up.status == 0, "\(up.errors)")
        #expect(try await cp("-r", "slow:many", path("back"), config: config).status == 0)
        #expect(try digest(path("back")) == (try digest(path("many"))))
        let (upload, download) = (there - begun, ContinuousClock.now - there)
        print("1,000 files over 50 ms: \(upload) up, \(download) down")
        // One after the other they would take more than 50 seconds each way.
        #expect(upload < .seconds(10) && download < .seconds(10))
        await relay.stop()
    }

    /// Cuts a copy of 24 MB in its middle. Gives the file in which it was collected.
    private func cut(_ arguments: [String], part directory: URL) async throws -> URL {
        let relay = try await NetworkRelay(to: host.port, line: .init(roundTrip: .milliseconds(4), bytesPerSecond: 8_000_000))
        let config = try config(over: relay)
        let process = try portal.start(
            ["cp", "-F", config] + arguments, output: FileHandle.nullDevice,
            errors: try errors(), environment: ["LC_ALL": "C"])
        func part() -> URL? { leftovers(directory).first { $0.hasPrefix(".portal-part-") }.map { directory.appendingPathComponent($0) } }
        #expect(await eventually(seconds: 20) { part().map { size($0) > 4_000_000 } ?? false })
        await relay.stop()
        #expect(await eventually(seconds: 60) { !process.isRunning })
        #expect(process.terminationStatus == 255)
        let said = try String(contentsOfFile: path("errors"), encoding: .utf8)
        #expect(said.contains(".portal-part-"), "\(said)")
        return try #require(part())
    }

    private func errors() throws -> FileHandle {
        _ = FileManager.default.createFile(atPath: path("errors"), contents: nil)
        return try #require(FileHandle(forWritingAtPath: path("errors")))
    }

    private func size(_ file: URL) -> Int { ((try? FileManager.default.attributesOfItem(atPath: file.path))?[.size] as? Int) ?? 0 }
    private func number(_ file: URL) throws -> Int {
        try #require(try FileManager.default.attributesOfItem(atPath: file.path)[.systemFileNumber] as? Int)
    }

    @Test func anUploadThatWasCutGoesOn() async throws {
        try shell("head -c 24000000 /dev/urandom > big")
        let part = try await cut([path("big"), "slow:big"], part: host.home)
        #expect(!FileManager.default.fileExists(atPath: there("big").path))
        let inode = try number(part)
        let outcome = try await cp(path("big"), "host:big")
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try Tool.run("cmp", path("big"), there("big").path) == "")
        #expect(try number(there("big")) == inode, "it began anew")
        #expect(leftovers(host.home).isEmpty)
    }

    @Test func aDownloadThatWasCutGoesOn() async throws {
        try shell("head -c 24000000 /dev/urandom > '\(there("big").path)'")
        let part = try await cut(["slow:big", path("big")], part: here)
        #expect(!FileManager.default.fileExists(atPath: path("big")))
        let inode = try number(part)
        let outcome = try await cp("host:big", path("big"))
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(try Tool.run("cmp", path("big"), there("big").path) == "")
        #expect(try number(here.appendingPathComponent("big")) == inode, "it began anew")
        #expect(leftovers(here).isEmpty)
    }

    @Test func aSpoiltPartIsFoundByTheHash() async throws {
        try shell("head -c 24000000 /dev/urandom > big; cp big '\(there("other").path)'")
        for (arguments, directory, result) in [
            ([path("big"), "slow:big"], host.home, there("big").path), (["slow:other", path("copy")], here, path("copy")),
        ] {
            let part = try await cut(arguments, part: directory)
            let handle = try FileHandle(forWritingTo: part)
            try handle.seek(toOffset: 1_000_000)
            try handle.write(contentsOf: Data("spoilt".utf8))
            try handle.close()
            let outcome = try await portal.run(
                ["cp", "-F", portal.config] + arguments.map { $0.replacingOccurrences(of: "slow:", with: "host:") })
            #expect(outcome.status == 0, "\(outcome.errors)")
            #expect(try Tool.run("cmp", path("big"), result) == "")
            #expect(leftovers(directory).isEmpty)
        }
    }

    @Test func anInterruptLeavesNothingHalf() async throws {
        try shell("mkdir t; head -c 6000000 /dev/urandom > t/middle; head -c 900000 /dev/urandom > t/small; cp -r t '\(there("t2").path)'")
        let relay = try await NetworkRelay(to: host.port, line: .init(roundTrip: .milliseconds(4), bytesPerSecond: 500_000))
        let config = try config(over: relay)
        _ = try await portal.run(["exec", "-F", config, "slow", "--", "true"])
        for (arguments, directory) in [(["-r", path("t"), "slow:"], host.home), (["-r", "slow:t2", here.path], here)] {
            let process = try portal.start(
                ["cp", "-F", config] + arguments, output: FileHandle.nullDevice, errors: try errors())
            let destination = directory.appendingPathComponent(arguments[1].hasSuffix("t2") ? "t2" : "t")
            // The directory is made before the files are begun.
            #expect(await eventually(seconds: 20) { FileManager.default.fileExists(atPath: destination.path) })
            let program = try #require(Tool.descendants(of: process.processIdentifier).first { ExecTests.name(of: $0) == "portal" })
            kill(program, SIGINT)
            #expect(await eventually(seconds: 20) { !process.isRunning })
            #expect(process.terminationStatus == 130)
            #expect(await eventually(seconds: 5) { leftovers(directory).isEmpty })
            #expect(try FileManager.default.contentsOfDirectory(atPath: destination.path) == [])
        }
        await relay.stop()
    }
}
