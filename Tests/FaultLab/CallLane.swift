import Foundation
import Portal
import TestSupport

/// A lane that gives its requests to one `portal call` after another: files, searches, commands, processes in the background.
///
/// `@unchecked Sendable`: `client` and `isKilled` are behind the lock; the rest is constant or touched by `run` alone.
final class CallLane: Lane, @unchecked Sendable {
    private let number: Int
    private let surroundings: LaneSurroundings
    private var random: SeededRandom
    private var count = 0
    private var failures = 0
    private var file: LaneFile

    private let lock = NSLock()
    private var client: CallClient?
    private var isKilled = false

    private var ledger: Ledger { surroundings.ledger }

    init(_ number: Int, _ surroundings: LaneSurroundings, seed: UInt64) {
        self.number = number
        self.surroundings = surroundings
        random = SeededRandom(seed: seed).branch(UInt64(number))
        file = LaneFile(path: "lane\(number)-file1")
    }

    func run() async throws {
        while !surroundings.isOver { try await step() }
        try await append()
        await ledger.allow(file.path, [file.content])
        await takeClient()?.leave()
    }

    func killClient() {
        let killed = lock.withLock { () -> CallClient? in
            isKilled = client != nil
            return client
        }
        killed?.kill()
    }

    private func takeClient() -> CallClient? {
        lock.withLock {
            defer { client = nil }
            return client
        }
    }

    private func step() async throws {
        switch Int.random(in: 0..<100, using: &random) {
        case ..<25: try await append()
        case ..<45: try await edit()
        case ..<60: try await write()
        case ..<77: try await read()
        case ..<87: try await grep()
        case ..<95: try await command()
        default: try await background()
        }
    }

    // MARK: A call

    private func token() -> String {
        count += 1
        return "lane\(number)-\(count)-"
    }

    /// Makes a call with a client that may have to be started, and judges its end.
    private func call(
        _ operation: String, _ parameters: [String: Any], token: String, excuses: [Ledger.Kill] = [.executor],
        process: ContinuousClock.Instant? = nil
    ) async throws -> (end: CallEnd, effect: Effect) {
        // A client whose connection to a killed proxy is gone may say so once. If it cannot go on, its user starts another.
        if failures >= 2 {
            failures = 0
            await ledger.happened("client given up", "lane \(number) starts another client")
            await takeClient()?.leave()
        }
        let current = try currentClient()
        let start = ContinuousClock.now
        let end = await current.call(operation, parameters, deadline: surroundings.deadline)
        let wasKilled = lock.withLock { () -> Bool in
            defer { if isKilled { (client, isKilled) = (nil, false) } }
            return isKilled
        }
        let effect = await ledger.judge(
            end, of: operation, lane: number, token: token, start: start, wasClientKilled: wasKilled, excuses: excuses,
            process: process)
        surroundings.finished(token)
        switch end {
        case .answered: failures = 0
        case .failed: failures += 1
        case .clientDied: _ = takeClient()
        case .silent: takeClient()?.kill()
        }
        return (end, effect)
    }

    private func currentClient() throws -> CallClient {
        if let client = lock.withLock({ client }) { return client }
        let new = try CallClient(surroundings.stage, errors: surroundings.stage.runtime.appendingPathComponent("client\(number).log").path)
        lock.withLock { (client, isKilled) = (new, false) }
        return new
    }

    private func expect(_ isRight: Bool, _ kind: Ledger.Violation, _ text: @autoclosure () -> String) async {
        if !isRight { await ledger.violate(kind, text()) }
    }

    // MARK: Commands

    private func append() async throws {
        let token = token()
        let effect = try await call("process.start", ["shell": "echo \(token) >> lines"], token: token).effect
        await ledger.mark(token, lane: number, effect)
    }

    private func command() async throws {
        let token = token()
        let code = Int.random(in: 0..<100, using: &random)
        let text = "echo \(token) >> lines; seq 1 500; echo \(token) done >&2; exit \(code)"
        let (end, effect) = try await call("process.start", ["shell": text], token: token)
        await ledger.mark(token, lane: number, effect)
        guard case .answered(let answer) = end else { return }
        let output = Data((1...500).map { "\($0)\n" }.joined().utf8)
        await expect(
            answer.bytes("stdout") == output && answer.bytes("stderr") == Data("\(token) done\n".utf8), .stream,
            "\(token) printed otherwise")
        await expect(
            answer.object("ok").number("code") == code, .content, "\(token) ended with \(answer.object("ok").members), not \(code)")
    }

    /// A process that goes on by itself: only an executor's death may end it early.
    private func background() async throws {
        let token = token()
        let text = "i=0; while [ $i -lt 20 ]; do i=$((i+1)); echo \(token) $i; sleep 0.1; done; echo \(token) >> lines; exit 7"
        let begin = ContinuousClock.now
        let started = try await call("process.start", ["shell": text, "background": true, "process": token], token: token)
        guard case .answered = started.end else { return await ledger.mark(token, lane: number, started.effect) }
        guard let end = try await ask("process.wait", ["process": token, "timeout_ms": 60_000], about: token, since: begin) else {
            return await ledger.mark(token, lane: number, .unknown)
        }
        // The next executor knows those that were killed with theirs.
        if end.object("ok").flag("executor_lost"), await ledger.wasKilled(.executor, since: begin) {
            return await ledger.mark(token, lane: number, .unknown)
        }
        await ledger.mark(token, lane: number, .done)
        await expect(end.object("ok").number("code") == 7, .content, "the process \(token) ended with \(end.object("ok").members)")
        guard let kept = try await ask("process.output", ["process": token], about: token, since: begin) else { return }
        let output = Data((1...20).map { "\(token) \($0)\n" }.joined().utf8)
        await expect(kept.bytes("stdout") == output, .stream, "the process \(token) printed otherwise")
    }

    /// Asks about a process in the background, again where the connection failed: it must be there until its executor dies, and nil is for that.
    private func ask(
        _ operation: String, _ parameters: [String: Any], about token: String, since begin: ContinuousClock.Instant
    ) async throws -> JSONObject? {
        for _ in 0..<6 {
            let (end, _) = try await call(operation, parameters, token: token, excuses: [], process: begin)
            if case .answered(let answer) = end { return answer }
            if await ledger.wasKilled(.executor, since: begin) { return nil }
            if case .failed("not_found", _, _) = end { break }
        }
        await ledger.violate(.lost, "the process \(token) in the background is not to be found again")
        return nil
    }

    // MARK: Files

    /// After an unknown outcome the file is left as it is, to be looked at in the end, and another one is begun.
    private func settle(_ effect: Effect, _ new: Data) async {
        switch effect {
        case .done: file.content = new
        case .notDone: break
        case .unknown:
            await ledger.allow(file.path, [file.content, new])
            file = LaneFile(path: "lane\(number)-file\(count)")
        }
    }

    private func write() async throws {
        let token = token()
        let new = LaneFile.content(version: count, &random)
        var parameters: [String: Any] = ["path": file.path, "data": String(decoding: new, as: UTF8.self)]
        if let old = file.content {
            if Bool.random(using: &random) { parameters["if_match"] = LaneFile.hash(old) }
        } else {
            parameters["create_only"] = true
        }
        let (end, effect) = try await call("fs.write", parameters, token: token)
        if case .answered(let answer) = end {
            await expect(
                answer.object("ok").text("sha256") == LaneFile.hash(new), .content, "\(token): the hash of what was written is wrong")
        }
        await settle(effect, new)
    }

    private func edit() async throws {
        guard let old = file.content, let change = LaneFile.nextVersion(of: old, count + 1) else { return try await write() }
        let token = token()
        let edits = ["edits": [["old": change.old, "new": change.new]]]
        let data = try JSONSerialization.data(withJSONObject: edits)
        let (end, effect) = try await call(
            "fs.edit", ["path": file.path, "if_match": LaneFile.hash(old), "data": String(decoding: data, as: UTF8.self)], token: token)
        if case .answered(let answer) = end {
            await expect(
                answer.object("ok").text("sha256") == LaneFile.hash(change.content), .content,
                "\(token): the hash of the edited file is wrong")
        }
        await settle(effect, change.content)
    }

    private func read() async throws {
        guard let content = file.content else { return try await write() }
        let token = token()
        let (end, _) = try await call("fs.read", ["path": file.path, "hash": true], token: token, excuses: [])
        guard case .answered(let answer) = end else { return }
        await expect(
            answer.bytes("content") == content, .content,
            "\(token) read \(answer.bytes("content").count) bytes of \(file.path), not the \(content.count) that were written")
        await expect(answer.object("ok").text("sha256") == LaneFile.hash(content), .content, "\(token): the hash of what was read is wrong")
    }

    private func grep() async throws {
        let token = token()
        let (end, _) = try await call(
            "search.grep", ["pattern": Corpus.pattern, "fixed": true, "path": "corpus", "no_ignore": true], token: token, excuses: [])
        guard case .answered(let answer) = end else { return }
        let lines = try answer.bytes("content").split(separator: 0x0A).map { line in
            let match = JSONObject(members: try JSONSerialization.jsonObject(with: line) as? [String: Any] ?? [:])
            return "\(match.text("path") ?? ""):\(match.number("line") ?? 0):\(match.text("text") ?? "")"
        }
        await expect(lines.sorted() == surroundings.corpus.matches, .content, "\(token) found \(lines.count) lines, or other ones")
    }
}

/// The file that a lane works on, with what must be in it.
struct LaneFile {
    var path: String
    /// Nil where it is not there yet.
    var content: Data?

    static func hash(_ content: Data) -> String { String(decoding: ContentHash.of([UInt8](content)), as: UTF8.self) }

    /// A first line with a version, and more of it in every line behind, so that two versions are never alike in any part.
    static func content(version: Int, _ random: inout SeededRandom) -> Data {
        let lines = Int.random(in: 0..<(1 << Int.random(in: 1...13, using: &random)), using: &random)
        var text = "version \(version).\n"
        for line in 0..<lines { text += "line \(line) of \(version)\n" }
        return Data(text.utf8)
    }

    /// The texts to exchange for another version, and the outcome.
    static func nextVersion(of content: Data, _ version: Int) -> (old: String, new: String, content: Data)? {
        guard let end = content.firstIndex(of: 0x0A) else { return nil }
        let old = String(decoding: content[...end], as: UTF8.self)
        let new = "version \(version).\n"
        return (old, new, Data(new.utf8) + content[(end + 1)...])
    }
}
