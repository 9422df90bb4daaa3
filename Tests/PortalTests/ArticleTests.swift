import Foundation
import Portal
import PortalWire
import TestSupport
import Testing

/// The examples of the articles in Portal.docc that change and watch files: they compile, since they are in this file line by line, and do
/// what they say.
@Suite(.serialized) struct ArticleTests: HasWorkspace {
    let host: TestHost
    let directory: String

    init() throws {
        host = try TestHost()
        directory = host.home.appendingPathComponent("work").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    private func content(_ name: String) throws -> String { try String(contentsOfFile: directory + "/" + name, encoding: .utf8) }

    /// A text's lines without what they are indented by.
    private static func lines(_ text: some StringProtocol) -> [String] {
        text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespaces) }
    }

    @Test(arguments: [("Files.md", "box.edit("), ("Files.md", "box.batch("), ("Search.md", "box.watch(")])
    func theExampleIsInThisFile(article: String, call: String) throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let text = try String(contentsOf: root.appendingPathComponent("Sources/Portal/Portal.docc/\(article)"), encoding: .utf8)
        let block = try #require(text.components(separatedBy: "```swift\n").dropFirst().first { $0.contains(call) && $0.contains("```") })
        let example = ArticleTests.lines(block.components(separatedBy: "\n```")[0])
        let own = ArticleTests.lines(try String(contentsOfFile: #filePath, encoding: .utf8))
        #expect(example.count > 2)
        #expect(
            own.indices.contains { own[$0...].prefix(example.count).elementsEqual(example) },
            "the example of \(article) with \(call) is not here line by line")
    }

    @Test func editing() async throws {
        let box = try await connect()
        try file("config.json", "{\n  \"debug\": true,\n  \"port\": 80,\n  \"proxyPort\": 80\n}\n")
        try await box.edit("config.json", replacing: "\"debug\": true", with: "\"debug\": false")
        let ports = FileEdit(old: Array(": 80".utf8), new: Array(": 8080".utf8), all: true)
        let name = FileEdit(old: Array("proxyPort".utf8), new: Array("proxy".utf8))
        let result = try await box.edit("config.json", [ports, name])
        print("\(result.replaced) replaced, the first in line \(result.firstLine)")
        #expect(try content("config.json") == "{\n  \"debug\": false,\n  \"port\": 8080,\n  \"proxy\": 8080\n}\n")
        #expect(result.replaced == 3)
        box.close()
    }

    @Test func severalInOneRoundTrip() async throws {
        let box = try await connect()
        let outcomes = try await box.batch(
            [
                .makeDirectory("src", parents: true), .write(Array("int main(void) { return 0; }\n".utf8), to: "src/a.c"),
                .run(RemoteCommand("cat", ["src/a.c"])),
            ], stopOnError: true)
        for outcome in outcomes {
            switch outcome.result {
            case .success: print(String(decoding: outcome.output, as: UTF8.self), terminator: "")
            case .failure(let error): print(error.message)
            }
        }
        #expect(outcomes.count == 3 && String(decoding: outcomes[2].output, as: UTF8.self) == "int main(void) { return 0; }\n")
        box.close()
    }

    @Test func watching() async throws {
        try FileManager.default.createDirectory(atPath: directory + "/src", withIntermediateDirectories: true)
        let box = try await connect()
        let (seen, continuation) = AsyncStream.makeStream(of: String.self)
        func rebuild(_ paths: [RemotePath]) async throws { for path in paths { continuation.yield("\(path)") } }
        let watching = Task {
            for try await line in try await box.watch("src", ignore: true) {
                switch line {
                case .ready: try await rebuild([])
                case .changes(let changes): try await rebuild(changes.map { RemotePath(bytes: $0.path) })
                case .rescan(let path): try await rebuild([RemotePath(bytes: path)])
                case .unwatched(let path): print("\(RemotePath(bytes: path)) is not watched")
                }
            }
        }
        var paths = seen.makeAsyncIterator()
        // It begins some time after the task: a file is written anew until it is seen.
        let writing = Task {
            var index = 0
            while !Task.isCancelled {
                try file("src/a.c", "int a = \(index);\n")
                index += 1
                try await Task.sleep(for: .milliseconds(20))
            }
        }
        #expect(await paths.next() == "a.c")
        writing.cancel()
        watching.cancel()
        try await watching.value
        box.close()
    }
}
