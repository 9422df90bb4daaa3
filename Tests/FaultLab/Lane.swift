import Foundation
import TestSupport

/// What all lanes have: a client that does one thing after another, so that what it must find there is known at each step.
protocol Lane: AnyObject, Sendable {
    /// Works until it is told to stop, and finishes what it began.
    func run() async throws
    /// Kills the client that is at work.
    func killClient()
}

/// What a lane works with.
///
/// `@unchecked Sendable`: `open` and `ended` are behind the lock, the rest is constant.
final class LaneSurroundings: @unchecked Sendable {
    let stage: Stage
    let ledger: Ledger
    let corpus: Corpus
    /// The longest that a call may wait for its answer, in seconds.
    let deadline: Double
    let end: ContinuousClock.Instant
    private let lock = NSLock()
    private var ended: [String: ContinuousClock.Instant] = [:]

    init(stage: Stage, ledger: Ledger, corpus: Corpus, deadline: Double, end: ContinuousClock.Instant) {
        self.stage = stage
        self.ledger = ledger
        self.corpus = corpus
        self.deadline = deadline
        self.end = end
    }

    var isOver: Bool { ContinuousClock.now >= end }

    /// The call of a token has ended: nothing of it may run on the host much longer.
    func finished(_ token: String) { lock.withLock { ended[token] = .now } }

    /// Tokens whose calls ended at least so many seconds ago.
    func finished(before seconds: Double) -> [String] {
        let limit = ContinuousClock.now - .seconds(seconds)
        return lock.withLock { ended.filter { $0.value < limit }.map(\.key) }
    }

    /// They are not looked for any more.
    func forget(_ tokens: [String]) { lock.withLock { for token in tokens { ended[token] = nil } } }
}

/// Files to be searched, and what must be found in them.
struct Corpus: Sendable {
    static let pattern = "needle"
    /// `path:line:text`, sorted.
    let matches: [String]

    init(in directory: URL, seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var matches: [String] = []
        let folder = directory.appendingPathComponent("corpus")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for file in 0..<40 {
            var text = ""
            for line in 1...200 {
                let content = "file \(file) line \(line)" + (Int.random(in: 0..<10, using: &random) == 0 ? " has the needle" : " has straw")
                if content.contains(Corpus.pattern) { matches.append("corpus/f\(file):\(line):\(content)") }
                text += content + "\n"
            }
            try Data(text.utf8).write(to: folder.appendingPathComponent("f\(file)"))
        }
        self.matches = matches.sorted()
    }
}
