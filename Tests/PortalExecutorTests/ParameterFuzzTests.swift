import Foundation
import PortalWire
import Testing

/// Requests of every operation with parameters of the right kinds and of wrong ones: each ends, and the executor lives.
///
/// It runs in a directory of its own, and every path is below it: what is removed, written and run there is nobody's. `PORTAL_FUZZ_PARAMETERS`
/// says how many requests, `PORTAL_FUZZ_SEED` which.
@Suite struct ParameterFuzzTests {
    private struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var value = state
            value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
            value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
            return value ^ value >> 31
        }

        mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
        mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }
    }

    private static let count = ProcessInfo.processInfo.environment["PORTAL_FUZZ_PARAMETERS"].flatMap { Int($0) } ?? 3000
    private static let seed = ProcessInfo.processInfo.environment["PORTAL_FUZZ_SEED"].flatMap { UInt64($0) } ?? 20_261_121

    /// Every parameter that any operation has, by the kind of its value. What an operation does not know it ignores, which is tried too.
    private static let paths = ["path", "from", "to", "target"]
    private static let flags = [
        "follow", "hash", "create_only", "parents", "fsync", "recursive", "replace", "merge", "eof", "tree", "ignore", "hidden", "all",
        "stop_on_error",
        "fixed", "ignore_case", "count", "files_only", "background", "no_follow",
    ]
    private static let numbers = [
        "limit", "offset", "length", "mode", "timeout_ms", "signal", "settle_ms", "depth", "first_line", "lines", "context", "before",
        "after",
        "columns", "rows", "sequence", "mtime_ns", "atime_ns", "output_limit",
    ]
    private static let texts = ["if_match", "if_none_match", "sha256", "pattern", "glob", "sort", "process", "stdin", "name", "type"]

    // Names below the directory and nothing else: no way up, nothing absolute.
    private static let names = [
        "a", "b", "d", "d/e", "d/e/f", "link", "a/b", ".", "d/", "x\u{1F600}", "%00", "-rf", "*", "d/./e",
        String(repeating: "n", count: 300),
    ]
    private static let patterns = [
        "a", "(a|b)*c", "[", "\\d+", "**/*", "{a,b}", "!d", "", "^$", "(", "x{1000}", "\\xff", "[^\\n]*", "a.b?",
    ]
    private static let shells = [
        "true", "exit 3", "echo hello", "cat", "echo no >&2", "kill -9 $$", "head -c 300000 /dev/zero", "sleep 0.01",
    ]

    private func value(_ random: inout Random, depth: Int = 0) -> JSONValue {
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
    private func parameters(_ operation: StaticString, _ directory: String, _ random: inout Random, depth: Int = 0) -> [JSONMember] {
        var members: [JSONMember] = []
        func add(_ name: String, _ value: JSONValue) { members.append(JSONMember(name: Array(name.utf8), value: value)) }
        // Always there and always right: everything else starts from it.
        add("cwd", .string(Array(directory.utf8)))
        let all = ParameterFuzzTests.self
        for name in all.paths where random.below(4) > 0 { add(name, .string(Array(random.pick(all.names).utf8))) }
        for name in all.flags where random.below(8) == 0 { add(name, .bool(random.below(3) > 0)) }
        for name in all.numbers where random.below(8) == 0 { add(name, .integer(random.pick([0, 1, 2, 9, 100, 420, 4095, 70000, .max]))) }
        for name in all.texts where random.below(5) == 0 {
            add(name, .string(Array(random.pick(all.patterns + ["p", "q", "none", "stream", "requests"]).utf8)))
        }
        if operation.description.hasPrefix("search.") { add("pattern", .string(Array(random.pick(all.patterns).utf8))) }
        if operation.description.hasPrefix("process.") {
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
                let op = JSONMember(name: Array("op".utf8), value: .string([UInt8](inner)))
                let data = JSONMember(name: Array("data".utf8), value: .string(Array("data".utf8)))
                return random.below(12) == 0
                    ? value(&random) : .object([op, data] + parameters(inner, directory, &random, depth: depth + 1))
            }
            add("requests", .array(items))
        }
        // Now and then one of them is something else, but never where things happen.
        if random.below(2) == 0, members.count > 1 {
            let index = 1 + random.below(members.count - 1)
            let replacement = value(&random)
            if !all.paths.contains(String(decoding: members[index].name, as: UTF8.self)) || replacement.string == nil {
                members[index].value = replacement
            }
        }
        return members
    }

    @Test func everyRequestEnds() throws {
        var random = Random(state: ParameterFuzzTests.seed)
        let operations = OperationNames.executor.filter { "\($0)" != "session.end" }
        let scratch = try Scratch()
        var codes: [ErrorCode: Int] = [:]
        var results = 0
        var done = 0
        while done < ParameterFuzzTests.count {
            // A fresh executor now and then: names of processes and what is remembered of them start anew.
            let client = try ExecutorClient()
            for _ in 0..<200 where done < ParameterFuzzTests.count {
                done += 20
                var open: [UInt64] = []
                for _ in 0..<20 {
                    let operation = random.pick(operations)
                    let members = parameters(operation, scratch.path, &random)
                    let payload = [UInt8](repeating: 0x61, count: random.below(3) == 0 ? random.below(70_000) : random.below(20))
                    let id = try client.send(operation, payload: payload) { writer in
                        writer.members(of: members.filter { !$0.name.equals("type") })
                    }
                    open.append(id)
                    if random.below(10) == 0 || operation.description == "watch.start" { try client.send(.cancel(id: id, Cancellation())) }
                }
                for id in open {
                    // What nobody ends is given up.
                    if (try? client.wait(id, seconds: 5)) == nil { try client.send(.cancel(id: id, Cancellation())) }
                    let outcome = try client.wait(id)
                    if let error = outcome.error { codes[error.code, default: 0] += 1 } else { results += 1 }
                }
            }
            #expect(try client.call("session.stats").result?.integer("open") == 1)
            let status = try client.close()
            #expect(status == 0)
        }
        // Both kinds of ends, and of failures: a fuzzer that only meets one of them tests nothing.
        #expect(results > done / 20, "\(results) \(codes)")
        #expect(codes[.invalid, default: 0] > 0 && codes[.notFound, default: 0] > 0 && codes[.cancelled, default: 0] > 0, "\(codes)")
    }
}
