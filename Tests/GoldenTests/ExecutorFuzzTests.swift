import Foundation
import FrameFuzzer
import PortalWire
import Testing

/// Mutated captures against the executors: each ends with status 0 or 1, by no signal, and has said its opening before.
///
/// `PORTAL_FUZZ_ITERATIONS` sets how many frames, `PORTAL_FUZZ_SEED` which. Only what changes nothing on the host is mutated.
@Suite struct ExecutorFuzzTests {
    static let iterations = ProcessInfo.processInfo.environment["PORTAL_FUZZ_ITERATIONS"].flatMap { Int($0) } ?? 20_000
    static let seed = ProcessInfo.processInfo.environment["PORTAL_FUZZ_SEED"].flatMap { UInt64($0) } ?? 20_261_121

    /// A fiftieth of the frames, to each executor, since every conversation costs a process.
    ///
    /// Under an emulator a start is a hundred times dearer and the sources are the same: only what runs natively.
    @Test(arguments: ExecutorProgram.all.filter { $0.command.count == 1 })
    func mutatedConversations(program: ExecutorProgram) throws {
        var fuzzer = try FrameFuzzer.harmlessClient(seed: ExecutorFuzzTests.seed)
        let home = FileManager.default.temporaryDirectory.appending(path: "portal-fuzz-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: home) }
        let opening = Sentinel.line(token: Array("f022".utf8))
        var frames = 0
        var statuses: [Int32: Int] = [:]
        while frames < ExecutorFuzzTests.iterations / 50 {
            let conversation = fuzzer.nextConversation()
            frames += conversation.count
            let executor = try ExecutorConnection(program, token: "f022", directory: home)
            for bytes in conversation { executor.send(bytes) }
            try executor.wait(for: "room for what is sent") { true }
            executor.closeInput()
            try executor.wait(for: "its exit") { false }
            let status = try executor.exitStatus()
            statuses[status, default: 0] += 1
            guard status == 0 || status == 1, executor.received.starts(with: opening) else {
                Issue.record(
                    "\(program) ends with \(status) after \(conversation.map { String(decoding: $0, as: UTF8.self) }), seed \(ExecutorFuzzTests.seed)"
                )
                return
            }
        }
        // Links that go on and links that break: a fuzzer that only ever meets one of them tests nothing.
        #expect(statuses[0, default: 0] > 0 && statuses[1, default: 0] > 0, "\(statuses)")
        #expect(try FileManager.default.contentsOfDirectory(atPath: home).isEmpty, "nothing was changed")
    }
}
