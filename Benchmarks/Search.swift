import Foundation
import Portal
import TestSupport

extension Bench {
    /// What is searched for: little and much, literals and expressions, few matches and many.
    private static let patterns = [
        "EXPORT_SYMBOL", "pthread_mutex_lock", "struct \\w+ \\{", "(?i)deprecated", "foo|bar|baz|qux", "\\b[A-Z]{3,}_[0-9]+\\b",
        "[0-9]{7,}",
        "^$", "zzzznever", "unsigned", "(\\w+)_t \\*?\\w+;", "[a-z]+ing\\s+the",
    ]

    /// Searches a tree with portal, over a real session, and with `rg` beside it, and fails where the two do not find the same number of lines.
    func measureSearch(_ report: inout Report, directory: String, ripgrep: String, count: Int) async throws {
        let config = runtime.appendingPathComponent("search.conf")
        try host.sshConfig(alias: "search", port: host.port).write(to: config, atomically: true, encoding: .utf8)
        var options = ConnectionOptions()
        options.proxy = .shared(executable: portal)
        options.sshConfig = config.path
        let workspace = try await Workspace.connect("search:\(directory)", options: options)
        var counting = GrepOptions()
        counting.mode = .count
        for pattern in Bench.patterns {
            var found = 0
            try await report.time("count \(pattern)", "portal", "search", count: count) {
                found = 0
                for try await file in try await workspace.grep(pattern, counting) { found += Int(file.count ?? 0) }
            }
            try await compare(
                &report, "count \(pattern)", found, count,
                "'\(ripgrep)' --no-config -cI -e '\(pattern)' '\(directory)' | awk '{ sum += $1 } END { print sum + 0 }'")
        }
        // With the lines themselves, which both print and the near side takes apart.
        for pattern in ["(?i)deprecated", "zzzznever"] {
            var found = 0
            try await report.time("lines \(pattern)", "portal", "search", count: count) {
                found = 0
                for try await _ in try await workspace.grep(pattern) { found += 1 }
            }
            try await compare(
                &report, "lines \(pattern)", found, count, "'\(ripgrep)' --no-config --no-heading -n -e '\(pattern)' '\(directory)' | wc -l"
            )
        }
        // A glob of `rg` shows hidden files, too, if it matches them.
        for pattern in ["**/*.h", "*"] {
            var found = 0
            try await report.time("glob \(pattern)", "portal", "search", count: count) {
                found = 0
                for try await _ in try await workspace.glob(pattern) { found += 1 }
            }
            try await compare(
                &report, "glob \(pattern)", found, count,
                "'\(ripgrep)' --no-config --files -0 -g '\(pattern)' -g '!.*' '\(directory)' | tr -dc '\\0' | wc -c")
        }
        workspace.close()
        _ = try? Program.run([portal, "stop", "-F", config.path, "search"])
    }

    /// A pipe takes what `rg` prints, as a program that reads it would.
    private func compare(_ report: inout Report, _ what: String, _ found: Int, _ count: Int, _ command: String) async throws {
        var lines = ""
        try await report.time(what, "rg", "search", count: count) {
            lines = String(decoding: try Program.run(["sh", "-c", command]), as: UTF8.self)
        }
        guard lines.trimmingCharacters(in: .whitespacesAndNewlines) == "\(found)" else {
            throw Program.Failure(description: "\(what): \(found) with portal, \(lines)with rg")
        }
    }
}
