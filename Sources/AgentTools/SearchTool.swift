import Portal
import PortalWire

/// Grep, Glob and List.
struct SearchTool: Sendable {
    private static let mostPaths = 100
    private static let mostEntries = 1000
    private static let defaultLimit = 250
    /// Bytes of a line that are shown.
    private static let longestLine = 500
    /// Bytes of an answer; beyond them it is cut at a line.
    private static let mostBytes = 256 * 1024
    /// What versions are kept in, which nobody means.
    private static let leftOut = ["!.git", "!.svn", "!.hg", "!.bzr", "!.jj", "!.sl"]

    let place: ToolHost.Place
    let options: ToolSession.Options

    /// The path of a parameter as a search is given it: relative to the workspace where it is in it, so that what is found is named so too.
    private func path(_ arguments: ToolArguments) async throws -> [UInt8]? {
        guard let given = arguments.bytes("path"), !given.isEmpty else { return nil }
        let absolute = try place.path(given)
        if options.isConfined { try await place.confine(absolute) }
        return place.shown(absolute)
    }

    private func readable(_ error: any Error) -> any Error {
        guard let error = error as? PortalError, error.code == .notFound, let path = error.path else { return error }
        return ToolError("Path does not exist: \(path). Note: your current working directory is \(HostPath.text(place.root)).")
    }

    // MARK: Grep

    func grep(_ arguments: ToolArguments) async throws -> ToolResult {
        let path = try await path(arguments)
        do {
            if arguments.flag("multiline") ?? false || arguments.flag("-o") ?? false {
                return try await HostRipgrep(place: place, path: path, leftOut: SearchTool.leftOut).run(arguments)
            }
            var options = GrepOptions()
            options.paths = [RemotePath(bytes: path ?? [UInt8(ascii: ".")])]
            options.globs = SearchTool.leftOut + SearchTool.globs(arguments.text("glob"))
            if let type = arguments.text("type") { options.types = [type] }
            options.ignoresCase = arguments.flag("-i") ?? false
            options.includesHidden = true
            options.maximumColumns = SearchTool.longestLine
            let window = Window(arguments, defaultLimit: SearchTool.defaultLimit)
            let pattern = try arguments.text("pattern") ?? String(decoding: arguments.required("pattern"), as: UTF8.self)
            switch arguments.text("output_mode") ?? "files_with_matches" {
            case "content": return try await lines(pattern, options, arguments, window)
            case "count": return try await counts(pattern, options, window)
            default: return try await files(pattern, options, window)
            }
        } catch { throw readable(error) }
    }

    /// Several globs may be in one parameter, with spaces or, outside of braces, commas between them.
    static func globs(_ text: String?) -> [String] {
        (text ?? "").split(whereSeparator: \.isWhitespace).flatMap { word in
            word.contains("{") ? [String(word)] : word.split(separator: ",").map(String.init)
        }
    }

    /// Which part of the answer is wanted.
    struct Window {
        var offset: Int
        /// Nil for all.
        var limit: Int?

        init(_ arguments: ToolArguments, defaultLimit: Int) {
            offset = arguments.integer("offset") ?? 0
            let limit = arguments.integer("head_limit") ?? defaultLimit
            self.limit = limit == 0 ? nil : limit
        }

        /// How many must be found to know whether there are more.
        var wanted: Int? {
            limit.map { offset.addingReportingOverflow($0).partialValue }.flatMap { $0 < Int.max - 1 && $0 >= 0 ? $0 + 1 : nil }
        }

        /// What is said of the window, where it left something out.
        func note(isTruncated: Bool) -> String? {
            var parts: [String] = []
            if isTruncated, let limit { parts.append("limit: \(limit)") }
            if offset > 0 { parts.append("offset: \(offset)") }
            return parts.isEmpty ? nil : parts.joined(separator: ", ")
        }

        /// The part of what was found.
        func part<Element>(_ found: [Element]) -> (part: ArraySlice<Element>, isTruncated: Bool) {
            let rest = found.dropFirst(offset)
            guard let limit else { return (rest, false) }
            return (rest.prefix(limit), rest.count > limit)
        }
    }

    private func files(_ pattern: String, _ options: GrepOptions, _ window: Window) async throws -> ToolResult {
        var options = options
        options.mode = .files
        options.order = .modified
        options.limit = window.wanted
        let results = try await place.workspace.grep(pattern, options)
        var found: [[UInt8]] = []
        for try await match in results { found.append(SearchTool.plain(match.path)) }
        let (part, isTruncated) = window.part(found)
        let problems = try await SearchTool.problems(results)
        guard !part.isEmpty else { return ToolResult("No files found" + problems) }
        let note = window.note(isTruncated: isTruncated).map { " \($0)" } ?? ""
        let head = "Found \(part.count) \(part.count == 1 ? "file" : "files")\(note)\n"
        return SearchTool.result(head, Array(part), problems)
    }

    private func counts(_ pattern: String, _ options: GrepOptions, _ window: Window) async throws -> ToolResult {
        var options = options
        options.mode = .count
        options.order = .path
        options.limit = window.wanted
        let results = try await place.workspace.grep(pattern, options)
        var found: [(path: [UInt8], count: UInt64)] = []
        for try await match in results { found.append((SearchTool.plain(match.path), match.count ?? 0)) }
        let (part, isTruncated) = window.part(found)
        let problems = try await SearchTool.problems(results)
        guard !part.isEmpty else { return ToolResult("No matches found" + problems) }
        let total = part.reduce(0) { $0 + $1.count }
        let note = window.note(isTruncated: isTruncated).map { " with pagination = \($0)" } ?? ""
        let tail =
            "\n\nFound \(total) total \(total == 1 ? "occurrence" : "occurrences") across \(part.count) \(part.count == 1 ? "file" : "files").\(note)"
        return SearchTool.result("", part.map { $0.path + Array(":\($0.count)".utf8) }, tail + problems)
    }

    /// Lines as ripgrep prints them. They come in the order of the files' names, so that a second look with an offset goes on where the first ended.
    private func lines(_ pattern: String, _ options: GrepOptions, _ arguments: ToolArguments, _ window: Window) async throws -> ToolResult {
        var options = options
        options.order = .path
        let around = arguments.integer("context") ?? arguments.integer("-C")
        options.before = around ?? arguments.integer("-B") ?? 0
        options.after = around ?? arguments.integer("-A") ?? 0
        options.limit = window.wanted
        let hasNumbers = arguments.flag("-n") ?? true
        let results = try await place.workspace.grep(pattern, options)
        var found: [[UInt8]] = []
        var bytes = 0
        var last: SearchMatch?
        var isFull = false
        for try await match in results {
            if let last, options.before + options.after > 0, last.path != match.path || (last.line ?? 0) + 1 != match.line ?? 0 {
                found.append(Array("--".utf8))
            }
            last = match
            // As ripgrep: a file that is named itself is not named once more for each line.
            let isNamed = match.path == options.paths.first?.bytes
            found.append(SearchTool.line(match, named: !isNamed, numbered: hasNumbers))
            if found.count > window.offset { bytes += found[found.count - 1].count + 1 }
            if let wanted = window.wanted, found.count >= wanted { isFull = true }
            if isFull || bytes > SearchTool.mostBytes {
                results.cancel()
                isFull = true
                break
            }
        }
        if Task.isCancelled { throw CancellationError() }
        let (part, isTruncated) = window.part(found)
        let problems = isFull ? "" : try await SearchTool.problems(results)
        guard !part.isEmpty else { return ToolResult("No matches found" + problems) }
        let note = window.note(isTruncated: isTruncated).map { "\n\n[Showing results with pagination = \($0)]" } ?? ""
        return SearchTool.result("", Array(part), note + problems)
    }

    private static func line(_ match: SearchMatch, named: Bool, numbered: Bool) -> [UInt8] {
        guard let number = match.line else {
            return plain(match.path) + Array(": binary file matches".utf8)
        }
        let mark = UInt8(ascii: match.isContext ? "-" : ":")
        var line: [UInt8] = named ? plain(match.path) + [mark] : []
        if numbered { line += Array("\(number)".utf8) + [mark] }
        line += match.text.last == 0x0D ? match.text.dropLast() : match.text[...]
        if let length = match.length { line += Array(" [... this line has \(length) bytes]".utf8) }
        return line
    }

    /// Without the `./` that a search of the workspace itself puts before everything.
    private static func plain(_ path: [UInt8]) -> [UInt8] {
        path.starts(with: [UInt8(ascii: "."), UInt8(ascii: "/")]) ? Array(path.dropFirst(2)) : path
    }

    /// What could not be searched.
    private static func problems(_ results: SearchResults<SearchMatch, SearchGrepResult>) async throws -> String {
        let summary = try await results.end()
        guard summary.errorCount > 0 else { return "" }
        let why = summary.errors.first.map { ": \(String(decoding: $0.message, as: UTF8.self))" } ?? ""
        return "\n(\(summary.errorCount) could not be searched\(why))"
    }

    private static func result(_ head: String, _ lines: [[UInt8]], _ tail: String) -> ToolResult {
        var text = Array(head.utf8)
        for (index, line) in lines.enumerated() {
            if text.count + line.count > mostBytes {
                text += Array("\n(\(lines.count - index) more are left out: the answer is long)".utf8)
                break
            }
            if index > 0 { text.append(0x0A) }
            text += line
        }
        return ToolResult([.text(text + Array(tail.utf8))])
    }

    // MARK: Glob

    func glob(_ arguments: ToolArguments) async throws -> ToolResult {
        var pattern = try arguments.required("pattern")
        var directory = try await path(arguments)
        if pattern.first == UInt8(ascii: "/") {
            // An absolute pattern: the part before its first wildcard is the directory.
            let start =
                pattern.firstIndex { [UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "["), UInt8(ascii: "{")].contains($0) }
                ?? pattern.count
            let slash = pattern[..<start].lastIndex(of: UInt8(ascii: "/")) ?? 0
            let base = try place.path(slash == 0 ? [UInt8(ascii: "/")] : Array(pattern[..<slash]))
            if options.isConfined { try await place.confine(base) }
            directory = place.shown(base)
            pattern = Array(pattern[(slash + 1)...])
        }
        var wanted = GlobOptions()
        wanted.paths = [RemotePath(bytes: directory ?? [UInt8(ascii: ".")])]
        wanted.order = .modified
        wanted.includesHidden = true
        wanted.includesIgnored = true
        wanted.limit = SearchTool.mostPaths + 1
        do {
            let results = try await place.workspace.glob(String(decoding: pattern, as: UTF8.self), options: wanted)
            var found: [[UInt8]] = []
            for try await path in results { found.append(SearchTool.plain(path.path)) }
            guard !found.isEmpty else { return ToolResult("No files found") }
            // The last modified come first from there, so that they are those that are kept.
            let isTruncated = found.count > SearchTool.mostPaths
            let shown = Array(found.prefix(SearchTool.mostPaths).reversed())
            return SearchTool.result(
                "", shown, isTruncated ? "\n(Results are truncated. Consider using a more specific path or pattern.)" : "")
        } catch { throw readable(error) }
    }

    // MARK: List

    func list(_ arguments: ToolArguments) async throws -> ToolResult {
        let path = try await path(arguments) ?? [UInt8(ascii: ".")]
        let absolute = path == [UInt8(ascii: ".")] ? place.root : try place.path(path)
        do {
            let results = try await place.workspace.listTree(
                RemotePath(bytes: absolute), depth: arguments.integer("depth") ?? 1, limit: SearchTool.mostEntries,
                exclude: arguments.texts("ignore").map { String(decoding: $0, as: UTF8.self) })
            var entries: [DirectoryEntry] = []
            for try await entry in results { entries.append(entry) }
            let summary = try await results.end()
            entries.sort { $0.name.lexicographicallyPrecedes($1.name) }
            var tail = entries.isEmpty ? "(The directory is empty.)" : ""
            if summary.truncated { tail = "\n(There are more than \(SearchTool.mostEntries) entries: the rest is left out.)" }
            if summary.errorCount > 0 { tail += "\n(\(summary.errorCount) directories could not be read.)" }
            return SearchTool.result(HostPath.text(absolute) + ":\n", entries.map(SearchTool.entry), tail)
        } catch { throw readable(error) }
    }

    private static func entry(_ entry: DirectoryEntry) -> [UInt8] {
        switch entry.status?.kind {
        case .directory: return entry.name + [UInt8(ascii: "/")]
        case .symlink: return entry.name + Array(" -> ".utf8) + (entry.status?.target ?? [])
        case .file: return entry.name + Array(" (\(entry.status?.size ?? 0))".utf8)
        case .none: return entry.name
        case .some(let kind): return entry.name + Array(" (\(kind.name))".utf8)
        }
    }
}
