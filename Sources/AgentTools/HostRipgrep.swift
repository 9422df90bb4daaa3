import Portal
import PortalWire

/// What portal's own search does not do, with the ripgrep of the host, where it has one: matches over several lines, and only the parts that match.
struct HostRipgrep: Sendable {
    let place: ToolHost.Place
    let path: [UInt8]?
    let leftOut: [String]

    func run(_ arguments: ToolArguments) async throws -> ToolResult {
        let mode = arguments.text("output_mode") ?? "files_with_matches"
        var words = ["rg", "--no-config", "--hidden", "--no-follow", "--color=never", "--max-columns=500", "--sort=path"]
        for glob in leftOut + SearchTool.globs(arguments.text("glob")) { words += ["--glob", glob] }
        if let type = arguments.text("type") { words += ["--type", type] }
        if arguments.flag("-i") ?? false { words.append("-i") }
        if arguments.flag("multiline") ?? false { words += ["-U", "--multiline-dotall"] }
        switch mode {
        case "files_with_matches": words.append("-l")
        case "count": words += ["-c", "--with-filename"]
        default:
            words.append(arguments.flag("-n") ?? true ? "-n" : "-N")
            if arguments.flag("-o") ?? false { words.append("-o") }
            let around = arguments.integer("context") ?? arguments.integer("-C")
            if let before = around ?? arguments.integer("-B") { words += ["-B", "\(before)"] }
            if let after = around ?? arguments.integer("-A") { words += ["-A", "\(after)"] }
        }
        var command = ProcessStartRequest(
            command: .arguments(
                words.map { Array($0.utf8) } + [
                    Array("-e".utf8), try arguments.required("pattern"), Array("--".utf8), path ?? [UInt8(ascii: ".")],
                ]),
            directory: place.root, timeoutMilliseconds: UInt64(BashTool.defaultMilliseconds))
        command.outputLimit = 2 * 1024 * 1024
        let (lines, isCut) = try await answer(of: command)
        let window = SearchTool.Window(arguments, defaultLimit: 250)
        let (part, isTruncated) = window.part(lines)
        guard !part.isEmpty else { return ToolResult(mode == "files_with_matches" ? "No files found" : "No matches found") }
        let note = window.note(isTruncated: isTruncated)
        let text = part.map { $0.hasPrefix("./") ? String($0.dropFirst(2)) : $0 }.joined(separator: "\n")
        let more = isCut ? "\n(the answer was too long, and is cut)" : ""
        guard mode == "files_with_matches" else {
            return ToolResult(text + (note.map { "\n\n[Showing results with pagination = \($0)]" } ?? "") + more)
        }
        return ToolResult("Found \(part.count) \(part.count == 1 ? "file" : "files")\(note.map { " \($0)" } ?? "")\n\(text)" + more)
    }

    private func answer(of command: ProcessStartRequest) async throws -> (lines: [String], isCut: Bool) {
        do throws(PortalError) {
            let process = try await place.workspace.start(command)
            var output: [UInt8] = []
            var errors: [UInt8] = []
            for await piece in process.output {
                if piece.isError { errors += piece.bytes } else { output += piece.bytes }
            }
            let end = try await process.end()
            // 1 says that nothing matches.
            if end.shellStatus > 1, output.isEmpty {
                return try await failed(String(decoding: errors, as: UTF8.self))
            }
            return (output.split(separator: 0x0A).map { String(decoding: $0, as: UTF8.self) }, end.dropped > 0)
        } catch {
            guard error.code == .notFound, error.details.integer("status") != nil else { throw error }
            throw ToolError(
                "Grep: multiline and -o need ripgrep (rg) on the host, which has none. Search without them, or use a program of the host's with Bash, such "
                    + "as grep -o, or perl -0777.")
        }
    }

    private func failed(_ why: String) async throws(PortalError) -> (lines: [String], isCut: Bool) {
        throw PortalError(.invalid, "ripgrep on the host: \(why)")
    }
}
