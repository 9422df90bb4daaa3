import Foundation
import TestSupport
import Testing

/// A command that prints a line fifty times a second until it is told to stop, and what came of it.
///
/// `@unchecked Sendable`: `data` is behind the lock, the rest is constant.
final class LineStream: @unchecked Sendable {
    private let process: Process
    private let host: TestHost
    private let lock = NSLock()
    private var data = Data()

    init(_ portal: PortalProgram, _ host: TestHost) throws {
        self.host = host
        let output = Pipe()
        let text = "i=0; while [ ! -e stop ]; do i=$((i+1)); echo \"line $i\"; printf . >>reached; sleep 0.02; done; echo $i >count; exit 7"
        process = try portal.start(
            ["exec", "-n", "-F", portal.config, "host", "--", "sh", "-c", text], output: output, errors: FileHandle.nullDevice)
        let handle = output.fileHandleForReading
        Thread { [self] in while case let piece = handle.availableData, !piece.isEmpty { lock.withLock { data += piece } } }.start()
    }

    /// How far the command is, there.
    var reached: Int {
        // A byte for each line: a number would be missing for a moment each time that it is written.
        (try? FileManager.default.attributesOfItem(atPath: host.home.appending(path: "reached").path)[.size] as? Int) ?? 0
    }

    /// The bytes that came.
    var count: Int { lock.withLock { data.count } }

    /// Waits for more, and gives the time that it took.
    func more(within seconds: Double, sourceLocation: SourceLocation = #_sourceLocation) async -> Duration {
        let (before, start) = (count, ContinuousClock.now)
        #expect(await eventually(seconds: seconds) { count > before }, "nothing more came", sourceLocation: sourceLocation)
        return .now - start
    }

    /// Ends the command, and compares.
    func finish(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        try Data().write(to: host.home.appending(path: "stop"))
        #expect(await eventually(seconds: 60) { !process.isRunning }, sourceLocation: sourceLocation)
        #expect(process.terminationStatus == 7, sourceLocation: sourceLocation)
        let text = try String(contentsOf: host.home.appending(path: "count"), encoding: .utf8)
        let lines = try #require(Int(text.trimmingCharacters(in: .newlines)))
        let expected = Data((1...lines).map { "line \($0)\n" }.joined().utf8)
        #expect(await eventually(seconds: 10) { count >= expected.count }, sourceLocation: sourceLocation)
        #expect(lock.withLock { data } == expected, "every line, once", sourceLocation: sourceLocation)
    }
}
