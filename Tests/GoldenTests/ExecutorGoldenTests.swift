import GoldenCaptures
import Testing

/// Every capture against every executor that can run here.
@Suite struct ExecutorGoldenTests {
    @Test func capturesAndAnExecutorAreThere() throws {
        #expect(try Capture.all().count > 30)
        #expect(!ExecutorProgram.all.isEmpty)
    }

    @Test(.timeLimit(.minutes(2)), arguments: try Capture.all(), ExecutorProgram.all)
    func play(capture: Capture, program: ExecutorProgram) throws {
        try CapturePlayer.play(capture, against: program)
    }
}

extension Capture: CustomTestStringConvertible {
    /// The capture's name.
    public var testDescription: String { name }
}
