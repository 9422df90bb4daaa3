import Foundation

/// Docs/protocol.md, or another document, cut into what tests compare.
struct ProtocolDocument {
    let text: String

    init(path: String = "Docs/protocol.md") throws { text = try ProtocolDocument.source(path) }

    static let repository = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    static func source(_ path: String) throws -> String { try String(contentsOf: repository.appending(path: path), encoding: .utf8) }

    /// The lines below a heading, up to the next one of its level or a higher one.
    func section(_ heading: String) -> String {
        let level = heading.prefix { $0 == "#" }.count
        var lines: [Substring] = []
        var isInside = false
        var isCode = false
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") { isCode.toggle() }
            if !isCode, line.hasPrefix("#") {
                if isInside, line.prefix(while: { $0 == "#" }).count <= level { break }
                if line == heading { isInside = true }
            }
            if isInside { lines.append(line) }
        }
        return lines.joined(separator: "\n")
    }

    /// The headings of a level, without the number signs.
    func headings(level: Int, in section: String) -> [String] {
        let prefix = String(repeating: "#", count: level) + " "
        return section.split(separator: "\n").filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
    }

    /// The rows of the table whose first column has a title.
    static func table(_ firstColumn: String, in section: String) -> [[String]] {
        var rows: [[String]] = []
        var isInside = false
        for line in section.split(separator: "\n", omittingEmptySubsequences: false) {
            let cells = line.split(separator: "|", omittingEmptySubsequences: false).map { $0.trimmingCharacters(in: .whitespaces) }
            if line.hasPrefix("| \(firstColumn) |") {
                isInside = true
            } else if isInside, line.hasPrefix("|") {
                if !line.hasPrefix("| ---") { rows.append(Array(cells.dropFirst().dropLast())) }
            } else {
                isInside = false
            }
        }
        return rows
    }

    /// What stands between back quotes.
    static func quoted(_ text: String) -> [String] {
        text.split(separator: "`", omittingEmptySubsequences: false).enumerated().filter { !$0.offset.isMultiple(of: 2) }.map {
            String($0.element)
        }
    }

    /// The contents of the code blocks of a language.
    func blocks(_ language: String) -> [String] {
        var blocks: [String] = []
        var current: [Substring]?
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if let lines = current {
                if line == "```" {
                    blocks.append(lines.joined(separator: "\n"))
                    current = nil
                } else {
                    current = lines + [line]
                }
            } else if line == "```\(language)" {
                current = []
            }
        }
        return blocks
    }
}

/// Every first group of a pattern in a text.
func matches(_ pattern: String, in text: String) throws -> [String] {
    let expression = try Regex(pattern, as: (Substring, Substring).self)
    return text.matches(of: expression).map { String($0.output.1) }
}
