import Foundation
import PortalWire
import Testing

/// What ripgrep has no equivalent for.
@Suite struct SearchTests {
    private func lines(_ outcome: ExecutorClient.Outcome) throws -> [JSONValue] {
        try (outcome.data[.content] ?? []).split(separator: 0x0A).map { try JSONParser.parse(Array($0)) }
    }

    @Test func staysLinear() throws {
        let scratch = try Scratch()
        let client = try ExecutorClient()
        let text = String(repeating: "a", count: 1_000_000)
        _ = try scratch.file("line", text + "\n" + text + "b\n")
        // A backtracking engine needs longer than the universe is old for the first line; the limits are for a machine that is busy with others.
        for pattern in ["(a|a)*b", "(a*)*b", "(a|aa)+$", "(.*)(.*)(.*)(.*)b", "a{0,500}b"] {
            let start = Date()
            let outcome = try client.wait(
                try client.send("search.grep") {
                    $0.set("pattern", pattern)
                    $0.set("cwd", scratch.path)
                    $0.set("mode", "count")
                }, seconds: 60)
            #expect(outcome.result.flatMap { SearchGrepResult($0) }?.matchedFiles == 1, "\(pattern)")
            #expect(Date().timeIntervalSince(start) < 20, "\(pattern)")
        }
    }

    @Test func refusesWithAReason() throws {
        let client = try ExecutorClient()
        for (pattern, reason) in [
            ("(a", "not closed"), ("a)", "not opened"), ("[a", "not closed"), ("*", "nothing to repeat"), ("a{2", "repetition"),
            ("a{3,2}", "wrong order"),
            (#"\p{L}"#, "properties"), (#"(a)\1"#, "backreferences"), ("(?=a)", "look-around"), (#"\n"#, "line feed"),
            (#"\q"#, "no such escape"),
            ("a{1000}{1000}", "30000 states"), ("[z-a]", "backwards"), (String(repeating: "(", count: 200), "too deep"), ("(?x)a", "flags"),
            ("[[:nope:]]", "no such class"), (#"\xZZ"#, "hexadecimal"), ("\\", "backslash"),
        ] {
            let error = try client.call("search.grep") { $0.set("pattern", pattern) }.error
            #expect(error?.code == .invalid, "\(pattern)")
            let message = String(decoding: error?.message ?? [], as: UTF8.self)
            #expect(message.contains(reason), "\(pattern): \(message)")
        }
        for glob in ["[a", "{a", "a}", "a\\"] {
            #expect(try client.call("search.glob") { $0.set("pattern", glob) }.error?.code == .invalid, "\(glob)")
        }
        let missing = try client.call("search.grep") {
            $0.set("pattern", "x")
            $0.set("path", "/nowhere/at/all")
        }
        #expect(missing.error?.code == .notFound)
        #expect(try client.call("search.grep").error?.code == .invalid)
    }

    /// What cannot be read further down is no failure, but it is said.
    @Test func whatIsClosedIsCounted() throws {
        let scratch = try Scratch()
        chmod(scratch.path, 0o755)
        for index in 0..<10 {
            try FileManager.default.createDirectory(atPath: scratch.path + "/closed\(index)", withIntermediateDirectories: true)
            chmod(scratch.path + "/closed\(index)", 0)
        }
        defer { for index in 0..<10 { chmod(scratch.path + "/closed\(index)", 0o700) } }
        let file = try scratch.file("file", "match\n")
        chmod(file, 0o644)
        let client = try ExecutorClient(isStranger: geteuid() == 0)
        for operation: Literal in ["search.grep", "search.glob", "fs.list"] {
            let outcome = try client.call(operation) {
                $0.set("path", scratch.path)
                if "\(operation)" != "fs.list" { $0.set("pattern", "\(operation)" == "search.grep" ? "match" : "f*") }
                $0.set("depth", number: 0)
            }
            let result = try #require(outcome.result, "\(operation)")
            #expect(result.integer("error_count") == 10, "\(operation)")
            let errors = (result.array("errors") ?? []).map { OperationError($0) }
            #expect(errors.count == 8 && errors.allSatisfy { $0.code == .permissionDenied }, "\(operation)")
            #expect(errors.allSatisfy { String(decoding: $0.path ?? [], as: UTF8.self).contains("closed") }, "\(operation)")
            #expect(try lines(outcome).count == ("\(operation)" == "fs.list" ? 11 : 1))
        }
    }

    @Test func stopsAtItsLimits() throws {
        let scratch = try Scratch()
        let client = try ExecutorClient()
        for index in 0..<40 { _ = try scratch.file("f\(index)", String(repeating: "match\n", count: 50)) }
        let cut = try client.call("search.grep") {
            $0.set("pattern", "match")
            $0.set("cwd", scratch.path)
            $0.set("limit", number: 70)
        }
        let result = try #require(cut.result.flatMap { SearchGrepResult($0) })
        #expect(result.truncated)
        #expect(try lines(cut).count == 70)
        let exact = try client.call("search.grep") {
            $0.set("pattern", "match")
            $0.set("cwd", scratch.path)
            $0.set("limit", number: 2000)
        }
        #expect(exact.result.flatMap { SearchGrepResult($0) }?.truncated == false)
        #expect(try lines(exact).count == 2000)
        let newest = try client.call("search.glob") {
            $0.set("pattern", "*")
            $0.set("cwd", scratch.path)
            $0.set("sort", "modified")
            $0.set("limit", number: 3)
        }
        #expect(try lines(newest).count == 3)
        #expect(newest.result.flatMap { SearchGlobResult($0) }?.truncated == true)
    }

    @Test func sortsTheLastModifiedFirst() throws {
        let scratch = try Scratch()
        let client = try ExecutorClient()
        for (index, name) in ["b", "d", "a", "c"].enumerated() {
            let path = try scratch.file(name, "x\n")
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSince1970: Double(1000 + index))], ofItemAtPath: path)
        }
        for operation: Literal in ["search.glob", "search.grep"] {
            let outcome = try client.call(operation) {
                $0.set("pattern", operation.description == "search.glob" ? "*" : "x")
                $0.set("cwd", scratch.path)
                $0.set("sort", "modified")
            }
            let names = try lines(outcome).map { String(decoding: $0["path"]?.bytes ?? [], as: UTF8.self) }
            #expect(names == ["c", "a", "d", "b"])
        }
    }

    @Test func aSearchThatNobodyTakesHoldsNothing() throws {
        let scratch = try Scratch()
        let client = try ExecutorClient()
        for index in 0..<20 { _ = try scratch.file("f\(index)", String(repeating: "match this line please\n", count: 20_000)) }
        var searches: [UInt64] = []
        // More than there are threads: they wait for credit, and whoever comes later is served.
        for _ in 0..<40 {
            let id = try client.send("search.grep") {
                $0.set("pattern", "match")
                $0.set("cwd", scratch.path)
            }
            client.withoutCredit.insert(id)
            searches.append(id)
        }
        for id in searches { try client.waitForData(id, .content, count: Limits.initialCredit) }
        #expect(try client.call("fs.stat") { $0.set("path", scratch.path) }.result != nil)
        for id in searches {
            let start = Date()
            try client.send(.cancel(id: id, Cancellation()))
            #expect(try client.wait(id).error?.code == .cancelled)
            #expect(Date().timeIntervalSince(start) < 0.5)
        }
        // Nothing of them runs on: the executor uses no processor time.
        #expect(
            eventually {
                let before = processorTime(client.processIdentifier)
                usleep(50_000)
                return before == processorTime(client.processIdentifier)
            })
    }

    private func processorTime(_ process: Int32) -> String {
        let text = (try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8)) ?? ""
        return text.split(separator: " ").dropFirst(13).prefix(2).joined(separator: " ")
    }

    @Test func listsTrees() throws {
        let scratch = try Scratch()
        let client = try ExecutorClient()
        for folder in ["a/b/c", ".git", "skip/deep"] {
            try FileManager.default.createDirectory(atPath: scratch.path + "/" + folder, withIntermediateDirectories: true)
        }
        for name in ["a/1", "a/b/2.o", "a/b/c/3", "skip/deep/4", "top", ".gitignore"] {
            _ = try scratch.file(name, name == ".gitignore" ? "*.o\n" : "")
        }
        func names(_ parameters: (inout JSONWriter) -> Void) throws -> [String] {
            let outcome = try client.call("fs.list") {
                $0.set("path", scratch.path)
                parameters(&$0)
            }
            return try lines(outcome).map { String(decoding: $0["name"]?.bytes ?? [], as: UTF8.self) }
        }
        #expect(try names { _ in }.sorted() == [".git", ".gitignore", "a", "skip", "top"])
        let all = try names { $0.set("depth", number: 0) }
        #expect(
            all.sorted() == [
                ".git", ".gitignore", "a", "a/1", "a/b", "a/b/2.o", "a/b/c", "a/b/c/3", "skip", "skip/deep", "skip/deep/4", "top",
            ])
        for name in all where name.contains("/") {
            let parent = String(name[..<name.lastIndex(of: "/")!])
            #expect(all.firstIndex(of: parent)! < all.firstIndex(of: name)!)
        }
        let chosen = try names {
            $0.set("depth", number: 3)
            $0.set("ignore", true)
            $0.name("exclude")
            $0.beginArray()
            $0.string("skip")
            $0.string("/.git")
            $0.endArray()
        }
        #expect(chosen.sorted() == [".gitignore", "a", "a/1", "a/b", "a/b/c", "top"])
        #expect(try names { $0.set("limit", number: 2) }.count == 2)
    }
}
