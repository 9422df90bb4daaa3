import Foundation
import TestSupport

/// What the proxies of a stage log: each one begins the file anew, and the reason of a crash would be lost.
actor LogKeeper {
    private let directory: URL
    private var contents: [String: Data] = [:]
    private var kept: [String] = []

    init(_ stage: Stage) { directory = stage.runtime }

    /// Looks again and again, until its task is cancelled.
    func watch() async {
        while !Task.isCancelled {
            look()
            try? await Task.sleep(for: .milliseconds(100))
        }
    }

    private func look() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? [] where name.hasSuffix(".log") {
            guard let now = FileManager.default.contents(atPath: directory.appendingPathComponent(name).path) else { continue }
            if let before = contents[name], !now.starts(with: before) { keep(name, before) }
            contents[name] = now
        }
    }

    private func keep(_ name: String, _ content: Data) {
        if !content.isEmpty { kept.append("--- \(name)\n" + String(decoding: content, as: UTF8.self)) }
    }

    /// Everything, the oldest first.
    func logs() -> String {
        look()
        for (name, content) in contents.sorted(by: { $0.key < $1.key }) { keep(name, content) }
        contents = [:]
        return kept.joined(separator: "\n")
    }
}
