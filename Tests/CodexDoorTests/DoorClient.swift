import CodexDoor
import DoorSupport
import Foundation
import Portal
import PortalWire
import Synchronization
import TestSupport
import Testing

/// The agent's end of a door, in memory: calls, and what the door says without having been asked.
final class DoorClient: Sendable {
    /// What a call was answered with.
    struct Answer: Sendable {
        var result: JSONValue?
        var code: Int64?
        var message: String?
    }

    private struct State {
        var next: Int64 = 1
        var answers: [Int64: Answer] = [:]
        var notifications: [(method: String, parameters: JSONValue)] = []
        var lines = 0
    }

    private final class Kept: Sendable {
        let state = Mutex(State())

        func take(_ line: [UInt8]) {
            guard let value = try? JSONParser.parse(line) else { return }
            state.withLock { state in
                state.lines += 1
                if let method = value.text("method") {
                    state.notifications.append((method, value["params"] ?? .null))
                } else if let id = value.integer("id") {
                    let error = value["error"]
                    state.answers[id] = Answer(result: value["result"], code: error?.integer("code"), message: error?.text("message"))
                }
            }
        }
    }

    let door: CodexDoor
    private let kept = Kept()

    init(target: String, sshConfig: String, options: CodexDoor.Options = CodexDoor.Options()) {
        var connection = ConnectionOptions()
        connection.proxy = .inProcess
        connection.sshConfig = sshConfig
        let kept = kept
        door = CodexDoor(target: target, connection: connection, options: options) { kept.take($0) }
    }

    /// One that is initialized.
    static func ready(target: String, sshConfig: String, options: CodexDoor.Options = CodexDoor.Options()) async throws -> DoorClient {
        let client = DoorClient(target: target, sshConfig: sshConfig, options: options)
        let answer = try await client.call("initialize", ["clientName": "codex-environment", "resumeSessionId": .null])
        try #require(answer.result != nil, "\(answer)")
        client.notify("initialized", [:])
        return client
    }

    /// Sends a request without waiting, and returns its identifier.
    func send(_ method: String, _ parameters: JSONValue) -> Int64 {
        let id = kept.state.withLock { state -> Int64 in
            defer { state.next += 1 }
            return state.next
        }
        door.receive((["id": .integer(id), "method": .text(method), "params": parameters] as JSONValue).encoded)
        return id
    }

    func notify(_ method: String, _ parameters: JSONValue) {
        door.receive((["method": .text(method), "params": parameters] as JSONValue).encoded)
    }

    /// The answer to a request.
    func answer(_ id: Int64, seconds: Double = 30) async throws -> Answer {
        guard await eventually(seconds: seconds, { kept.state.withLock { $0.answers[id] != nil } }),
            let answer = kept.state.withLock({ $0.answers[id] })
        else { throw TestFailure("request \(id) has no answer after \(seconds) s") }
        return answer
    }

    func call(_ method: String, _ parameters: JSONValue, seconds: Double = 30) async throws -> Answer {
        try await answer(send(method, parameters), seconds: seconds)
    }

    /// The result of a call that must not fail.
    func result(_ method: String, _ parameters: JSONValue, seconds: Double = 30) async throws -> JSONValue {
        let answer = try await call(method, parameters, seconds: seconds)
        return try #require(answer.result, "\(method): \(answer.message ?? "no answer")")
    }

    /// What was said of a process, in the order of its numbers.
    func said(of process: String) -> [(method: String, parameters: JSONValue)] {
        kept.state.withLock { $0.notifications }.filter { $0.parameters.text("processId") == process }
            .sorted { ($0.parameters.integer("seq") ?? 0) < ($1.parameters.integer("seq") ?? 0) }
    }

    /// What a process printed so far, on one stream or on all.
    func printed(by process: String, on stream: String? = nil) -> String {
        let pieces = said(of: process).filter { stream == nil || $0.parameters.text("stream") == stream }
        let bytes = pieces.flatMap { $0.parameters.string("chunk").flatMap { Base64.decode($0) } ?? [] }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Waits for a process's end, checks that no number is missing, and returns its exit code.
    func end(of process: String, seconds: Double = 30) async throws -> Int64 {
        guard await eventually(seconds: seconds, { said(of: process).contains { $0.method == "process/closed" } }) else {
            throw TestFailure("\(process) has not ended after \(seconds) s: \(printed(by: process))")
        }
        let all = said(of: process)
        #expect(all.map { $0.parameters.integer("seq") } == (1...Int64(all.count)).map { $0 })
        #expect(all.suffix(2).map(\.method) == ["process/exited", "process/closed"])
        return try #require(all.first { $0.method == "process/exited" }?.parameters.integer("exitCode"))
    }

    /// Whether a process's end says that its sandbox seems to have been the reason.
    func wasDenied(_ process: String) -> Bool? {
        said(of: process).first { $0.method == "process/exited" }?.parameters.bool("sandboxDenied")
    }
}

extension JSONValue {
    /// The URI of a path that needs no escapes.
    static func file(_ path: String) -> JSONValue { .text("file://" + path) }

    /// `process/start` of a command, as the agent sends it.
    static func start(
        _ id: String, _ arguments: [String], in directory: String, tty: Bool = false, pipe: Bool = false, environment: JSONValue = [:],
        policy: JSONValue = [
            "inherit": "all", "ignoreDefaultExcludes": true, "exclude": ["CODEX_VERSION"], "set": [:], "includeOnly": [],
        ], sandbox: JSONValue = .null
    ) -> JSONValue {
        [
            "processId": .text(id), "metadata": ["threadId": "thread", "toolCallId": "call"], "argv": .array(arguments.map { .text($0) }),
            "cwd": .file(directory), "envPolicy": policy, "env": environment, "tty": .bool(tty), "pipeStdin": .bool(pipe), "arg0": .null,
            "sandbox": sandbox, "enforceManagedNetwork": false, "managedNetwork": .null,
        ]
    }
}

/// A host and a directory of it, for a suite.
final class DoorHost: Sendable {
    let host: TestHost
    let directory: String

    init() throws {
        host = try TestHost()
        directory = host.home.path + "/work"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    func client(_ options: CodexDoor.Options = CodexDoor.Options()) async throws -> DoorClient {
        try await DoorClient.ready(target: "host:\(directory)", sshConfig: host.configFile, options: options)
    }

    func write(_ name: String, _ content: String) throws {
        let file = URL(fileURLWithPath: directory + "/" + name)
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(content.utf8).write(to: file)
    }

    func content(_ name: String) -> String? { try? String(contentsOfFile: directory + "/" + name, encoding: .utf8) }
}
