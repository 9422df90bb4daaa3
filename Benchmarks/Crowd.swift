import Foundation
import NIOCore
import Portal
import TestSupport

/// Counts what a stream moved, for the task that looks at it meanwhile.
private actor Counter {
    private(set) var bytes = 0

    func add(_ count: Int) { bytes += count }
}

/// Bytes without an end, until their task is cancelled.
private struct EndlessBytes: AsyncSequence, Sendable {
    let counter: Counter

    struct Iterator: AsyncIteratorProtocol {
        let counter: Counter
        let piece = [UInt8](repeating: 0x61, count: 64 * 1024)

        mutating func next() async -> [UInt8]? {
            if Task.isCancelled { return nil }
            await counter.add(piece.count)
            return piece
        }
    }

    func makeAsyncIterator() -> Iterator { Iterator(counter: counter) }
}

extension Bench {
    /// Calls beside streams that fill the line, and many calls at once.
    func measureCrowd(_ report: inout Report, network: String, line: NetworkRelay.Line?, scale: Double) async throws {
        var relay: NetworkRelay?
        if let line { relay = try await NetworkRelay(to: host.port, line: line) }
        let alias = "crowd-\(network.filter { $0.isLetter || $0.isNumber })"
        let config = runtime.appendingPathComponent("\(alias).conf")
        try host.sshConfig(alias: alias, port: relay?.port ?? host.port).write(to: config, atomically: true, encoding: .utf8)
        var options = ConnectionOptions()
        options.proxy = .shared(executable: portal)
        options.sshConfig = config.path
        let workspace = try await Workspace.connect("\(alias):\(files.path)", options: options)
        let calls = max(20, Int(200 * scale))

        try await report.time("1,000 stats at once", "portal", network, count: max(3, Int(10 * scale))) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<1000 { group.addTask { _ = try await workspace.status(of: "small") } }
                try await group.waitForAll()
            }
        }

        let reader = try await Workspace.connect("\(alias):\(files.path)", options: options)
        let process = try await reader.start(RemoteCommand("cat", ["/dev/zero"]))
        let received = Counter()
        let reading = Task { for await piece in process.output { await received.add(piece.bytes.count) } }
        try await measure(&report, "a stream from there", network, received, workspace, calls)
        process.cancel()
        await reading.value

        // It is cancelled, hence leaves no file.
        let sent = Counter()
        let writing = Task { try await reader.write(contentsOf: EndlessBytes(counter: sent), to: "endless") }
        try await measure(&report, "a stream to there", network, sent, workspace, calls)
        writing.cancel()
        _ = await writing.result

        reader.close()
        _ = try? Program.run([portal, "stop", "-F", config.path, alias])
        await relay?.stop()
    }

    private func measure(
        _ report: inout Report, _ what: String, _ network: String, _ counter: Counter, _ workspace: Workspace, _ calls: Int
    ) async throws {
        // The stream is at its full rate after its first megabytes.
        while await counter.bytes < 8_000_000 { try await Task.sleep(for: .milliseconds(5)) }
        let (start, before) = (ContinuousClock.now, await counter.bytes)
        try await report.time("fs.stat beside \(what)", "portal", network, count: calls, warmUp: 0) {
            _ = try await workspace.status(of: "small")
        }
        let seconds = (ContinuousClock.now - start) / .seconds(1)
        report.addRate("\(what), meanwhile", "portal", network, Double(await counter.bytes - before) / 1e6 / seconds)
    }
}
