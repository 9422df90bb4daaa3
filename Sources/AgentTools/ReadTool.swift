import Portal
import PortalWire

/// Read: a file as a model sees it.
struct ReadTool: Sendable {
    /// Lines that are shown without a limit of the model's own.
    static let mostLines = 2000
    /// Characters of a line that are shown.
    static let longestLine = 2000
    /// Bytes of a text that are shown, and where the model asked for a large one.
    static let mostBytes = 256 * 1024
    static let mostLargeBytes = 2 * 1024 * 1024
    /// Bytes of a picture, which in base64 are the 5 MB that models take.
    static let mostImageBytes = 3_932_160
    static let mostNotebookBytes = 8 * 1024 * 1024

    let place: ToolHost.Place
    let host: ToolHost

    func run(_ arguments: ToolArguments, _ path: [UInt8]) async throws -> ToolResult {
        let suffix = HostPath.suffix(path)
        do {
            if ImageType.suffixes.contains(suffix), let image = try await image(path) { return image }
            if suffix == "ipynb", let notebook = try await notebook(path) { return notebook }
            return try await text(path, arguments)
        } catch let error as PortalError {
            switch error.code {
            case .notFound:
                throw ToolError(
                    "File does not exist. Note: your current working directory is \(HostPath.text(host.shellDirectory ?? place.root)).")
            case .isADirectory:
                throw ToolError("EISDIR: illegal operation on a directory, read '\(HostPath.text(path))'. List shows what is in it.")
            default: throw error
            }
        }
    }

    // MARK: Text

    private func text(_ path: [UInt8], _ arguments: ToolArguments) async throws -> ToolResult {
        let first = max(1, arguments.integer("offset") ?? 1)
        let limit = arguments.integer("limit")
        let most = arguments.flag("allow_large") ?? false ? ReadTool.mostLargeBytes : ReadTool.mostBytes
        let reader = try await place.workspace.read(
            FileReadRequest(path: path, firstLine: UInt64(first), lines: UInt64(limit ?? ReadTool.mostLines), hash: true))
        var content: [UInt8] = []
        while let piece = await reader.next() {
            content += piece
            // What is no text shows that at its beginning; the rest need not come.
            let isBinary = content.prefix(8192).contains(0)
            guard isBinary || content.count > most else { continue }
            reader.cancel()
            if Task.isCancelled { throw CancellationError() }
            throw isBinary ? try await binary(path, content) : try await tooLarge(path, most, limit)
        }
        let result = try await reader.end()
        guard let lines = result.lines else { throw ToolError("The host did not say which lines it has sent.") }
        if result.binary { throw try await binary(path, content) }
        if let hash = lines.fileSHA256 { host.see(path, hash) }
        if lines.total == 0 {
            return ToolResult("<system-reminder>Warning: the file exists but the contents are empty.</system-reminder>")
        }
        if lines.count == 0, UInt64(first) > lines.total + 1 {
            return ToolResult(
                "<system-reminder>Warning: the file exists but is shorter than the provided offset (\(first)). The file has \(lines.total) lines."
                    + "</system-reminder>")
        }
        let reachesEnd = UInt64(first) + lines.count > lines.total
        let isFull = lines.count >= UInt64(limit ?? ReadTool.mostLines)
        var shown = ReadTool.numbered(content, first: first, endsWithEmptyLine: reachesEnd && !isFull)
        if limit == nil, !reachesEnd {
            let last = UInt64(first) + lines.count - 1
            shown += Array("\n\n(These are lines \(first) to \(last) of \(lines.total); offset \(last + 1) reads on.)".utf8)
        }
        return ToolResult([.text(shown)])
    }

    /// Lines with their numbers, each followed by a tab. A line feed at the end of the file begins one more line, which is empty.
    static func numbered(_ content: [UInt8], first: Int, endsWithEmptyLine: Bool) -> [UInt8] {
        var shown: [UInt8] = []
        shown.reserveCapacity(content.count + content.count / 8)
        var number = first
        var start = first == 1 && content.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
        while start < content.count {
            let feed = content[start...].firstIndex(of: 0x0A)
            var end = feed ?? content.count
            if feed != nil, end > start, content[end - 1] == 0x0D { end -= 1 }
            if number > first { shown.append(0x0A) }
            shown += Array("\(number)\t".utf8)
            addLine(content[start..<end], to: &shown)
            number += 1
            start = (feed ?? content.count) + 1
        }
        if endsWithEmptyLine, content.isEmpty || content.last == 0x0A { shown += Array("\(number > first ? "\n" : "")\(number)\t".utf8) }
        return shown
    }

    private static func addLine(_ line: ArraySlice<UInt8>, to shown: inout [UInt8]) {
        guard line.count > longestLine else {
            shown += line
            return
        }
        var left = longestLine
        for index in line.indices where line[index] & 0xC0 != 0x80 {
            if left == 0 {
                shown += line[..<index]
                shown += Array("... [truncated]".utf8)
                return
            }
            left -= 1
        }
        shown += line
    }

    private func tooLarge(_ path: [UInt8], _ most: Int, _ limit: Int?) async throws -> ToolError {
        let size = try await place.workspace.status(of: RemotePath(bytes: path)).size
        return ToolError(
            "File content (\(ReadTool.kilobytes(size))KB) exceeds maximum allowed size (\(most / 1024)KB). Use \(limit == nil ? "" : "a smaller ")offset and "
                + "limit parameters to read specific portions of the file, or search for specific content instead of reading the whole file."
        )
    }

    private func binary(_ path: [UInt8], _ content: [UInt8]) async throws -> ToolError {
        let size = try await place.workspace.status(of: RemotePath(bytes: path)).size
        return ToolError(
            "This tool cannot read binary files. \(HostPath.text(path)) is \(FileSignature.name(of: content)) of \(size) bytes. Use Bash with a program "
                + "for such files.")
    }

    private static func kilobytes(_ bytes: UInt64) -> String {
        let tenths = (bytes * 10 + 512) / 1024
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths / 10).\(tenths % 10)"
    }

    // MARK: Pictures and notebooks

    /// A whole file of at most so many bytes, with its hash.
    private func whole(_ path: [UInt8], most: Int, _ kind: String) async throws -> [UInt8] {
        let reader = try await place.workspace.read(FileReadRequest(path: path, length: UInt64(most) + 1, hash: true))
        var content: [UInt8] = []
        while let piece = await reader.next() { content += piece }
        let result = try await reader.end()
        guard content.count <= most else {
            throw ToolError(
                "\(HostPath.text(path)) is \(kind) of \(result.status.size) bytes, and at most \(most) can be shown. Make a smaller one with Bash first."
            )
        }
        if let hash = result.sha256 { host.see(path, hash) }
        return content
    }

    /// Nil where the file is no picture in spite of its name.
    private func image(_ path: [UInt8]) async throws -> ToolResult? {
        let content = try await whole(path, most: ReadTool.mostImageBytes, "a picture")
        guard let type = ImageType.mediaType(of: content) else { return nil }
        return ToolResult([.image(content, type: type)])
    }

    /// Nil where the file is no notebook in spite of its name.
    private func notebook(_ path: [UInt8]) async throws -> ToolResult? {
        Notebook.shown(try await whole(path, most: ReadTool.mostNotebookBytes, "a notebook"), most: ReadTool.mostBytes)
    }
}

/// The pictures that models take.
enum ImageType {
    static let suffixes: Set<String> = ["png", "jpg", "jpeg", "gif", "webp"]

    /// What the content is; nil for what is none of them.
    static func mediaType(of content: [UInt8]) -> String? {
        if content.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return "image/png" }
        if content.starts(with: [0xFF, 0xD8, 0xFF]) { return "image/jpeg" }
        if content.starts(with: Array("GIF87a".utf8)) || content.starts(with: Array("GIF89a".utf8)) { return "image/gif" }
        if content.count >= 12, content.starts(with: Array("RIFF".utf8)), content[8..<12].elementsEqual("WEBP".utf8) { return "image/webp" }
        return nil
    }
}

/// What kinds of files begin with.
enum FileSignature {
    private static let known: [(start: [UInt8], name: String)] = [
        ([0x7F, 0x45, 0x4C, 0x46], "an ELF program or library"), ([0x1F, 0x8B], "a gzip file"),
        ([0x50, 0x4B, 0x03, 0x04], "a zip archive"),
        ([0x25, 0x50, 0x44, 0x46], "a PDF document"), (Array("SQLite format 3".utf8), "an SQLite database"),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A], "an xz file"), ([0x28, 0xB5, 0x2F, 0xFD], "a zstd file"), ([0x42, 0x5A, 0x68], "a bzip2 file"),
        ([0x00, 0x61, 0x73, 0x6D], "a WebAssembly module"), ([0xCA, 0xFE, 0xBA, 0xBE], "a Java class or a universal program"),
        ([0xFF, 0xFE], "a UTF-16 text"), ([0xFE, 0xFF], "a UTF-16 text"),
    ]

    /// What a binary file seems to be.
    static func name(of content: [UInt8]) -> String {
        if let type = ImageType.mediaType(of: content) { return "a picture (\(type))" }
        return known.first { content.starts(with: $0.start) }?.name ?? "a binary file"
    }
}
