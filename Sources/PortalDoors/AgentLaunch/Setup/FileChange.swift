#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file of an agent's configuration, as it is and as it shall be.
public struct FileChange: Sendable {
    /// Where it is.
    public let path: String
    /// What is in it; nil where there is none.
    public let old: [UInt8]?
    /// What shall be in it; nil where there shall be none.
    public let new: [UInt8]?

    /// Whether there is anything to do.
    public var isEmpty: Bool { old == new }

    /// The change, for a person: lines that go with `-`, lines that come with `+`, and a few around them.
    public var difference: String {
        let (before, after) = (Self.lines(old), Self.lines(new))
        var start = 0
        while start < min(before.count, after.count), before[start] == after[start] { start += 1 }
        var end = 0
        while end < min(before.count, after.count) - start, before[before.count - 1 - end] == after[after.count - 1 - end] { end += 1 }
        let around = 3
        var lines = ["--- \(old == nil ? "/dev/null" : path)", "+++ \(new == nil ? "/dev/null" : path)"]
        let first = max(0, start - around)
        let shownEnd = min(around, end)
        lines.append(
            "@@ -\(first + 1),\(before.count - end - first + shownEnd) +\(first + 1),\(after.count - end - first + shownEnd) @@")
        lines += before[first..<start].map { " \($0)" }
        lines += Self.difference(Array(before[start..<(before.count - end)]), Array(after[start..<(after.count - end)]))
        lines += before[(before.count - end)..<(before.count - end + shownEnd)].map { " \($0)" }
        return lines.joined(separator: "\n")
    }

    /// Makes the change, as one step.
    /// - Throws: `AgentLaunchError` where the file has changed meanwhile, or cannot be written.
    public func apply() throws(AgentLaunchError) {
        guard Files.read(path) == old else {
            throw AgentLaunchError("\(path) has changed meanwhile; nothing of it was written. Do it again.")
        }
        guard let new else {
            guard unlink(path) == 0 else { throw failure("remove") }
            return
        }
        var place = ""
        for part in path.split(separator: "/").dropLast() {
            place += "/\(part)"
            guard Files.isDirectory(place) || mkdir(place, 0o755) == 0 || errno == EEXIST else { throw failure("make a directory for") }
        }
        guard Files.replace(path, with: new) else { throw failure("write") }
    }

    private func failure(_ what: String) -> AgentLaunchError {
        AgentLaunchError("cannot \(what) \(path): \(String(cString: strerror(errno)))")
    }

    private static func lines(_ bytes: [UInt8]?) -> [String] {
        guard let bytes else { return [] }
        var lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if lines.last == "" { lines.removeLast() }
        return lines
    }

    /// The fewest lines that go and come.
    private static func difference(_ before: [String], _ after: [String]) -> [String] {
        // What is so long that this would take its time is shown as it was and as it is.
        guard before.count * after.count < 4_000_000 else { return before.map { "-\($0)" } + after.map { "+\($0)" } }
        var common = [[Int]](repeating: [Int](repeating: 0, count: after.count + 1), count: before.count + 1)
        for row in before.indices.reversed() {
            for column in after.indices.reversed() {
                common[row][column] =
                    before[row] == after[column] ? common[row + 1][column + 1] + 1 : max(common[row + 1][column], common[row][column + 1])
            }
        }
        var (row, column) = (0, 0)
        var lines: [String] = []
        while row < before.count || column < after.count {
            if row < before.count, column < after.count, before[row] == after[column] {
                lines.append(" \(before[row])")
                row += 1
                column += 1
            } else if column == after.count || (row < before.count && common[row + 1][column] >= common[row][column + 1]) {
                lines.append("-\(before[row])")
                row += 1
            } else {
                lines.append("+\(after[column])")
                column += 1
            }
        }
        return lines
    }
}
