import Foundation
import PortalWire
import TestSupport
import Testing

/// An executor is killed with SIGKILL at random moments while it writes and edits: every file has its old or its new content, and what was
/// answered is there.
///
/// `PORTAL_KILLS` and `PORTAL_KILL_WRITES` set how often, and over how many requests; `PORTAL_KILL_SEED` makes the moments the same again.
@Suite struct KillTests {
    private static func setting(_ name: String, _ value: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap { Int($0) } ?? value
    }

    static let kills = setting("PORTAL_KILLS", 40)
    static let writes = setting("PORTAL_KILL_WRITES", 2000)
    static let seed = UInt64(setting("PORTAL_KILL_SEED", Int.random(in: 1...Int(Int32.max))))

    /// The executor of this build, and the image of this machine where it was built.
    static let programs: [URL] = {
        #if arch(x86_64)
            let machine = "x86_64"
        #else
            let machine = "aarch64"
        #endif
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let image = root.appendingPathComponent("Images/executor-\(machine)")
        return [ExecutorClient.program] + (access(image.path, X_OK) == 0 ? [image] : [])
    }()

    /// A file of which each request makes the next version: a write from nothing, an edit of its first and its last line.
    private struct Subject {
        let path: String
        let index: Int
        /// What was answered, and what was asked for after it.
        var answered = 0
        var asked = 0
        var request: UInt64?

        func content(_ version: Int) -> [UInt8] {
            Array(
                "head \(version) of \(index)\n\(String(repeating: "a line of file \(index)\n", count: 500 * index + 1))tail \(version) of \(index)\n"
                    .utf8)
        }

        mutating func ask(_ client: ExecutorClient) throws {
            asked = answered + 1
            if asked.isMultiple(of: 2) {
                let edits = ["head", "tail"].map { word in
                    FileEdit(old: Array("\(word) \(answered) of".utf8), new: Array("\(word) \(asked) of".utf8))
                }
                request = try client.send("fs.edit", payload: FileEdit.data(edits)) { $0.set("path", path) }
            } else {
                request = try client.send("fs.write", payload: content(asked)) { $0.set("path", path) }
            }
        }
    }

    @Test(arguments: programs)
    func everyFileIsOldOrNew(program: URL) throws {
        let scratch = try Scratch()
        var random = SeededRandom(seed: KillTests.seed)
        var subjects = (0..<8).map { Subject(path: scratch.path + "/f\($0)", index: $0) }
        for index in subjects.indices { try Data(subjects[index].content(0)).write(to: URL(fileURLWithPath: subjects[index].path)) }
        var requests = 0
        var newOnes = 0
        var leftovers = 0
        for kill in 0..<KillTests.kills {
            let client = try ExecutorClient(program: program)
            // As many requests as are left for each of the kills that are left, on average.
            let share = (KillTests.writes - requests) / (KillTests.kills - kill)
            requests += live(
                client, &subjects, requests: Int(random.next() % UInt64(max(2 * share, 1))), delay: UInt32(random.next() % 1500))
            for index in subjects.indices {
                let subject = subjects[index]
                let found = try [UInt8](Data(contentsOf: URL(fileURLWithPath: subject.path)))
                let isNew = subject.asked > subject.answered && found == subject.content(subject.asked)
                guard isNew || found == subject.content(subject.answered) else {
                    Issue.record("\(subject.path) is neither version \(subject.answered) nor \(subject.asked), seed \(KillTests.seed)")
                    return
                }
                if isNew { newOnes += 1 }
                subjects[index].answered = isNew ? subject.asked : subject.answered
                subjects[index].asked = subjects[index].answered
            }
            for name in scratch.names where name.hasPrefix(".portal-") {
                leftovers += 1
                unlink(scratch.path + "/" + name)
            }
            #expect(scratch.names == (0..<8).map { "f\($0)" })
        }
        print(
            "\(program.lastPathComponent): \(requests) writes and edits, \(KillTests.kills) kills; \(newOnes) files had what was not answered yet, \(leftovers) temporary names stayed; seed \(KillTests.seed)"
        )
        #expect(requests >= KillTests.writes / 2)
    }

    /// Keeps a request of each file in flight until the executor is dead, which it is a moment after so many.
    /// - Returns: How many were sent.
    private func live(_ client: ExecutorClient, _ subjects: inout [Subject], requests: Int, delay: UInt32) -> Int {
        let process = client.processIdentifier
        let killer = Thread {
            // The moment is random: nothing is waited for.
            usleep(delay)
            kill(process, SIGKILL)
        }
        var sent = 0
        do {
            for index in subjects.indices {
                try subjects[index].ask(client)
                sent += 1
            }
            if requests <= sent { killer.start() }
            while true {
                for index in subjects.indices {
                    guard let request = subjects[index].request else { continue }
                    let outcome = try client.wait(request)
                    #expect(outcome.error == nil, "\(String(decoding: outcome.error?.message ?? [], as: UTF8.self))")
                    subjects[index].answered = subjects[index].asked
                    try subjects[index].ask(client)
                    sent += 1
                    if sent == requests, requests > subjects.count { killer.start() }
                }
            }
        } catch {
            // It is dead; what it had answered before is in `answered`.
            if !killer.isExecuting, !killer.isFinished { Issue.record("it ended by itself: \(error)") }
        }
        return sent
    }
}
