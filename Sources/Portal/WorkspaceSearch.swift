import PortalWire

/// What `Workspace.grep` looks for, and where.
public struct GrepOptions: Sendable {
    /// Files and directories; the workspace's directory if there are none.
    public var paths: [RemotePath] = []
    /// Globs as `rg -g`; what matches one with `!` in front is left out.
    public var globs: [String] = []
    /// Names of file types (`FileTypes`): files of others are not searched.
    public var types: [String] = []
    /// Whether the pattern is a text and no regular expression.
    public var isFixed = false
    /// Whether upper and lower case are the same.
    public var ignoresCase = false
    /// Whether a match must begin and end at the borders of words.
    public var matchesWords = false
    /// Whether a match must be the whole line.
    public var matchesLines = false
    /// Whether the lines that do not match are meant.
    public var isInverted = false
    /// Lines to give before each that matches, at most 1000.
    public var before = 0
    /// Lines to give behind each that matches, at most 1000.
    public var after = 0
    /// What is given of the files that match.
    public var mode = SearchGrepRequest.Mode.content
    /// The order of the files.
    public var order = SearchGrepRequest.Order.none
    /// Whether hidden files are searched.
    public var includesHidden = false
    /// Whether ignore files count for nothing.
    public var includesIgnored = false
    /// The most matching lines of one file.
    public var maximumCount: Int?
    /// The most matching lines, or files where lines are not given.
    public var limit: Int?
    /// The most bytes of a line that are given, at most 65536.
    public var maximumColumns: Int?

    /// Every file below the workspace's directory that is neither hidden nor ignored.
    public init() {}
}

/// What `Workspace.glob` looks for besides its pattern.
public struct GlobOptions: Sendable {
    /// Directories to search; the workspace's if there are none. Patterns are relative to them.
    public var paths: [RemotePath] = []
    /// What is looked for.
    public var kind = SearchGlobRequest.Kind.file
    /// The order of the answer.
    public var order = SearchGlobRequest.Order.none
    /// Whether the patterns' letters match upper and lower case.
    public var ignoresCase = false
    /// Whether hidden files are found.
    public var includesHidden = false
    /// Whether ignore files count for nothing.
    public var includesIgnored = false
    /// Whether the files' attributes come with them.
    public var wantsAttributes = false
    /// The most paths.
    public var limit: Int?

    /// Every file that is neither hidden nor ignored.
    public init() {}
}

extension Workspace {
    /// Searches files there for a regular expression, as ripgrep does. What is found comes as it is found.
    /// - Throws: `PortalError` with the code `invalid` for a pattern, a glob or a file type that is none, which it names: for the first two, the sequence
    ///   throws it.
    public func grep(_ pattern: String, _ options: GrepOptions = GrepOptions()) async throws(PortalError) -> SearchResults<
        SearchMatch, SearchGrepResult
    > {
        var typeGlobs: [[UInt8]]?
        for type in options.types {
            guard let globs = FileTypes.globs(of: type) else {
                throw PortalError(.invalid, "there is no file type \(type); FileTypes.names has those that there are, as `rg --type-list`")
            }
            typeGlobs = (typeGlobs ?? []) + globs.map { Array($0.utf8) }
        }
        let scope = SearchScope(
            paths: options.paths.map(\.bytes), directory: directory, globs: options.globs.map { Array($0.utf8) },
            hidden: options.includesHidden, noIgnore: options.includesIgnored)
        let request = SearchGrepRequest(
            pattern: Array(pattern.utf8), scope: scope, typeGlobs: typeGlobs, fixed: options.isFixed, ignoreCase: options.ignoresCase,
            word: options.matchesWords, line: options.matchesLines, invert: options.isInverted, before: UInt64(max(0, options.before)),
            after: UInt64(max(0, options.after)), mode: options.mode, order: options.order,
            maximumCount: options.maximumCount.map { UInt64(max(0, $0)) }, limit: options.limit.map { UInt64(max(0, $0)) },
            maximumColumns: options.maximumColumns.map { UInt64(max(0, $0)) })
        let exchange = try await connection.start(SearchGrepRequest.operation) { request.write(to: &$0) }
        return SearchResults(lease: ExchangeLease(exchange), element: { SearchMatch($0) }, summary: { SearchGrepResult($0) })
    }

    /// Finds paths there by globs: `**/*.swift`, `src/*.{c,h}`, `!*.min.js`.
    /// - Throws: `PortalError`; for a glob that is none the sequence throws it.
    public func glob(
        _ patterns: String..., options: GlobOptions = GlobOptions()
    ) async throws(PortalError) -> SearchResults<SearchPath, SearchGlobResult> {
        let scope = SearchScope(
            paths: options.paths.map(\.bytes), directory: directory, hidden: options.includesHidden, noIgnore: options.includesIgnored)
        let request = SearchGlobRequest(
            patterns: patterns.map { Array($0.utf8) }, scope: scope, kind: options.kind, order: options.order,
            ignoreCase: options.ignoresCase, attributes: options.wantsAttributes, limit: options.limit.map { UInt64(max(0, $0)) })
        let exchange = try await connection.start(SearchGlobRequest.operation) { request.write(to: &$0) }
        return SearchResults(lease: ExchangeLease(exchange), element: { SearchPath($0) }, summary: { SearchGlobResult($0) })
    }

    /// The entries of a tree with their attributes, as they come: each directory before what is in it, their names relative to the path.
    /// - Parameters:
    ///   - depth: 1 for the directory's own entries, 2 for those of its directories too, and so on; 0 for all.
    ///   - limit: The most entries.
    ///   - ignore: Whether what ignore files name is left out.
    ///   - exclude: Globs, as in a `.gitignore` in the directory, of what is left out.
    public func listTree(
        _ path: RemotePath = ".", depth: Int = 0, limit: Int? = nil, ignore: Bool = false, exclude: [String] = []
    ) async throws(PortalError) -> SearchResults<DirectoryEntry, FileListResult> {
        let request = FileListRequest(
            path: path.bytes, directory: directory, limit: limit.map { UInt64(max(0, $0)) }, depth: UInt64(max(0, depth)), ignore: ignore,
            exclude: exclude.map { Array($0.utf8) })
        let exchange = try await connection.start(FileListRequest.operation) { request.write(to: &$0) }
        return SearchResults(lease: ExchangeLease(exchange), element: { DirectoryEntry($0) }, summary: { FileListResult($0) })
    }
}

/// What a search found, as it comes. When the task that takes it is cancelled, or nobody holds it any more, the search ends there, too.
/// Only one iterator may be in use.
public struct SearchResults<Element: Sendable, Summary: Sendable>: AsyncSequence, Sendable {
    let lease: ExchangeLease
    let element: @Sendable (JSONValue) -> Element?
    let summary: @Sendable (JSONValue) -> Summary?

    /// Takes the results one after another.
    public struct Iterator: AsyncIteratorProtocol {
        let results: SearchResults
        private var pending: [UInt8] = []
        private var position = 0

        init(results: SearchResults) { self.results = results }

        /// The next result.
        /// - Throws: `PortalError`.
        public mutating func next() async throws -> Element? {
            while true {
                if let end = pending[position...].firstIndex(of: 0x0A) {
                    let line = Array(pending[position..<end])
                    position = end + 1
                    guard let value = try? JSONParser.parse(line), let element = results.element(value) else {
                        throw PortalError(.internal, "a line of the answer of \(results.lease.exchange.operation) is none")
                    }
                    return element
                }
                pending.removeFirst(position)
                position = 0
                guard let chunk = await results.lease.exchange.next() else {
                    _ = try await results.lease.end()
                    return nil
                }
                pending += chunk.bytes
            }
        }
    }

    /// An iterator.
    public func makeAsyncIterator() -> Iterator { Iterator(results: self) }

    /// What the host says at the end: counts, whether the limit left something out, what could not be searched. Results that were not taken
    /// are dropped.
    /// - Throws: `PortalError`.
    public func end() async throws(PortalError) -> Summary {
        let value = try await lease.end()
        guard let summary = summary(value) else {
            throw PortalError(.internal, "the answer of \(lease.exchange.operation) lacks something")
        }
        return summary
    }

    /// Gives the search up.
    public func cancel() { lease.exchange.cancel() }
}
