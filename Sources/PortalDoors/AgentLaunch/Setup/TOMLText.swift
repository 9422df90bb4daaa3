/// Codex's environments.toml with portal's part in it, between two marks; what is not between them stays.
struct TOMLText {
    private static let begin = "# portal setup: begin"
    private static let end = "# portal setup: end"
    /// Before a line that counted before.
    private static let before = "# portal setup: before: "
    private static let keys = ["default", "include_local"]

    private var lines: [String]

    init(_ text: String) {
        lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
    }

    /// The file; empty where nothing is in it.
    var text: String { lines.isEmpty ? "" : lines.joined(separator: "\n") + "\n" }

    /// Takes portal's part out, and what counted before counts again.
    mutating func remove() {
        var kept: [String] = []
        var isInside = false
        for line in lines {
            if line == Self.begin {
                isInside = true
            } else if line == Self.end {
                isInside = false
            } else if !isInside {
                kept.append(line.hasPrefix(Self.before) ? String(line.dropFirst(Self.before.utf8.count)) : line)
            }
        }
        while kept.last == "" { kept.removeLast() }
        lines = kept
    }

    /// Puts portal's part in: keys of the file itself before the first table, and an environment behind all others.
    mutating func insert(keys: String, environment: String) {
        remove()
        let firstTable = lines.firstIndex { $0.drop { $0 == " " || $0 == "\t" }.hasPrefix("[") } ?? lines.count
        for index in 0..<firstTable {
            let name = lines[index].prefix { $0 != "=" }.filter { $0 != " " && $0 != "\t" && $0 != "\"" }
            if Self.keys.contains(String(name)) { lines[index] = Self.before + lines[index] }
        }
        func part(_ text: String) -> [String] { [Self.begin] + text.split(separator: "\n").map(String.init) + [Self.end] }
        lines = part(keys) + lines + part(environment)
    }

    /// Whether an environment that is not portal's has this name.
    func hasEnvironment(_ identifier: String) -> Bool {
        var others = self
        others.remove()
        return others.lines.contains { line in
            let words = line.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != " " && $0 != "\t" } }
            return words.count == 2 && words[0] == "id"
                && (words[1].hasPrefix("\"\(identifier)\"") || words[1].hasPrefix("'\(identifier)'"))
        }
    }
}
