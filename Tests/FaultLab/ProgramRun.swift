import Foundation
import TestSupport

/// One run of `portal exec`, which can be killed; what it printed is in files.
///
/// `@unchecked Sendable`: everything is constant after `init`.
final class ProgramRun: @unchecked Sendable {
    /// How a run ended.
    struct End {
        /// The exit status; nil where a signal ended it.
        var status: Int32?
        var output: Data
        /// Without what portal itself had to say.
        var errors: Data
        /// Why portal failed, where it did.
        var failure: (code: String, applied: String, message: String)?
    }

    private let child: Child
    private let directory: URL

    /// Runs a shell's text on the host.
    init(_ stage: Stage, shell text: String, input: Data?) throws {
        try stage.check()
        directory = stage.runtime.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let file = directory.appendingPathComponent("in")
        if let input { try input.write(to: file) }
        child = try Child(
            stage.arguments("exec", (input == nil ? ["-n"] : []) + ["-v", stage.target, "--", "sh", "-c", text]),
            environment: stage.environment, input: input == nil ? "/dev/null" : file.path,
            output: directory.appendingPathComponent("out").path, errors: directory.appendingPathComponent("err").path)
    }

    deinit {
        child.end()
        try? FileManager.default.removeItem(at: directory)
    }

    func kill() { child.end() }

    /// Nil where it has not ended in time.
    func end(deadline: Double) async throws -> End? {
        guard await eventually(seconds: deadline, { !child.isRunning }), let status = child.ended else { return nil }
        let output = try Data(contentsOf: directory.appendingPathComponent("out"))
        let errors = try Data(contentsOf: directory.appendingPathComponent("err"))
        let code = status & 0x7F == 0 ? status >> 8 & 0xFF : nil
        // What the host's command prints never has this in it.
        guard let own = errors.range(of: Data("portal: ".utf8)) else { return End(status: code, output: output, errors: errors) }
        let text = String(decoding: errors[own.lowerBound...], as: UTF8.self)
        func word(behind name: String) -> String? {
            text.range(of: "\n  code ").flatMap { details in
                text[details.lowerBound...].range(of: "\(name) ").map { name in
                    String(text[name.upperBound...].prefix { !",\n ".contains($0) })
                }
            }
        }
        return End(
            status: code, output: output, errors: Data(errors[..<own.lowerBound]),
            failure: (word(behind: "code") ?? "?", word(behind: "applied") ?? "?", text))
    }
}
