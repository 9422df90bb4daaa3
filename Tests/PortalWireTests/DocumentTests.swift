import PortalWire
import Testing

/// Docs/protocol.md says what the code does: each of its tables against the code's, in both directions.
@Suite struct DocumentTests {
    let document: ProtocolDocument

    init() throws { document = try ProtocolDocument() }

    @Test func version() {
        #expect(document.text.hasPrefix("# The portal protocol, version \(ProtocolVersion.maximum)\n"))
    }

    @Test func limits() throws {
        let values = [
            "headerLength": Limits.headerLength, "payloadLength": Limits.payloadLength,
            "preferredPayloadLength": Limits.preferredPayloadLength, "depth": Limits.depth,
            "values": Limits.values, "initialCredit": Limits.initialCredit, "maximumCredit": Limits.maximumCredit,
            "replayBytes": Limits.replayBytes,
            "acknowledgementBytes": Limits.acknowledgementBytes, "acknowledgementFrames": Limits.acknowledgementFrames,
            "openRequests": Limits.openRequests, "claimSeconds": Limits.claimSeconds,
            "pathLength": Limits.pathLength,
        ]
        let declared = try matches(
            #"static let (\w+) = "#,
            in: ProtocolDocument.source("Sources/PortalWire/Limits.swift").components(before: "enum ProtocolVersion"))
        #expect(Set(declared) == Set(values.keys), "a limit that this test does not know")
        let rows = ProtocolDocument.table("name", in: document.section("## 4. Limits"))
        #expect(rows.count == values.count)
        for row in rows {
            let name = try #require(ProtocolDocument.quoted(row[0]).first)
            #expect(values[name].map(String.init) == row[1], "\(name)")
        }
    }

    @Test func messages() throws {
        let rows = ProtocolDocument.table("type", in: document.section("## 6. Messages"))
        let documented = try rows.map { try #require(ProtocolDocument.quoted($0[0]).first) }
        let read = try matches(#"type\.equals\("(\w+)"\)"#, in: ProtocolDocument.source("Sources/PortalWire/Messages/MessageReading.swift"))
        #expect(Set(documented) == Set(read))
        #expect(documented.count == Set(documented).count)
        var sampled: Set<String> = []
        for sample in messageSamples {
            guard case .object(let members) = try parse(sample.header), let type = members[0].value.string else { continue }
            let name = String(decoding: type, as: UTF8.self)
            sampled.insert(name)
            let row = try #require(rows.first { $0[0] == "`\(name)`" })
            #expect(row[2] == (sample.message.isSequenced ? "yes" : "no"), "\(name)")
            if name == "hello" || name == "request" { continue }
            for member in members.dropFirst() { #expect(row[3].contains("`\(String(decoding: member.name, as: UTF8.self))`"), "\(name)") }
        }
        #expect(sampled == Set(documented))
    }

    @Test func helloMembers() throws {
        let section = document.section("## 7. Hello and versions")
        let documented = Set(ProtocolDocument.table("member", in: section).flatMap { ProtocolDocument.quoted($0[0]) })
        let source = try ProtocolDocument.source("Sources/PortalWire/Messages/Hello.swift")
        let parts = source.split(separator: "extension HostFacts")
        #expect(Set(try matches(#"value(?:\[|\.\w+\()"(\w+)""#, in: String(parts[0]))) == documented)
        let facts = try matches(#"value(?:\[|\.\w+\()"(\w+)""#, in: String(parts[1]))
        #expect(facts.count == 9)
        for fact in facts { #expect(section.contains("`\(fact)`"), "\(fact)") }
    }

    @Test func streams() {
        let rows = ProtocolDocument.table("stream", in: document.section("## 9. Streams and credit"))
        let written = [StreamName.content, .stdin, .stdout, .stderr].map { stream in
            (try? parse(Message.data(id: 0, stream: stream, end: false).frame().headerText))?["stream"]?.string.map {
                "`\(String(decoding: $0, as: UTF8.self))`"
            }
        }
        #expect(Set(rows.map { $0[0] }) == Set(written.compactMap { $0 }))
    }

    @Test func errorCodes() {
        let rows = ProtocolDocument.table("code", in: document.section("## 14. Errors"))
        #expect(rows.map { $0[0] }.sorted() == ErrorCode.allCases.map { "`\($0.name)`" }.sorted())
    }

    @Test func rules() throws {
        let rows = ProtocolDocument.table("rule", in: document.section("## 13. The end of a link"))
        let inCode = try matches(#"case \.\w+: "([^"]+)""#, in: ProtocolDocument.source("Sources/PortalWire/WireError.swift"))
        #expect(rows.map { $0[0] }.sorted() == inCode.map { "`\($0)`" }.sorted())
        #expect(rows.contains { $0[0] == "`\(WireError.version.rule)`" })
    }

    @Test func operations() {
        let onHost = ["## 16. Operations on files", "## 17. Operations on processes", "## 18. Operations on the session"]
            .flatMap { document.headings(level: 3, in: document.section($0)) }
        #expect(onHost.sorted() == OperationNames.executor.map { "`\($0)`" }.sorted())
        let ofProxy = document.headings(level: 3, in: document.section("## 19. Operations of the proxy"))
        #expect(ofProxy.sorted() == OperationNames.proxy.map { "`\($0)`" }.sorted())
    }

    /// Every parameter that is written, and every member of a result, is named in its operation's section; and every row of a section's tables is read.
    @Test func parametersAndResults() throws {
        let x: [UInt8] = [0x78]
        var end = ProcessEnd(code: 1, signal: 1, timedOut: true, wallMilliseconds: 1, processorMilliseconds: 1, left: 1)
        end.dropped = 1
        end.droppedErrors = 1
        end.executorWasLost = true
        let status = FileStatus(
            kind: .file, size: 1, mode: 1, userIdentifier: 1, groupIdentifier: 1, device: 1, inode: 1, links: 1, modified: 1, changed: 1,
            target: x)
        // Those have a table of their own, which is compared below.
        guard case .object(let members) = try object({ status.write(to: &$0) }) else { return }
        let attributes = Set(members.map { String(decoding: $0.name, as: UTF8.self) })
        let parameters: [(Literal, JSONValue)] = [
            (FileStatRequest.operation, try object { FileStatRequest(path: x, directory: x, follow: false).write(to: &$0) }),
            (
                FileListRequest.operation,
                try object {
                    FileListRequest(path: x, directory: x, limit: 1, depth: 0, ignore: true, exclude: [x]).write(to: &$0)
                    FileListResult(count: 1, truncated: true).write(to: &$0)
                }
            ),
            (
                SearchGrepRequest.operation,
                try object { writer in
                    SearchGrepRequest(
                        pattern: x, scope: searchScope(x), typeGlobs: [x], fixed: true, ignoreCase: true, word: true, line: true,
                        invert: true, before: 1, after: 1, mode: .files, order: .path, maximumCount: 1, limit: 1, maximumColumns: 1
                    ).write(to: &writer)
                    SearchScope(paths: [x]).write(to: &writer)
                    SearchMatch(path: x, line: 1, text: x, length: 1, isContext: true, count: 1, isBinary: true).write(to: &writer)
                    SearchGrepResult(files: 1, matchedFiles: 1, matches: 1, binary: 1, truncated: true, errorCount: 1, errors: [])
                        .write(to: &writer)
                }
            ),
            (
                SearchGlobRequest.operation,
                try object { writer in
                    SearchGlobRequest(
                        patterns: [x], scope: searchScope(x), kind: .any, order: .name, ignoreCase: true, attributes: true, limit: 1
                    ).write(to: &writer)
                    SearchGlobRequest(patterns: [x, x], scope: SearchScope(paths: [x])).write(to: &writer)
                    SearchGlobResult(count: 1, truncated: true, errorCount: 1, errors: []).write(to: &writer)
                }
            ),
            (
                FileReadRequest.operation,
                try object {
                    FileReadRequest(
                        path: x, directory: x, offset: 1, length: 1, firstLine: 1, lines: 1, hash: true, ifNoneMatch: x
                    ).write(to: &$0)
                    FileReadResult(
                        bytes: 1, status: status, binary: true, unchanged: true, sha256: x,
                        lines: FileReadResult.Lines(first: 1, count: 1, total: 1, fileSHA256: x)
                    ).write(to: &$0)
                }
            ),
            (
                FileWriteRequest.operation,
                try object {
                    var write = FileWriteRequest(
                        path: x, directory: x, mode: 1, ifMatch: x, createOnly: true, parents: true, sync: true, sha256: x,
                        hardLinks: .keep)
                    write.part = x
                    write.offset = 1
                    write.write(to: &$0)
                    FileWriteResult(size: 1, sha256: x, created: true, lost: [x]).write(to: &$0)
                }
            ),
            (
                FileEditRequest.operation,
                try object {
                    FileEditRequest(path: x, directory: x, ifMatch: x, sync: true, hardLinks: .replace).write(to: &$0)
                    FileEditResult(size: 1, sha256: x, replaced: 1, firstLine: 1, lost: [x]).write(to: &$0)
                }
            ),
            (
                FileCopyRequest.operation,
                try object {
                    FileCopyRequest(from: x, to: x, directory: x, recursive: true, replace: true, preserve: false).write(to: &$0)
                    FileCopyResult(files: 1, directories: 1, bytes: 1, cloned: 1).write(to: &$0)
                }
            ),
            (FileLinkRequest.operation, try object { FileLinkRequest(target: x, path: x, directory: x, symbolic: true).write(to: &$0) }),
            (FilePathRequest.readLink, try object { FilePathRequest(path: x, directory: x).write(to: &$0) }),
            (FilePathRequest.realPath, try object { FilePathRequest(path: x, directory: x).write(to: &$0) }),
            (FileModeRequest.operation, try object { FileModeRequest(path: x, directory: x, mode: 1, follow: false).write(to: &$0) }),
            (
                FileTimesRequest.operation,
                try object { FileTimesRequest(path: x, directory: x, modified: 1, accessed: 1, follow: false).write(to: &$0) }
            ), (FileRemoveRequest.operation, try object { FileRemoveRequest(path: x, directory: x, recursive: true).write(to: &$0) }),
            (
                FileMakeDirectoryRequest.operation,
                try object { FileMakeDirectoryRequest(path: x, directory: x, parents: true, mode: 1).write(to: &$0) }
            ),
            (FileRenameRequest.operation, try object { FileRenameRequest(from: x, to: x, directory: x, replace: false).write(to: &$0) }),
            (
                ProcessStartRequest.operation,
                try object {
                    ProcessStartRequest(
                        command: .arguments([x]), directory: x, environment: [(x, x)], input: .requests, process: x, timeoutMilliseconds: 1,
                        merge: true
                    ).write(to: &$0)
                    var other = ProcessStartRequest(command: .shell(x))
                    other.terminal = ProcessTerminal(rows: 1, columns: 1, term: x)
                    other.background = true
                    other.outputLimit = 1
                    other.login = false
                    other.shellProgram = x
                    other.announce = true
                    other.sandbox = ProcessSandbox()
                    other.sandbox?.network = true
                    other.write(to: &$0)
                    other.sandbox?.write(to: &$0)
                    other.terminal?.write(to: &$0)
                    ProcessStarted(process: x, identifier: 1).write(to: &$0)
                    end.write(to: &$0)
                }
            ),
            (
                ProcessOutputRequest.operation,
                try object {
                    ProcessOutputRequest(process: x, from: 1, follow: true, limit: 1, tail: 1).write(to: &$0)
                    ProcessOutputResult(from: 1, next: 1, lost: 1, running: true, end: end).write(to: &$0)
                }
            ), (ProcessResizeRequest.operation, try object { ProcessResizeRequest(process: x, rows: 1, columns: 1).write(to: &$0) }),
            (
                ProcessListRequest.operation,
                try JSONParser.parse(
                    ProcessListing(
                        process: x, identifier: 1, command: x, directory: x, startedMilliseconds: 1, running: true, hasTerminal: true,
                        background: true, output: 1
                    ).line())
            ), (ProcessWriteRequest.operation, try object { ProcessWriteRequest(process: x, end: true).write(to: &$0) }),
            (ProcessSignalRequest.operation, try object { ProcessSignalRequest(process: x, signal: 1, tree: true).write(to: &$0) }),
            (ProcessWaitRequest.operation, try object { ProcessWaitRequest(process: x, timeoutMilliseconds: 1).write(to: &$0) }),
            (
                WatchStartRequest.operation,
                try object {
                    WatchStartRequest(path: x, directory: x, recursive: false, ignore: true, exclude: [x], settleMilliseconds: 1)
                        .write(to: &$0)
                    for name in ["ready", "directories", "changes", "kind", "rescan", "budget"] as [Literal] {
                        $0.member(name, signed: 1)
                    }
                }
            ),
            (
                BatchRequest.operation,
                try object {
                    BatchRequest(items: [], stopsOnError: true).write(to: &$0)
                    BatchResult(run: 1, failed: 1).write(to: &$0)
                    for name in ["item", "stream", "data", "ok", "error"] as [Literal] { $0.member(name, signed: 1) }
                }
            ),
        ]
        for (operation, value) in parameters {
            let section = document.section("### `\(operation)`")
            guard case .object(let members) = value else { continue }
            let names = members.map { String(decoding: $0.name, as: UTF8.self) }
            for name in names where !attributes.contains(name) { #expect(section.contains("`\(name)`"), "\(operation): \(name)") }
            let rows = ["parameter", "member", "result"].flatMap { ProtocolDocument.table($0, in: section) }
            for row in rows {
                for name in ProtocolDocument.quoted(row[0]) { #expect(names.contains(name), "\(operation): \(name) is not in the code") }
            }
        }
        try compare(try object { status.write(to: &$0) }, "## 16. Operations on files")
        for kind in FileKind.allCases { #expect(document.section("## 16. Operations on files").contains("`\(kind.name)`")) }
        let facts = HostFacts(system: x, machine: x, release: x, name: x, user: x, userIdentifier: 1, home: x, directory: x, boot: x)
        let proxy = ProxyStatus(
            build: x, process: 1, target: x, state: .idle, seconds: 1, roundTripMicroseconds: 1, clients: 1, requests: 1, error: x,
            host: facts, loginEnd: .withLogin)
        try compare(try object { proxy.write(to: &$0) }, "### `proxy.status`")
        for state in ProxyStatus.State.allCases { #expect(document.section("### `proxy.status`").contains("`\(state.name)`")) }
        for end in ProxyStatus.LoginEnd.allCases { #expect(document.section("### `proxy.status`").contains("`\(end.name)`")) }
        let error = try parse(
            text(
                try object {
                    $0.name("error");
                    OperationError(.exists, x, errno: 1, path: x, details: [JSONMember(name: x, value: .null)]).write(to: &$0)
                }))
        try compare(error["error"] ?? .null, "## 14. Errors")
    }

    private func searchScope(_ x: [UInt8]) -> SearchScope {
        SearchScope(paths: [x, x], directory: x, globs: [x], hidden: true, noIgnore: true, noRequireGit: true)
    }

    /// A value's members are the first column of a section's first table of members.
    private func compare(_ value: JSONValue, _ heading: String) throws {
        guard case .object(let members) = value else {
            Issue.record("\(heading): not an object")
            return
        }
        let section = document.section(heading).components(before: "\n### `fs.stat`")
        let documented = ProtocolDocument.table("member", in: section).flatMap { ProtocolDocument.quoted($0[0]) }
        #expect(Set(documented) == Set(members.map { String(decoding: $0.name, as: UTF8.self) }), "\(heading)")
    }

    @Test func examples() throws {
        let lines = document.blocks("json").flatMap { $0.split(separator: "\n") }
        #expect(lines.count > 30)
        for line in lines {
            let example = String(line)
            let message = try Message(Frame(example))
            if case .unknown = message { Issue.record("an unknown type: \(example)") }
            if case .failure(_, let error) = message { #expect(example.contains("\"code\":\"\(error.code.name)\""), "\(example)") }
            guard case .request(let request) = message else { continue }
            #expect((OperationNames.executor + OperationNames.proxy).contains { request.operation.equals($0) }, "\(example)")
            // Parameters that the code would not write are mistyped ones.
            var written: JSONValue?
            let value = request.parameters
            if request.operation.equals(FileStatRequest.operation) {
                written = try object { [r = try FileStatRequest(value)] in r.write(to: &$0) }
            }
            if request.operation.equals(FileListRequest.operation) {
                written = try object { [r = try FileListRequest(value)] in r.write(to: &$0) }
            }
            if request.operation.equals(SearchGrepRequest.operation) {
                written = try object { [r = try SearchGrepRequest(value)] in r.write(to: &$0) }
            }
            if request.operation.equals(SearchGlobRequest.operation) {
                written = try object { [r = try SearchGlobRequest(value)] in r.write(to: &$0) }
            }
            if request.operation.equals(FileReadRequest.operation) {
                written = try object { [r = try FileReadRequest(value)] in r.write(to: &$0) }
            }
            if request.operation.equals(FileWriteRequest.operation) {
                written = try object { [r = try FileWriteRequest(value)] in r.write(to: &$0) }
            }
            if request.operation.equals(FileEditRequest.operation) {
                written = try object { [r = try FileEditRequest(value)] in r.write(to: &$0) }
            }
            if request.operation.equals(FileCopyRequest.operation) {
                written = try object { [r = try FileCopyRequest(value)] in r.write(to: &$0) }
            }
            if request.operation.equals(FileLinkRequest.operation) {
                written = try object { [r = try FileLinkRequest(value)] in r.write(to: &$0) }
            }
            if request.operation.equals(FilePathRequest.readLink) || request.operation.equals(FilePathRequest.realPath) {
                written = try object { [r = try FilePathRequest(value)] in r.write(to: &$0) }
            }
            if request.operation.equals(FileModeRequest.operation) {
                written = try object { [r = try FileModeRequest(value)] in r.write(to: &$0) }
            }
            if request.operation.equals(FileTimesRequest.operation) {
                written = try object { [r = try FileTimesRequest(value)] in r.write(to: &$0) }
            }
            if request.operation.equals(FileRemoveRequest.operation) {
                written = try object { [r = try FileRemoveRequest(value)] in r.write(to: &$0) }
            }
            if request.operation.equals(FileMakeDirectoryRequest.operation) {
                written = try object { [r = try FileMakeDirectoryRequest(value)] in r.write(to: &$0) }
            }
            if request.operation.equals(FileRenameRequest.operation) {
                written = try object { [r = try FileRenameRequest(value)] in r.write(to: &$0) }
            }
            if request.operation.equals(ProcessStartRequest.operation) {
                written = try object { [r = try ProcessStartRequest(value)] in r.write(to: &$0) }
            }
            if request.operation.equals(ProcessWriteRequest.operation) {
                written = try object { [r = try ProcessWriteRequest(value)] in r.write(to: &$0) }
            }
            if request.operation.equals(ProcessSignalRequest.operation) {
                written = try object { [r = try ProcessSignalRequest(value)] in r.write(to: &$0) }
            }
            if request.operation.equals(ProcessWaitRequest.operation) {
                written = try object { [r = try ProcessWaitRequest(value)] in r.write(to: &$0) }
            }
            if request.operation.equals(ProcessResizeRequest.operation) {
                written = try object { [r = try ProcessResizeRequest(value)] in r.write(to: &$0) }
            }
            if request.operation.equals(ProcessOutputRequest.operation) {
                written = try object { [r = try ProcessOutputRequest(value)] in r.write(to: &$0) }
            }
            if request.operation.equals(WatchStartRequest.operation) {
                written = try object { [r = try WatchStartRequest(value)] in r.write(to: &$0) }
            }
            if request.operation.equals(BatchRequest.operation) {
                written = try object { [r = try BatchRequest(value)] in r.write(to: &$0) }
            }
            guard let written, case .object(let members) = value else { continue }
            let own = members.filter { member in !["type", "id", "op", "more"].contains { member.name == bytes($0) } }
            #expect(text(written) == text(.object(own)), "\(example)")
        }
    }

    @Test func frameExample() throws {
        let digits = try #require(document.blocks("frame").first).split(whereSeparator: \.isWhitespace)
        var decoder = FrameDecoder()
        decoder.receive(digits.compactMap { UInt8($0, radix: 16) })
        let frame = try #require(try decoder.next())
        #expect(decoder.bufferedBytes == 0)
        #expect(document.blocks("json").first == frame.headerText)
        #expect(document.text.contains("below, \(frame.bytes.count) bytes (`L` is \(frame.bytes.count - 4), `H` is \(frame.headerLength))"))
    }
}

extension String {
    /// What stands before the first occurrence of a text; everything where there is none.
    func components(before separator: String) -> String { split(separator: separator, maxSplits: 1).first.map(String.init) ?? self }
}
