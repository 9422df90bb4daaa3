import PortalWire
import Testing

/// Writes members as an object, and parses them.
func object(_ write: (inout JSONWriter) -> Void) throws -> JSONValue {
    var writer = JSONWriter()
    writer.beginObject()
    write(&writer)
    writer.endObject()
    return try JSONParser.parse(writer.bytes)
}

@Suite struct OperationTests {
    static let strange: [UInt8] = [0x2F, 0xFF, 0x0A, 0x22]
    static let status = FileStatus(
        kind: .symlink, size: 5, mode: 0o4755, userIdentifier: .max, groupIdentifier: 2, device: 3, inode: 4, links: 1, modified: -1,
        changed: .max, target: strange)

    @Test func fileRequests() throws {
        let path = OperationTests.strange
        let stat = try FileStatRequest(try object { FileStatRequest(path: path, directory: path, follow: false).write(to: &$0) })
        #expect(stat.path == path && stat.directory == path && !stat.follow)
        #expect(try FileStatRequest(parse(#"{"path":"x"}"#)).follow)
        let list = try FileListRequest(try object { FileListRequest(path: path, directory: nil, limit: 9).write(to: &$0) })
        #expect(list.path == path && list.directory == nil && list.limit == 9)
        let read = try FileReadRequest(try object { FileReadRequest(path: path, offset: 1 << 40, length: 0, hash: true).write(to: &$0) })
        #expect(read.path == path && read.offset == 1 << 40 && read.length == 0 && read.hash)
        let write = try FileWriteRequest(
            try object {
                FileWriteRequest(path: path, mode: 0o7777, ifMatch: [0x61], createOnly: true, parents: true, sync: true, sha256: [0x62])
                    .write(to: &$0)
            })
        #expect(
            write.mode == 0o7777 && write.ifMatch == [0x61] && write.createOnly && write.parents && write.sync && write.sha256 == [0x62])
        let remove = try FileRemoveRequest(try object { FileRemoveRequest(path: path, directory: path, recursive: true).write(to: &$0) })
        #expect(remove.path == path && remove.directory == path && remove.recursive)
        let make = try FileMakeDirectoryRequest(try object { FileMakeDirectoryRequest(path: path, parents: true, mode: 0).write(to: &$0) })
        #expect(make.path == path && make.parents && make.mode == 0)
        let rename = try FileRenameRequest(
            try object { FileRenameRequest(from: path, to: [0x61], directory: path, replace: false).write(to: &$0) })
        #expect(rename.from == path && rename.to == [0x61] && rename.directory == path && !rename.replace)
        #expect(try FileRenameRequest(parse(#"{"from":"a","to":"b"}"#)).replace)
    }

    @Test func fileRequestsByLinesAndConditions() throws {
        let path = OperationTests.strange
        let read = try FileReadRequest(
            try object { FileReadRequest(path: path, firstLine: 3, lines: 0, ifNoneMatch: [0x61]).write(to: &$0) })
        #expect(read.firstLine == 3 && read.lines == 0 && read.ifNoneMatch == [0x61] && read.offset == 0 && read.length == nil)
        var part = FileWriteRequest(path: path, sha256: [0x61])
        part.part = Array("aZ09".utf8)
        part.offset = 1 << 40
        let parted = try FileWriteRequest(try object { part.write(to: &$0) })
        #expect(parted.part == part.part && parted.offset == part.offset)
        for hardLinks in HardLinks.allCases {
            let write = try FileWriteRequest(try object { FileWriteRequest(path: path, hardLinks: hardLinks).write(to: &$0) })
            #expect(write.hardLinks == hardLinks)
            let edit = try FileEditRequest(
                try object {
                    FileEditRequest(path: path, directory: path, ifMatch: [0x61], sync: true, hardLinks: hardLinks).write(to: &$0)
                })
            #expect(
                edit.path == path && edit.directory == path && edit.ifMatch == [0x61] && edit.sync && edit.hardLinks == hardLinks)
        }
        let edits = [FileEdit(old: path, new: [], all: true), FileEdit(old: [0], new: [0x0D, 0x0A])]
        #expect(try FileEdit.list(FileEdit.data(edits)) == edits)
        for data in ["", "[]", "{}", #"{"edits":[]}"#, #"{"edits":[{"old":"a"}]}"#, #"{"edits":[{"old":"a","new":"b","all":1}]}"#] {
            #expect(throws: OperationError.self, "\(data)") { try FileEdit.list(Array(data.utf8)) }
        }
    }

    @Test func fileTreeAndAttributeRequests() throws {
        let path = OperationTests.strange
        let copy = try FileCopyRequest(
            try object {
                FileCopyRequest(from: path, to: [0x61], directory: path, recursive: true, replace: true, preserve: false).write(to: &$0)
            })
        #expect(copy.from == path && copy.to == [0x61] && copy.directory == path && copy.recursive && copy.replace && !copy.preserve)
        #expect(try FileCopyRequest(parse(#"{"from":"a","to":"b"}"#)).preserve)
        let link = try FileLinkRequest(
            try object { FileLinkRequest(target: path, path: [0x61], directory: path, symbolic: true).write(to: &$0) })
        #expect(link.target == path && link.path == [0x61] && link.directory == path && link.symbolic)
        let place = try FilePathRequest(try object { FilePathRequest(path: path, directory: path).write(to: &$0) })
        #expect(place.path == path && place.directory == path)
        let mode = try FileModeRequest(try object { FileModeRequest(path: path, mode: 0o7777, follow: false).write(to: &$0) })
        #expect(mode.path == path && mode.mode == 0o7777 && !mode.follow)
        let times = try FileTimesRequest(try object { FileTimesRequest(path: path, modified: -1, follow: false).write(to: &$0) })
        #expect(times.path == path && times.modified == -1 && times.accessed == nil && !times.follow)
        let result = FileCopyResult(files: 1, directories: 2, bytes: 3, cloned: 4)
        #expect(FileCopyResult(try object { result.write(to: &$0) }) == result)
        let edit = FileEditResult(size: 1, sha256: [0x61], replaced: 2, firstLine: 3, lost: [[0x62], [0xFF]])
        #expect(FileEditResult(try object { edit.write(to: &$0) }) == edit)
    }

    @Test func processRequests() throws {
        let name = OperationTests.strange
        let sent = ProcessStartRequest(
            command: .arguments([name, []]), directory: name, environment: [([0x61], name), ([0x62], nil), ([0x61], [])], input: .requests,
            process: name,
            timeoutMilliseconds: 0, merge: true)
        let start = try ProcessStartRequest(try object { sent.write(to: &$0) })
        #expect(
            start.command == sent.command && start.directory == name && start.input == .requests && start.process == name && start.merge)
        #expect(start.environment.map(\.name) == [[0x61], [0x62], [0x61]])
        #expect(start.environment.map(\.value) == [name, nil, []])
        #expect(start.timeoutMilliseconds == 0)
        let shell = try ProcessStartRequest(try object { ProcessStartRequest(command: .shell(name), input: .stream).write(to: &$0) })
        #expect(shell.command == .shell(name) && shell.input == .stream && shell.environment.isEmpty && !shell.merge)
        #expect(try ProcessStartRequest(parse(#"{"shell":"x","stdin":"none"}"#)).input == .none)
        let write = try ProcessWriteRequest(try object { ProcessWriteRequest(process: name, end: true).write(to: &$0) })
        #expect(write.process == name && write.end)
        let signal = try ProcessSignalRequest(try object { ProcessSignalRequest(process: name, signal: 64, tree: true).write(to: &$0) })
        #expect(signal.process == name && signal.signal == 64 && signal.tree)
        let wait = try ProcessWaitRequest(try object { ProcessWaitRequest(process: name, timeoutMilliseconds: 5).write(to: &$0) })
        #expect(wait.process == name && wait.timeoutMilliseconds == 5)
    }

    @Test func processStartsInOtherWays() throws {
        var sent = ProcessStartRequest(command: .shell([0x61]), input: .requests)
        sent.background = true
        sent.login = false
        sent.shellProgram = OperationTests.strange
        sent.terminal = ProcessTerminal(rows: 1, columns: 65535, term: [0x61])
        let start = try ProcessStartRequest(try object { sent.write(to: &$0) })
        #expect(start.background && !start.login && start.shellProgram == OperationTests.strange && start.terminal == sent.terminal)
        #expect(start.process == nil && start.outputLimit == nil)
        let limited = try ProcessStartRequest(parse(#"{"shell":"x","output_limit":8388608}"#))
        #expect(limited.outputLimit == 8_388_608 && limited.login && !limited.background && limited.terminal == nil)
        let shell = try ProcessStartRequest(parse(#"{"pty":{"rows":24,"columns":80}}"#))
        #expect(shell.command == .loginShell && shell.terminal == ProcessTerminal(rows: 24, columns: 80))
    }

    @Test func processOutputAndList() throws {
        let name = OperationTests.strange
        let output = try ProcessOutputRequest(
            try object { ProcessOutputRequest(process: name, from: 1 << 40, follow: true, limit: 0, tail: 7).write(to: &$0) })
        #expect(output.process == name && output.from == 1 << 40 && output.follow && output.limit == 0 && output.tail == 7)
        let whole = try ProcessOutputRequest(parse(#"{"process":"p"}"#))
        #expect(whole.from == 0 && !whole.follow && whole.limit == nil && whole.tail == nil)
        let resize = try ProcessResizeRequest(try object { ProcessResizeRequest(process: name, rows: 65535, columns: 1).write(to: &$0) })
        #expect(resize.process == name && resize.rows == 65535 && resize.columns == 1)
        let started = ProcessStarted(process: name, identifier: 7)
        #expect(ProcessStarted(try object { started.write(to: &$0) }) == started)
        var end = ProcessEnd(code: 0, signal: nil, wallMilliseconds: 1, processorMilliseconds: 2)
        end.dropped = 3
        end.droppedErrors = 4
        for result in [
            ProcessOutputResult(from: 5, next: 6, lost: 7, running: true), ProcessOutputResult(from: 0, next: 0, running: false, end: end),
        ] {
            #expect(ProcessOutputResult(try object { result.write(to: &$0) }) == result)
        }
        for ended in [nil, end] {
            let listing = ProcessListing(
                process: name, identifier: 7, command: [0x0A, 0xFF], directory: name, startedMilliseconds: 1 << 41, running: ended == nil,
                hasTerminal: ended == nil, background: ended != nil, output: 9, end: ended)
            let line = listing.line()
            #expect(line.last == 0x0A)
            #expect(line.dropLast().allSatisfy { $0 != 0x0A }, "a process is one line")
            #expect(ProcessListing(try JSONParser.parse(line)) == listing)
        }
    }

    @Test func results() throws {
        let status = OperationTests.status
        #expect(FileStatus(try object { status.write(to: &$0) }) == status)
        #expect(FileStatus(.object([])) == nil)
        for kind in FileKind.allCases {
            var other = status
            other.kind = kind
            #expect(FileStatus(try object { other.write(to: &$0) })?.kind == kind)
        }
        for entry in [DirectoryEntry(name: [0xFF], status: status), DirectoryEntry(name: [0x61], status: nil)] {
            let line = entry.line()
            #expect(line.last == 0x0A)
            #expect(line.dropLast().allSatisfy { $0 != 0x0A }, "an entry is one line")
            #expect(DirectoryEntry(try JSONParser.parse(line)) == entry)
        }
        for truncated in [false, true] {
            let unread = OperationError(.permissionDenied, [UInt8]("list a: permission denied"))
            let list = FileListResult(count: 3, truncated: truncated, errorCount: truncated ? 9 : 0, errors: truncated ? [unread] : [])
            let read = try #require(FileListResult(try object { list.write(to: &$0) }))
            #expect(read.count == 3 && read.truncated == truncated && read.errorCount == list.errorCount)
            #expect(read.errors.map(\.code) == list.errors.map(\.code) && read.errors.map(\.message) == list.errors.map(\.message))
        }
        let read = FileReadResult(bytes: 7, status: status, sha256: [0x61])
        #expect(FileReadResult(try object { read.write(to: &$0) }) == read)
        let lines = FileReadResult(
            bytes: 7, status: status, binary: true, unchanged: true,
            lines: FileReadResult.Lines(first: 1, count: 2, total: 3, fileSHA256: [0x61]))
        #expect(FileReadResult(try object { lines.write(to: &$0) }) == lines)
        for lost: [[UInt8]] in [[], [[0x61], [0xFF]]] {
            let write = FileWriteResult(size: 7, sha256: [0x61], created: false, lost: lost)
            #expect(FileWriteResult(try object { write.write(to: &$0) }) == write)
        }
        for end in [
            ProcessEnd(code: 0, signal: nil, wallMilliseconds: 1, processorMilliseconds: 2),
            ProcessEnd(code: nil, signal: 9, timedOut: true, wallMilliseconds: 1, processorMilliseconds: 2, left: 3),
        ] {
            #expect(ProcessEnd(try object { end.write(to: &$0) }) == end)
        }
        #expect(ProcessEnd(try parse("{}")) == nil)
        #expect(ProcessEnd(try parse(#"{"code":1,"signal":9}"#)) == nil)
        #expect(ProcessEnd(code: nil, signal: 9, wallMilliseconds: 0, processorMilliseconds: 0).shellStatus == 137)
    }

    @Test func proxyStatus() throws {
        for state in ProxyStatus.State.allCases {
            let sent = ProxyStatus(
                build: [0x61], process: 1, target: [0xFF], state: state, seconds: 2, roundTripMicroseconds: state == .ready ? 3 : nil,
                clients: 4, requests: 5,
                error: state == .failed ? [0x62] : nil,
                host: state == .ready
                    ? HostFacts(
                        system: [], machine: [], release: [], name: [], user: [], userIdentifier: 0, home: [0xFF], directory: [], boot: [])
                    : nil, loginEnd: state == .ready ? .withLogins : state == .interrupted ? .withLogin : nil)
            let status = try #require(ProxyStatus(try object { sent.write(to: &$0) }))
            #expect(
                status.build == sent.build && status.process == 1 && status.target == [0xFF] && status.state == state && status.seconds == 2
            )
            #expect(status.roundTripMicroseconds == sent.roundTripMicroseconds && status.clients == 4 && status.requests == 5)
            #expect(status.error == sent.error && status.host == sent.host && status.loginEnd == sent.loginEnd)
        }
        #expect(ProxyStatus(try parse(#"{"build":"b","pid":1,"target":"t","state":"new"}"#)) == nil)
    }

    /// Every parameter that cannot be used is `invalid` and says which one it is.
    @Test(arguments: [
        ("fs.stat", "{}", "path"), ("fs.stat", #"{"path":""}"#, "path"), ("fs.stat", #"{"path":7}"#, "path"),
        ("fs.stat", #"{"path":"a\u0000b"}"#, "path"),
        ("fs.stat", #"{"path":{"b64":"AA=="}}"#, "path"), ("fs.stat", #"{"path":{"b64":"A"}}"#, "path"),
        ("fs.stat", #"{"path":"x","cwd":""}"#, "cwd"),
        ("fs.stat", #"{"path":"x","follow":1}"#, "follow"), ("fs.list", #"{"path":"x","limit":-1}"#, "limit"),
        ("fs.read", #"{"path":"x","offset":1.5}"#, "offset"),
        ("fs.read", #"{"path":"x","hash":"yes"}"#, "hash"), ("fs.write", #"{"path":"x","mode":4096}"#, "mode"),
        ("fs.write", #"{"path":"x","if_match":[]}"#, "if_match"),
        ("fs.remove", #"{"path":"x","recursive":0}"#, "recursive"), ("fs.mkdir", #"{"path":"x","mode":"755"}"#, "mode"),
        ("fs.read", #"{"path":"x","first_line":0}"#, "first_line"), ("fs.read", #"{"path":"x","lines":1,"length":1}"#, "first_line"),
        ("fs.read", #"{"path":"x","if_none_match":1}"#, "if_none_match"), ("fs.write", #"{"path":"x","hard_links":"break"}"#, "hard_links"),
        ("fs.edit", #"{}"#, "path"), ("fs.edit", #"{"path":"x","hard_links":true}"#, "hard_links"), ("fs.copy", #"{"from":"x"}"#, "to"),
        ("fs.copy", #"{"from":"x","to":"y","preserve":1}"#, "preserve"), ("fs.link", #"{"path":"x"}"#, "target"),
        ("fs.link", #"{"path":"x","target":"","symbolic":true}"#, "target"), ("fs.readlink", #"{}"#, "path"),
        ("fs.chmod", #"{"path":"x"}"#, "mode"), ("fs.chmod", #"{"path":"x","mode":4096}"#, "mode"),
        ("fs.utimes", #"{"path":"x"}"#, "mtime_ns"), ("fs.utimes", #"{"path":"x","atime_ns":"now"}"#, "atime_ns"),
        ("fs.rename", #"{"from":"x"}"#, "to"),
        ("fs.rename", #"{"to":"x"}"#, "from"), ("process.start", "{}", "argv"), ("process.start", #"{"argv":[]}"#, "argv"),
        ("process.start", #"{"argv":[""]}"#, "argv"),
        ("process.start", #"{"argv":"ls"}"#, "argv"), ("process.start", #"{"argv":["ls",7]}"#, "argv"),
        ("process.start", #"{"argv":["ls","a\u0000"]}"#, "argv"),
        ("process.start", #"{"argv":["ls"],"shell":"ls"}"#, "shell"), ("process.start", #"{"shell":"x","env":[]}"#, "env"),
        ("process.start", #"{"shell":"x","env":{"":"v"}}"#, "env"), ("process.start", #"{"shell":"x","env":{"a=b":"v"}}"#, "env"),
        ("process.start", #"{"shell":"x","env":{"a":7}}"#, "env"), ("process.start", #"{"shell":"x","env":{"a":"\u0000"}}"#, "env"),
        ("process.start", #"{"shell":"x","stdin":"pipe"}"#, "stdin"), ("process.start", #"{"shell":"x","process":""}"#, "process"),
        ("process.start", #"{"shell":"x","stdin":"requests"}"#, "process"),
        ("process.start", #"{"shell":"x","timeout_ms":1099511627777}"#, "timeout_ms"),
        ("process.write", "{}", "process"), ("process.write", #"{"process":"p","eof":1}"#, "eof"),
        ("process.signal", #"{"process":"p"}"#, "signal"),
        ("process.signal", #"{"process":"p","signal":0}"#, "signal"), ("process.signal", #"{"process":"p","signal":65}"#, "signal"),
        ("process.wait", "{}", "process"), ("process.start", #"{"pty":{"rows":1}}"#, "columns"),
        ("process.start", #"{"shell":"x","pty":1}"#, "pty"), ("process.start", #"{"shell":"x","pty":{"rows":0,"columns":1}}"#, "rows"),
        ("process.start", #"{"shell":"x","pty":{"rows":1,"columns":65536}}"#, "columns"),
        ("process.start", #"{"shell":"x","pty":{"rows":1,"columns":1,"term":1}}"#, "term"),
        ("process.start", #"{"shell":"x","background":true,"stdin":"stream"}"#, "stdin"),
        ("process.start", #"{"shell":"x","background":1}"#, "background"), ("process.start", #"{"shell":"x","login":0}"#, "login"),
        ("process.start", #"{"shell":"x","output_limit":8388609}"#, "output_limit"),
        ("process.start", #"{"shell":"x","output_limit":1,"background":true}"#, "output_limit"),
        ("process.start", #"{"shell":"x","shell_program":""}"#, "shell_program"), ("process.output", "{}", "process"),
        ("process.output", #"{"process":"p","from":-1}"#, "from"), ("process.output", #"{"process":"p","follow":1}"#, "follow"),
        ("process.output", #"{"process":"p","limit":"1"}"#, "limit"), ("process.output", #"{"process":"p","tail":1.0}"#, "tail"),
        ("process.resize", #"{"rows":1,"columns":1}"#, "process"), ("process.resize", #"{"process":"p","columns":1}"#, "rows"),
        ("process.resize", #"{"process":"p","rows":1,"columns":0}"#, "columns"),
    ])
    func invalid(operation: String, parameters: String, name: String) throws {
        let value = try parse(parameters)
        let error = #expect(throws: OperationError.self) {
            switch operation {
            case "fs.stat": _ = try FileStatRequest(value)
            case "fs.list": _ = try FileListRequest(value)
            case "fs.read": _ = try FileReadRequest(value)
            case "fs.write": _ = try FileWriteRequest(value)
            case "fs.edit": _ = try FileEditRequest(value)
            case "fs.copy": _ = try FileCopyRequest(value)
            case "fs.link": _ = try FileLinkRequest(value)
            case "fs.readlink": _ = try FilePathRequest(value)
            case "fs.chmod": _ = try FileModeRequest(value)
            case "fs.utimes": _ = try FileTimesRequest(value)
            case "fs.remove": _ = try FileRemoveRequest(value)
            case "fs.mkdir": _ = try FileMakeDirectoryRequest(value)
            case "fs.rename": _ = try FileRenameRequest(value)
            case "process.start": _ = try ProcessStartRequest(value)
            case "process.write": _ = try ProcessWriteRequest(value)
            case "process.signal": _ = try ProcessSignalRequest(value)
            case "process.wait": _ = try ProcessWaitRequest(value)
            case "process.output": _ = try ProcessOutputRequest(value)
            case "process.resize": _ = try ProcessResizeRequest(value)
            default: Issue.record("no such operation")
            }
        }
        #expect(error?.code == .invalid)
        let message = String(decoding: error?.message ?? [], as: UTF8.self)
        #expect(message.hasPrefix("parameter \(name) "))
    }

    @Test func bounds() throws {
        let longest = String(repeating: "p", count: Limits.pathLength)
        #expect(try FileStatRequest(parse(#"{"path":"\#(longest)"}"#)).path.count == Limits.pathLength)
        #expect(throws: OperationError.self) { try FileStatRequest(parse(#"{"path":"\#(longest)p"}"#)) }
        let name = String(repeating: "n", count: 128)
        #expect(try ProcessWaitRequest(parse(#"{"process":"\#(name)"}"#)).process.count == 128)
        #expect(throws: OperationError.self) { try ProcessStartRequest(parse(#"{"shell":"x","process":"\#(name)n"}"#)) }
    }
}
