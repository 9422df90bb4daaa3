import Foundation
import TestSupport

/// A host with a network before it, clients that have something under way, and everything that can be killed of it.
final class KillStage: Sendable {
    let host: TestHost
    let relay: NetworkRelay
    let portal: PortalProgram

    /// A client of Tests/Caller.
    final class Caller: Sendable {
        let kind: String
        /// In the environment of what it starts on the host.
        let name = "caller-\(UUID().uuidString.prefix(8))"
        let child: Child
        private let output: String
        private let end: FileHandle

        init(_ kind: String, of portal: PortalProgram) throws {
            self.kind = kind
            output = portal.runtime.appendingPathComponent(name).path
            var environment = ProcessInfo.processInfo.environment
            environment["PORTAL_RUNTIME_DIR"] = portal.runtime.path
            environment["PORTAL_SSH_CONFIG"] = portal.config
            for variable in ["SSH_AUTH_SOCK", "SSH_ASKPASS"] { environment[variable] = nil }
            let input = Pipe()
            let program = URL(fileURLWithPath: PortalProgram.path).deletingLastPathComponent().appendingPathComponent("portal-caller").path
            child = try Child(
                [program, kind, PortalProgram.path, name], environment: environment, output: output, errors: output,
                pipes: (input.fileHandleForReading.fileDescriptor, 1))
            end = input.fileHandleForWriting
        }

        deinit { child.end() }

        var lines: [Substring] {
            String(decoding: FileManager.default.contents(atPath: output) ?? Data(), as: UTF8.self).split(separator: "\n")
        }

        /// Lets it go on with what it has under way.
        func goOn() { try? end.close() }

        /// What it says at its end; an error's message is on the next line.
        func outcome() async throws -> Substring {
            guard await eventually(seconds: 30, { !child.isRunning }) else { throw TestFailure("the \(kind) hangs: \(lines)") }
            return lines.dropFirst().first ?? "dead"
        }
    }

    init() async throws {
        host = try TestHost()
        relay = try await NetworkRelay(to: host.port)
        portal = try PortalProgram(host, relayPort: relay.port)
        try Data(repeating: 0x78, count: 8_000_000).write(to: host.home.appendingPathComponent("large"))
        try Data("old".utf8).write(to: host.home.appendingPathComponent("written"))
        try FileManager.default.createDirectory(at: host.home.appendingPathComponent("watched"), withIntermediateDirectories: true)
    }

    /// Starts one client for each kind, and returns when each has under way what it shall have.
    func begin(_ kinds: [String]) async throws -> [Caller] {
        let callers = try kinds.map { try Caller($0, of: portal) }
        guard await eventually(seconds: 30, { callers.allSatisfy { $0.lines.first == "ready" } }) else {
            throw TestFailure("not ready: \(callers.map { "\($0.kind): \($0.lines)" })")
        }
        return callers
    }

    // MARK: Who is there

    /// The processes on the host that a login of portal made.
    private var remote: [FoundProcess] { FoundProcess.all(withEnvironment: "HOME=\(host.home.path)") }

    private func victims(_ name: String, executor: pid_t, callers: [Caller]) throws -> [pid_t] {
        let serving = remote.filter { $0.command.contains("/executor-") && $0.command.contains(" serve ") }
        let supervisor = serving.first { $0.pid == executor }?.parent
        switch name {
        case "proxy": return portal.proxies.map(\.pid)
        case "client": return callers.map(\.child.pid)
        case "session": return host.sessions.map(\.pid)
        case "executor": return [executor]
        case "supervisor": return supervisor.map { [$0] } ?? []
        case "front": return serving.map(\.pid).filter { $0 != executor && $0 != supervisor }
        case "host": return host.sessions.map(\.pid) + remote.map(\.pid)
        default: throw TestFailure("Docs/kills.md: nothing is called \(name)")
        }
    }

    /// Kills at one moment: what has been stopped cannot do anything about the death of another.
    func kill(_ names: String, executor: pid_t, callers: [Caller]) async throws {
        if names == "host" { try await relay.apply(.refuse(.seconds(2))) }
        let all = try names.components(separatedBy: " and ").flatMap { name in
            let found = try victims(name, executor: executor, callers: callers)
            if found.isEmpty { throw TestFailure("there is no \(name) to be killed") }
            return found
        }
        for pid in all { Foundation.kill(pid, SIGSTOP) }
        for pid in all { Foundation.kill(pid, SIGKILL) }
    }

    // MARK: What is there

    /// Changes what is watched.
    func change() throws { try Data().write(to: host.home.appendingPathComponent("watched/changed")) }

    /// Whether something of what a caller started on the host is there.
    func runs(_ caller: Caller) -> Bool { !FoundProcess.all(withEnvironment: "CALLER=\(caller.name)").isEmpty }

    /// What the written file has: `old`, `new`, or something that nobody wrote.
    var content: String {
        let content = FileManager.default.contents(atPath: host.home.appendingPathComponent("written").path) ?? Data()
        if content == Data("old".utf8) { return "old" }
        return content == Data(repeating: UInt8(ascii: "n"), count: 800_000) ? "new" : "\(content.count) bytes"
    }

    /// A new client's call: which executor answers.
    func executor() async throws -> pid_t {
        let outcome = try await portal.run(["call", "-F", portal.config, "host", "session.info"], deadline: 30)
        let answer = try JSONSerialization.jsonObject(with: outcome.output) as? [String: Any]
        guard let pid = (answer?["ok"] as? [String: Any])?["pid"] as? Int else {
            throw TestFailure("the next call is not answered: \(outcome.text) \(outcome.errors)")
        }
        return pid_t(pid)
    }

    /// The sockets of sessions, of those too that nobody has.
    var sockets: [String] {
        (try? FileManager.default.contentsOfDirectory(atPath: host.home.path + "/.cache/portal/sessions")) ?? []
    }
}
