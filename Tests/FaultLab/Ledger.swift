import Foundation

/// What is known of a request's effect, by its answer.
public enum Effect: Sendable {
    case done
    case notDone
    case unknown
}

/// The calls that were made and what was answered, to be compared with what is there in the end.
public actor Ledger {
    /// What may make a call fail.
    public enum Kill: String, Sendable {
        case proxy
        case executor
    }

    /// What must never be.
    public enum Violation: String, Sendable, CaseIterable {
        case lost, doubled, torn
        case misplaced = "out of order"
        case unanswered = "without an answer"
        case stream = "stream not exact"
        case content = "wrong answer"
        case statement = "false statement"
        case failure = "failure without a kill"
        case left = "process left"
        case crash = "crashed"
    }

    /// A line that a command appends when it runs: with it is seen how often it ran.
    private struct Mark {
        var token: String
        var lane: Int
        var effect: Effect
    }

    private var marks: [Mark] = []
    private var contents: [String: [Data?]] = [:]
    private var kills: [(time: ContinuousClock.Instant, kill: Kill)] = []
    private var lastSuccess: [Int: ContinuousClock.Instant] = [:]
    private var failuresInARow: [Int: Int] = [:]

    /// How often each operation ended in each way.
    public private(set) var counts: [String: [String: Int]] = [:]
    /// What happened besides, by kind.
    public private(set) var events: [String: Int] = [:]
    /// What was wrong.
    public private(set) var violations: [(kind: Violation, text: String)] = []
    /// What happened, one line each.
    public private(set) var log: [String] = []
    private let start = ContinuousClock.now

    /// An empty one.
    public init() {}

    // MARK: What happens

    /// Writes a line into the log.
    public func note(_ text: String) {
        let milliseconds = (ContinuousClock.now - start) / .milliseconds(1)
        log.append(String(format: "%9.3f ", milliseconds / 1000) + text)
    }

    /// Counts something that happened to the network or to a process.
    public func happened(_ kind: String, _ text: String) {
        events[kind, default: 0] += 1
        note(text)
    }

    /// Says that calls may fail which are open now, or begin before a client has noticed.
    public func killed(_ kill: Kill, _ text: String) {
        kills.append((.now, kill))
        happened("\(kill.rawValue) killed", text)
    }

    /// Whether such a kill was since a time.
    public func wasKilled(_ kill: Kill, since time: ContinuousClock.Instant) -> Bool {
        kills.contains { $0.kill == kill && $0.time >= time }
    }

    /// Something is wrong.
    public func violate(_ kind: Violation, _ text: String) {
        let line = text.split(separator: "\n").joined(separator: " ")
        violations.append((kind, line))
        note("VIOLATION \(kind.rawValue): \(line)")
    }

    // MARK: What was answered

    /// Judges how a call ended, and says what is known of its effect.
    ///
    /// A failure is excused by a kill since the beginning of the last call of this lane that went well: whatever was killed before that call
    /// began was noticed by then.
    /// - Parameters:
    ///   - excuses: The kills that may make this operation fail.
    ///   - process: When the process was started that the call is about: with its executor it is gone, and whatever says so is right.
    public func judge(
        _ end: CallEnd, of operation: String, lane: Int, token: String, start: ContinuousClock.Instant, wasClientKilled: Bool,
        excuses: [Kill] = [.executor], process: ContinuousClock.Instant? = nil
    ) -> Effect {
        switch end {
        case .answered:
            count(operation, "answered")
            lastSuccess[lane] = max(start, lastSuccess[lane] ?? start)
            failuresInARow[lane] = 0
            return .done
        case .failed(let code, let applied, let message):
            note("\(token) \(operation): \(code), applied \(applied): \(message.prefix(200))")
            count(operation, applied == "no" ? "failed, not applied" : applied == "yes" ? "failed, applied" : "outcome unknown")
            let isLinkFailure = code == "outcome_unknown" || code == "disconnected"
            let since = lastSuccess[lane] ?? self.start
            let isExcused = kills.contains { excuses.contains($0.kill) && $0.time >= since }
            if let process, wasKilled(.executor, since: process) {
                note("\(token) went with its executor")
            } else if !isLinkFailure {
                violate(.content, "\(token) \(operation) failed with \(code): \(message)")
            } else if !isExcused, !wasClientKilled {
                violate(.failure, "\(token) \(operation) failed with \(code), and nothing was killed: \(message)")
            }
            failuresInARow[lane, default: 0] += 1
            if failuresInARow[lane]! == 6 { violate(.failure, "lane \(lane) had \(6) failures in a row: \(message)") }
            return applied == "no" ? .notDone : applied == "yes" ? .done : .unknown
        case .clientDied:
            count(operation, "client killed")
            if !wasClientKilled { violate(.unanswered, "\(token) \(operation): the client died by itself") }
            return .unknown
        case .silent:
            count(operation, "no answer")
            violate(.unanswered, "\(token) \(operation) was not answered in time")
            return .unknown
        }
    }

    private func count(_ operation: String, _ result: String) { counts[operation, default: [:]][result, default: 0] += 1 }

    /// A command that appends the token when it runs.
    public func mark(_ token: String, lane: Int, _ effect: Effect) { marks.append(Mark(token: token, lane: lane, effect: effect)) }

    /// What may be in a file in the end; nil for no file.
    public func allow(_ path: String, _ contents: [Data?]) { self.contents[path] = contents }

    // MARK: The comparison

    /// Compares everything with the directory in which it happened.
    public func compare(with directory: URL) {
        let text = FileManager.default.contents(atPath: directory.appendingPathComponent("lines").path) ?? Data()
        compareMarks(with: text)
        for (path, allowed) in contents.sorted(by: { $0.key < $1.key }) {
            let found = FileManager.default.contents(atPath: directory.appendingPathComponent(path).path)
            guard !allowed.contains(found) else { continue }
            let sizes = allowed.map { $0.map { "\($0.count) bytes" } ?? "no file" }.joined(separator: " or ")
            violate(.torn, "\(path) has \(found.map { "\($0.count) bytes" } ?? "no file"), and not the \(sizes) that were written")
        }
        // An executor that is killed between the two calls that replace a file leaves its name (Docs/protocol.md, `fs.write`).
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []).filter { $0.hasPrefix(".portal-") }
        if kills.contains(where: { $0.kill == .executor }) {
            events["temporary file left"] = names.isEmpty ? nil : names.count
        } else {
            for name in names { violate(.left, "the temporary file \(name)") }
        }
    }

    /// As `compare`, of the marks alone.
    public func compareMarks(with text: Data) {
        if !text.isEmpty, text.last != 0x0A { violate(.torn, "the last line is not whole") }
        var places: [String: [Int]] = [:]
        for (number, line) in text.split(separator: 0x0A).enumerated() {
            places[String(decoding: line, as: UTF8.self), default: []].append(number)
        }
        var last: [Int: (place: Int, token: String)] = [:]
        for mark in marks {
            let found = places.removeValue(forKey: mark.token) ?? []
            if found.count > 1 { violate(.doubled, "\(mark.token) ran \(found.count) times") }
            switch mark.effect {
            case .done:
                guard let place = found.first else {
                    violate(.lost, "\(mark.token) was answered, and did not happen")
                    continue
                }
                if let before = last[mark.lane], before.place > place { violate(.misplaced, "\(mark.token) is before \(before.token)") }
                last[mark.lane] = (place, mark.token)
            case .notDone: if !found.isEmpty { violate(.statement, "\(mark.token) was said not to have been applied, and was") }
            case .unknown: break
            }
        }
        for line in places.keys.sorted() { violate(.torn, "nobody wrote the line \(line)") }
    }

    // MARK: The report

    /// The table of everything.
    public var table: String {
        let columns = ["answered", "failed, not applied", "failed, applied", "outcome unknown", "client killed", "no answer"]
        func pad(_ text: String, _ width: Int) -> String { text.padding(toLength: max(width, text.count), withPad: " ", startingAt: 0) }
        func right(_ text: String, _ width: Int) -> String { String(repeating: " ", count: max(0, width - text.count)) + text }
        var lines = [pad("calls", 16) + columns.map { "  " + $0 }.joined()]
        for (operation, results) in counts.sorted(by: { $0.key < $1.key }) {
            lines.append(pad(operation, 16) + columns.map { "  " + right("\(results[$0] ?? 0)", $0.count) }.joined())
        }
        let sums = columns.map { column in counts.values.reduce(0) { $0 + ($1[column] ?? 0) } }
        lines.append(pad("all", 16) + zip(columns, sums).map { "  " + right("\($1)", $0.count) }.joined())
        lines.append("")
        lines.append("happened: " + events.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", "))
        let found = Violation.allCases.map { kind in "\(violations.filter { $0.kind == kind }.count) \(kind.rawValue)" }
        lines.append("found:    " + found.joined(separator: ", "))
        return lines.joined(separator: "\n")
    }
}
