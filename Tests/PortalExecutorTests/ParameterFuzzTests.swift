import Foundation
import PortalWire
import TestSupport
import Testing

/// Requests of every operation with parameters of the right kinds and of wrong ones: each ends, and the executor lives.
///
/// It runs in a directory of its own, and every path is below it: what is removed, written and run there is nobody's. `PORTAL_FUZZ_PARAMETERS`
/// says how many requests, `PORTAL_FUZZ_SEED` which.
@Suite struct ParameterFuzzTests {
    private static let count = ProcessInfo.processInfo.environment["PORTAL_FUZZ_PARAMETERS"].flatMap { Int($0) } ?? 3000
    private static let seed = ProcessInfo.processInfo.environment["PORTAL_FUZZ_SEED"].flatMap { UInt64($0) } ?? 20_261_121

    /// Every parameter that any operation has, by the kind of its value. What an operation does not know it ignores, which is tried too.
    private static let paths = ["path", "from", "to", "target"]
    private static let flags = [
        "follow", "hash", "create_only", "parents", "fsync", "recursive", "replace", "preserve", "symbolic", "merge", "eof", "tree",
        "ignore",
        "hidden", "no_ignore", "no_require_git", "attributes", "fixed", "ignore_case", "word", "line", "invert", "background", "login",
        "stop_on_error",
    ]
    private static let numbers = [
        "limit", "offset", "length", "mode", "timeout_ms", "signal", "settle_ms", "depth", "first_line", "lines", "before", "after",
        "max_columns", "max_count", "columns", "rows", "tail", "mtime_ns", "atime_ns", "output_limit",
    ]
    private static let texts = [
        "if_match", "if_none_match", "sha256", "pattern", "sort", "kind", "process", "stdin", "part", "hard_links", "type",
    ]
    private static let lists = ["paths", "patterns", "globs", "type_globs", "exclude"]
    /// What some of the texts must be to be taken.
    private static let words: [String: [String]] = [
        "sort": ["none", "name", "path", "modified"], "kind": ["file", "directory", "any"], "mode": ["content", "files", "count"],
        "process": ["p", "q", "r"], "stdin": ["none", "stream", "requests"], "hard_links": ["replace", "keep"],
        "part": ["part1", "b", "n0"],
    ]

    // Names below the directory and nothing else: no way up, nothing absolute.
    private static let names = [
        "a", "a", "a", "b", "b", "d", "d/e", "d/e/f", "d/e/f", "link", "link", "a/b", ".", "d/", "x\u{1F600}", "%00", "-rf", "*", "d/./e",
        String(repeating: "n", count: 300),
    ]
    private static let patterns = [
        "a", "(a|b)*c", "[", "\\d+", "**/*", "{a,b}", "!d", "", "^$", "(", "x{1000}", "\\xff", "[^\\n]*", "a.b?", "one|two$", "\\bt\\w*",
        "(?i)TÄ", "[[:^alpha:]&&[^0-9]]", "*.t?t", "/d/**", "[!a-c]*", "((x+)+)+y",
    ]
    /// What files get, so that reading, editing and searching them has something to find.
    private static let contents: [[UInt8]] = [
        Array("one\ntwo\nthree täxt\n".utf8), Array("one\r\ntwo\r\n\r\nfour".utf8), Array("\u{FEFF}one\n\none".utf8),
        Array("one\0two\n\0\nt".utf8), [],
        [0xFF, 0x0A, 0xC3], Array("*.o\n!d/\n/a\n\\ \n".utf8), [UInt8](repeating: 0x61, count: 70_000),
        [UInt8](repeating: 0x0A, count: 3000), Array(String(repeating: "one two\n", count: 9000).utf8),
    ]
    private static let edits: [[UInt8]] = [
        Array(#"{"edits":[{"old":"one","new":"ONE","all":true},{"old":"two\n","new":""}]}"#.utf8),
        Array(#"{"edits":[{"old":"o","new":"","all":true}]}"#.utf8),
        Array(#"{"edits":[{"old":"a","new":"b"}]}"#.utf8), Array(#"{"edits":[{"old":{"b64":"AA=="},"new":"zero"}]}"#.utf8),
        Array(#"{"edits":["#.utf8),
    ]
    private static let shells = [
        "true", "exit 3", "echo hello", "cat", "echo no >&2", "kill -9 $$", "head -c 300000 /dev/zero", "sleep 0.01",
    ]

    private func value(_ random: inout SeededRandom, depth: Int = 0) -> JSONValue {
        switch random.below(depth < 2 ? 10 : 7) {
        case 0: .null
        case 1: .bool(random.below(2) == 0)
        case 2: .integer(random.pick([0, 1, -1, 255, 4095, 4096, 65536, .max, .min]))
        case 3: .number(Array("1.5".utf8))
        case 4: .string([])
        case 5: .string(Array(random.pick(ParameterFuzzTests.patterns).utf8))
        case 6: .string([0])
        case 7: .array((0..<random.below(4)).map { _ in value(&random, depth: depth + 1) })
        case 8: .object([JSONMember(name: Array("b64".utf8), value: .string(Array(random.pick(["/w==", "", "!", "AA"]).utf8)))])
        default: .object([JSONMember(name: Array("x".utf8), value: value(&random, depth: depth + 1))])
        }
    }

    /// The parameters of an operation, most of them sensible.
    private func parameters(_ operation: Literal, _ directory: String, _ random: inout SeededRandom, depth: Int = 0) -> [JSONMember] {
        var members: [JSONMember] = []
        func add(_ name: String, _ value: JSONValue) { members.append(JSONMember(name: Array(name.utf8), value: value)) }
        // Always there and always right: everything else starts from it.
        add("cwd", .string(Array(directory.utf8)))
        let all = ParameterFuzzTests.self
        // Two names have another kind of value here than elsewhere. Of two members with the same name the first counts.
        if operation.description == "search.grep", random.below(3) == 0 {
            add("mode", .string(Array(random.pick(all.words["mode"]!).utf8)))
        }
        if operation.description == "fs.readlink" { add("path", .string(Array("link".utf8))) }
        if operation.description == "process.start", random.below(2) == 0 { add("background", .bool(true)) }
        if operation.description == "process.resize" {
            for name in ["rows", "columns"] { add(name, .integer(Int64(1 + random.below(300)))) }
        }
        if operation.description == "process.output" { add("from", .integer(Int64(random.below(400_000)))) }
        if operation.description.hasPrefix("search."), random.below(2) == 0 { add("no_ignore", .bool(true)) }
        for name in all.paths where random.below(4) > 0 { add(name, .string(Array(random.pick(all.names).utf8))) }
        for name in all.flags where random.below(12) == 0 { add(name, .bool(random.below(3) > 0)) }
        for name in all.numbers where random.below(20) == 0 { add(name, .integer(random.pick([0, 1, 2, 9, 100, 420, 4095, 70000, .max]))) }
        for name in all.texts where random.below(10) == 0 {
            add(name, .string(Array(random.pick(random.below(8) == 0 ? all.patterns : all.words[name] ?? all.patterns).utf8)))
        }
        for name in all.lists where random.below(10) == 0 {
            let names = name == "paths" ? all.names : all.patterns
            add(name, .array((0..<random.below(4)).map { _ in .string(Array(random.pick(names).utf8)) }))
        }
        if operation.description.hasPrefix("search.") { add("pattern", .string(Array(random.pick(all.patterns).utf8))) }
        if operation.description.hasPrefix("process.") {
            if random.below(6) == 0 {
                let size = ["rows", "columns"].map { JSONMember(name: Array($0.utf8), value: .integer(Int64(random.below(70_000)))) }
                add("pty", .object(size))
            }
            if random.below(6) == 0 {
                add("env", .object(["A", "PATH", "", "B=C"].map { JSONMember(name: Array($0.utf8), value: value(&random, depth: 2)) }))
            }
            add("process", .string(Array(random.pick(["p", "q", "r"]).utf8)))
            if random.below(2) == 0 {
                add("shell", .string(Array(random.pick(all.shells).utf8)))
            } else {
                add("argv", .array([.string(Array(random.pick(["true", "cat", "no-such-program", "./a"]).utf8))]))
            }
            add("timeout_ms", .integer(Int64(random.below(200))))
            // Never a signal by chance to what is not a process of these.
            add("signal", .integer(Int64(random.below(66))))
        }
        if operation.description == "batch" {
            let items = (0..<random.below(5)).map { _ -> JSONValue in
                let inner = random.pick(OperationNames.executor.filter { "\($0)" != "session.end" })
                guard depth < 2 else { return .null }
                let op = JSONMember(name: Array("op".utf8), value: .string(Array(inner.description.utf8)))
                let content = random.pick(all.contents.filter { $0.count < 1000 && isUTF8($0) })
                let data = JSONMember(name: Array("data".utf8), value: .string(content))
                return random.below(12) == 0
                    ? value(&random) : .object([op, data] + parameters(inner, directory, &random, depth: depth + 1))
            }
            add("requests", .array(items))
        }
        // Now and then one of them is something else, but never where things happen.
        if random.below(3) == 0, members.count > 1 {
            let index = 1 + random.below(members.count - 1)
            let replacement = value(&random)
            if !all.paths.contains(String(decoding: members[index].name, as: UTF8.self)) || replacement.string == nil {
                members[index].value = replacement
            }
        }
        return members
    }

    private func isUTF8(_ bytes: [UInt8]) -> Bool { String(validating: bytes, as: UTF8.self) != nil }

    /// Makes what there is to work on, anew where copies of copies have become many or the directory itself was removed.
    private func prepare(_ scratch: Scratch, _ random: inout SeededRandom) throws {
        let manager = FileManager.default
        if (manager.subpaths(atPath: scratch.path) ?? []).count > 300 { try manager.removeItem(atPath: scratch.path) }
        try? manager.createDirectory(atPath: scratch.path + "/d/e", withIntermediateDirectories: true)
        for name in ["a", "d/e/f"] where random.below(3) == 0 {
            manager.createFile(atPath: scratch.path + "/" + name, contents: Data(random.pick(ParameterFuzzTests.contents)))
        }
        // It fails where something is there.
        try? manager.createSymbolicLink(atPath: scratch.path + "/link", withDestinationPath: random.pick(["a", "d", "d/e/f", "nowhere"]))
    }

    @Test func everyRequestEnds() throws {
        var random = SeededRandom(seed: ParameterFuzzTests.seed)
        let operations = OperationNames.executor.filter { "\($0)" != "session.end" }
        let scratch = try Scratch()
        var codes: [ErrorCode: Int] = [:]
        var results: [String: Int] = [:]
        var done = 0
        while done < ParameterFuzzTests.count {
            // A fresh executor now and then: names of processes and what is remembered of them start anew.
            let client = try ExecutorClient()
            for _ in 0..<200 where done < ParameterFuzzTests.count {
                done += 20
                try prepare(scratch, &random)
                var open: [(id: UInt64, operation: String)] = []
                for _ in 0..<20 {
                    let operation = random.pick(operations)
                    let members = parameters(operation, scratch.path, &random)
                    let payload = random.pick(operation.description == "fs.edit" ? ParameterFuzzTests.edits : ParameterFuzzTests.contents)
                    let id = try client.send(operation, payload: payload) { writer in
                        writer.members(of: members.filter { !$0.name.equals("type") })
                    }
                    open.append((id, operation.description))
                    if random.below(10) == 0 || operation.description == "watch.start" { try client.send(.cancel(id: id, Cancellation())) }
                }
                for (id, operation) in open {
                    // What nobody ends is given up.
                    if (try? client.wait(id, seconds: 2)) == nil { try client.send(.cancel(id: id, Cancellation())) }
                    let outcome = try client.wait(id)
                    if let error = outcome.error { codes[error.code, default: 0] += 1 } else { results[operation, default: 0] += 1 }
                }
            }
            #expect(try client.call("session.stats").result?.integer("open") == 1)
            let status = try client.close()
            #expect(status == 0)
        }
        print("fuzz: \(done) requests of seed \(ParameterFuzzTests.seed): results \(results), errors \(codes)")
        // Both kinds of ends, and of failures: a fuzzer that only meets one of them tests nothing.
        #expect(results.values.reduce(0, +) > done / 10, "\(results) \(codes)")
        #expect(done < 20_000 || results.count >= operations.count - 1, "only \(results.keys.sorted()) ever succeed")
        #expect(codes[.invalid, default: 0] > 0 && codes[.notFound, default: 0] > 0 && codes[.cancelled, default: 0] > 0, "\(codes)")
    }
}
