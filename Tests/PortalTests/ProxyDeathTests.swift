import Foundation
import TestSupport
import Testing

/// `kill -9` of the proxy while calls are open: their clients find the next one, and the calls go on exactly once.
@Suite(.serialized) struct ProxyDeathTests {
    let host: TestHost
    let relay: NetworkRelay
    let portal: PortalProgram

    init() async throws {
        host = try TestHost()
        relay = try await NetworkRelay(to: host.port)
        portal = try PortalProgram(host, relayPort: relay.port)
    }

    // MARK: Who runs

    private var proxies: [FoundProcess] { portal.proxies }

    /// Kills the proxy, when there is one, and says which.
    private func killProxy() async throws -> pid_t {
        var found: pid_t?
        guard
            await eventually(
                seconds: 20,
                {
                    found = proxies.first?.pid
                    return found != nil
                })
        else { throw TestFailure("there is no proxy") }
        kill(found!, SIGKILL)
        return found!
    }

    /// A `portal` that runs by itself; what it prints is in files.
    private final class Run: Sendable {
        let child: Child
        private let directory: URL

        init(_ portal: PortalProgram, _ command: [String], input: Data? = nil) throws {
            let directory = portal.runtime.appendingPathComponent(UUID().uuidString)
            self.directory = directory
            try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
            func file(_ name: String) -> String { directory.appendingPathComponent(name).path }
            if let input { try input.write(to: directory.appendingPathComponent("in")) }
            var environment = ProcessInfo.processInfo.environment
            environment["PORTAL_RUNTIME_DIR"] = portal.runtime.path
            for name in ["SSH_AUTH_SOCK", "SSH_ASKPASS"] { environment[name] = nil }
            child = try Child(
                ["setsid", "-w", PortalProgram.path] + command, environment: environment, input: input == nil ? "/dev/null" : file("in"),
                output: file("out"), errors: file("err"))
        }

        deinit {
            child.end()
            try? FileManager.default.removeItem(at: directory)
        }

        var output: Data { FileManager.default.contents(atPath: directory.appendingPathComponent("out").path) ?? Data() }
        var errors: String {
            String(decoding: FileManager.default.contents(atPath: directory.appendingPathComponent("err").path) ?? Data(), as: UTF8.self)
        }

        /// The exit status.
        func end(seconds: Double) async throws -> Int32 {
            guard await eventually(seconds: seconds, { !child.isRunning }), let status = child.ended else {
                throw TestFailure("it hangs: \(errors)")
            }
            return status & 0x7F == 0 ? status >> 8 & 0xFF : -1
        }
    }

    private func exec(_ text: String, input: Data? = nil) throws -> Run {
        try Run(portal, ["exec"] + (input == nil ? ["-n"] : []) + ["-F", portal.config, "host", "--", "sh", "-c", text], input: input)
    }

    // MARK: Calls go on

    @Test func aStreamGoesOnAtTheByte() async throws {
        // Fifty megabytes of numbered lines.
        let run = try exec("seq 1 6500000")
        for size in [1, 5_000_000, 20_000_000, 35_000_000] {
            #expect(await eventually(seconds: 60) { run.output.count >= size || !run.child.isRunning })
            _ = try await killProxy()
        }
        let status = try await run.end(seconds: 120)
        #expect(status == 0, "\(run.errors)")
        let output = run.output
        var expected = Data()
        for number in 1...6_500_000 { expected.append(contentsOf: "\(number)\n".utf8) }
        #expect(output.count == expected.count && output == expected)
    }

    @Test func inputGoesOnAtTheByte() async throws {
        let input = Data((0..<20_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) })
        let run = try exec("cat > got; wc -c < got", input: input)
        let got = host.home.appendingPathComponent("got").path
        func size() -> Int { ((try? FileManager.default.attributesOfItem(atPath: got))?[.size] as? Int) ?? 0 }
        for least in [1, 6_000_000, 12_000_000] {
            #expect(await eventually(seconds: 60) { size() >= least || !run.child.isRunning })
            _ = try await killProxy()
        }
        let status = try await run.end(seconds: 120)
        #expect(status == 0, "\(run.errors)")
        #expect(FileManager.default.contents(atPath: got) == input)
    }

    @Test func anUploadGoesOn() async throws {
        let source = portal.runtime.appendingPathComponent("source")
        let content = Data((0..<20_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 11) })
        try content.write(to: source)
        // The first call makes the link, so that the copy is under way at once.
        #expect(try await portal.exec("true").status == 0)
        let run = try Run(portal, ["cp", "-F", portal.config, source.path, "host:copied"])
        func temporary() -> Bool {
            ((try? FileManager.default.contentsOfDirectory(atPath: host.home.path)) ?? []).contains { $0.hasPrefix(".portal-") }
        }
        _ = await eventually(seconds: 20) { temporary() || !run.child.isRunning }
        _ = try await killProxy()
        #expect(try await run.end(seconds: 60) == 0, "\(run.errors)")
        #expect(FileManager.default.contents(atPath: host.home.appendingPathComponent("copied").path) == content)
    }

    /// Commands that append a line each, while proxies are killed at random moments: every one is answered with success and ran once.
    @Test func commandsRunOnce() async throws {
        let wanted = ProcessInfo.processInfo.environment["PORTAL_PROXY_KILLS"].flatMap { Int($0) } ?? 20
        let lanes = 4
        let isOver = Flag()
        let results = try await withThrowingTaskGroup(of: [(String, Int32, String)].self) { group in
            for lane in 0..<lanes {
                group.addTask {
                    var results: [(String, Int32, String)] = []
                    while !isOver.isSet {
                        let token = "lane-\(lane)-\(results.count)"
                        let run = try exec("echo \(token) >> lines; echo \(token)")
                        let status = try await run.end(seconds: 120)
                        results.append((token, run.output == Data("\(token)\n".utf8) ? status : -1, run.errors))
                    }
                    return results
                }
            }
            var generator = SeededRandom(seed: 7)
            for _ in 0..<wanted {
                _ = try await killProxy()
                // Not to wait for anything: it is the random moment.
                try await Task.sleep(for: .milliseconds(Int.random(in: 0...600, using: &generator)))
            }
            isOver.set()
            return try await group.reduce(into: []) { $0 += $1 }
        }
        for (token, status, errors) in results where status != 0 { Issue.record("\(token): \(status) \(errors)") }
        let lines = try String(contentsOf: host.home.appendingPathComponent("lines"), encoding: .utf8).split(separator: "\n").map(
            String.init)
        #expect(lines.sorted() == results.map(\.0).sorted())
        #expect(results.count > lanes)
    }

    /// The next proxy reaches the host only after five seconds.
    @Test func theNetworkIsAwayToo() async throws {
        let fifo = host.home.appendingPathComponent("go").path
        try Tool.run("mkfifo", fifo)
        let run = try exec("echo ready; read line <go; echo $line; exit 3")
        #expect(await eventually(seconds: 20) { run.output == Data("ready\n".utf8) })
        try await relay.apply(.refuse(.seconds(5)))
        try await relay.apply(.reset)
        _ = try await killProxy()
        // The command goes on meanwhile; nobody hears it.
        try Tool.run("sh", "-c", "echo gone >'\(fifo)'")
        #expect(try await run.end(seconds: 60) == 3, "\(run.errors)")
        #expect(run.output == Data("ready\ngone\n".utf8))
    }

    /// A client that is stopped takes nothing: it does not hold up others, and what it asked for is not asked for twice.
    @Test func aStoppedClientHoldsNobodyUp() async throws {
        let stopped = try exec("echo run >>runs; seq 1 3000000")
        #expect(await eventually(seconds: 20) { stopped.output.count > 100_000 })
        let pids = Tool.descendants(of: stopped.child.pid) + [stopped.child.pid]
        for pid in pids { kill(pid, SIGSTOP) }
        // More than the host keeps for one link.
        let other = try exec("head -c 40000000 /dev/zero")
        #expect(try await other.end(seconds: 60) == 0, "\(other.errors)")
        #expect(other.output.count == 40_000_000)
        _ = try await killProxy()
        #expect(try await portal.exec("true").status == 0)
        for pid in pids { kill(pid, SIGCONT) }
        let status = try await stopped.end(seconds: 60)
        // It may have got everything, or a part; it knows which.
        let whole = Data((1...3_000_000).map { "\($0)\n" }.joined().utf8)
        #expect(status == 0 ? stopped.output == whole : status == 255 && whole.starts(with: stopped.output), "\(stopped.errors)")
        #expect(try String(contentsOf: host.home.appendingPathComponent("runs"), encoding: .utf8) == "run\n")
    }

    // MARK: Calls that cannot

    @Test func whoStopsTheProxyStopsItForAll() async throws {
        let run = try exec("echo ready; exec sleep 4713")
        #expect(await eventually(seconds: 20) { run.output == Data("ready\n".utf8) })
        #expect(try await portal.run(["stop", "-F", portal.config, "host"]).status == 0)
        #expect(try await run.end(seconds: 20) == 255)
        #expect(await eventually(seconds: 10) { proxies.isEmpty }, "nobody brings back what was stopped")
        #expect(await eventually(seconds: 10) { !ExecTests.isRunning("^sleep 4713") })
    }
}

/// Set once, from any thread.
private final class Flag: @unchecked Sendable {  // Behind its lock.
    private let lock = NSLock()
    private var value = false

    var isSet: Bool { lock.withLock { value } }

    func set() { lock.withLock { value = true } }
}
