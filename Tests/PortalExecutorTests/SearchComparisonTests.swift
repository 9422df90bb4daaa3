import Foundation
import PortalWire
import Testing

/// `search.grep` and `search.glob` beside ripgrep, line for line and file for file. What differs is in Docs/search.md and left out here.
@Suite struct SearchComparisonTests {
    let tree: SearchTree
    let ripgrep: Ripgrep
    let client: ExecutorClient

    init() throws {
        tree = try SearchTree()
        ripgrep = Ripgrep(home: tree.home)
        client = try ExecutorClient(environment: ["HOME": tree.home, "PATH": "/usr/bin:/bin"])
    }

    private static let patterns = [
        "foo", "bar", "^foo", "foo$", "^$", #"^\s*$"#, #"\bfoo\b"#, #"\Bfoo"#, #"foo\b"#, "f.o", "fo+", "(foo|bar)", "foo|bar|baz_qux",
        "(?i)foo",
        "(?i:FOO)bar", "(?-i)Foo", "[a-c]+_", "[--/]", "[-a]_", "[^-_a-z]", "[^a-z ]", "[[:alpha:]]+_[[:alpha:]]+", "[[:upper:]]{2,}",
        #"\d{3,5}"#, #"\d+"#, #"\w+_\w+"#,
        #"\S+\s\S+"#, "0x[0-9A-F]+", #"a\.b\.c"#, "error.*warning", "(error|warning).*(main|return)", "^(alpha|beta).*(gamma|delta)$", "x*",
        "(a|a)*b", "(?:alpha )?beta", "TODO:?", #"fn\s+main"#, #"(struct|impl)\s.*\bT\b"#, "<T>", #"\{\}"#, #"\[\]"#, #"[\[\]]"#, "é",
        "[é-ü]",
        "caf.", "na.ve", ".{20}", "^.{0,10}$", "^.{100,}", "foo.{1,5}bar", "(foo|bar){2}", "foo.*?bar", #"\x66oo"#, #"\u0066oo"#,
        #"\x{66}oo"#,
        "(?P<x>foo)_", "(?<x>foo)_", #"^\t"#, #"\t"#, ";$", "[a-z&&[^aeiou]]{4}", "[a-z--[m-z]]{5}", #"\r$"#, #"foo\r?$"#, "^", "$",
        #"\<foo\>"#,
        #"\b{start}foo"#, #"foo\b{end}"#, "(?i)straße", "(?i)жук", "(?i)Σ", "x{50}foo", "xfooy", ".*foo.*", "(foo)(bar)?", "z|", "()",
        "a||b",
        "[-a]x", "[a-]", "[]a]b", "[^]a]b", #"\-\#\&\~\/\@"#, "-", "(((f)o)o)", "f(?i)O(?-i)o", #"\w{30,}"#, "alpha beta|gamma delta",
        " {2}",
    ]

    @Test func findsTheLinesThatRipgrepFinds() throws {
        for pattern in SearchComparisonTests.patterns {
            let expected = try ripgrep.lines(["-e", pattern], in: tree.root)
            #expect(try grep(in: tree.root) { $0.set("pattern", pattern) } == expected, "\(pattern)")
        }
    }

    /// Parameters, and ripgrep's options for the same.
    private static let options: [(String, [String])] = [
        (#""ignore_case":true"#, ["-i"]), (#""word":true"#, ["-w"]), (#""line":true"#, ["-x"]), (#""invert":true"#, ["-v"]),
        (#""before":2,"after":2"#, ["-C2"]), (#""after":3"#, ["-A3"]), (#""before":1"#, ["-B1"]), (#""max_count":2"#, ["-m2"]),
        (#""fixed":true"#, ["-F"]), (#""fixed":true,"ignore_case":true,"word":true"#, ["-F", "-i", "-w"]),
        (#""invert":true,"before":1,"after":1"#, ["-v", "-C1"]), (#""no_ignore":true"#, ["-u"]),
        (#""no_ignore":true,"hidden":true"#, ["-uu"]),
        (#""hidden":true"#, ["--hidden"]), (#""globs":["*.c"]"#, ["-g", "*.c"]), (#""globs":["!*.c"]"#, ["-g", "!*.c"]),
        (#""globs":["*.log"]"#, ["-g", "*.log"]), (#""globs":["src/**"]"#, ["-g", "src/**"]), (#""globs":["!src"]"#, ["-g", "!src"]),
        (#""globs":["**/deep/*.{c,h}"]"#, ["-g", "**/deep/*.{c,h}"]), (#""globs":["*.txt","!docs/"]"#, ["-g", "*.txt", "-g", "!docs/"]),
        (#""globs":["/src/*.c"]"#, ["-g", "/src/*.c"]), (#""globs":[".hid*"]"#, ["-g", ".hid*"]),
        (#""globs":["[!s]*.c"]"#, ["-g", "[!s]*.c"]),
        (#""type_globs":["*.[chH]","*.[chH].in","*.cats"]"#, ["-tc"]), (#""no_require_git":true"#, ["--no-require-git"]),
    ]

    @Test func understandsOptionsAsRipgrep() throws {
        for option in SearchComparisonTests.options {
            for pattern in ["foo", "bar", "alpha|beta", "foo.*bar", "^$", "fo+b"] {
                let expected = try ripgrep.lines(option.1 + ["-e", pattern], in: tree.root)
                #expect(try grep(in: tree.root, option.0) { $0.set("pattern", pattern) } == expected, "\(option.1) \(pattern)")
            }
        }
    }

    /// A binary file that looks like none for longer than a buffer: what comes before the buffer with its NUL is found.
    @Test func findsWhatIsBeforeALateNul() throws {
        for pattern in ["foo", "alpha|beta"] {
            let expected = try ripgrep.lines(["-g", "late.dat", "-e", pattern], in: tree.root)
            #expect(!expected.isEmpty)
            #expect(try grep(in: tree.root, #""globs":["late.dat"]"#) { $0.set("pattern", pattern) } == expected, "\(pattern)")
        }
    }

    @Test func namesAndCountsTheFilesThatRipgrepDoes() throws {
        for pattern in ["foo", "^$", "alpha|beta", #"\d+"#, "binary"] {
            for (parameters, arguments) in [("", []), (#""invert":true"#, ["-v"]), (#""hidden":true"#, ["--hidden"])] {
                // With -v, whether ripgrep comes to the NUL of this file depends on which file had its buffer before.
                let skipped = Array("bin/late.dat".utf8)
                let files = try ripgrep.paths(["-l", "-e", pattern] + arguments, in: tree.root).filter { $0 != skipped }
                let mine = try grep(in: tree.root, parameters) {
                    $0.set("pattern", pattern)
                    $0.set("mode", "files")
                }
                #expect(mine.filter { $0 != skipped } == files, "-l \(arguments) \(pattern)")
                let counts = try ripgrep.paths(["-c", "-e", pattern] + arguments, in: tree.root)
                let counted = try grep(in: tree.root, parameters) {
                    $0.set("pattern", pattern)
                    $0.set("mode", "count")
                }
                #expect(counted == counts, "-c \(arguments) \(pattern)")
            }
        }
    }

    @Test func startsWhereRipgrepStarts() throws {
        for (directory, path) in [
            ("", nil), ("", "src/deep/er"), ("docs", "."), ("", "build"), ("", "target"), ("sub/nested", nil), ("vendor", nil),
            ("", ".hidden"),
            ("", "bin/latin1.txt"), ("", "x.log"), ("a", ".."), ("", "many"), ("names", nil), ("many/d0", "../d0"),
        ] as [(String, String?)] {
            let place = directory.isEmpty ? tree.root : tree.root + "/" + directory
            let expected = try ripgrep.lines(["-e", "foo"] + (path.map { [$0] } ?? []), in: place)
            let mine = try grep(in: place) {
                $0.set("pattern", "foo")
                if let path { $0.set("path", path) }
            }
            #expect(mine == expected, "\(directory) \(path ?? "")")
        }
    }

    private static let globs = [
        "*", "**/*", "*.c", "src/*", "src/**", "**/deep/**", "*.{c,h}", "[a-f]*", "[!a-f]*", "?.txt", "**", "/src/*.c", "*/x.log",
        "a/**/z.txt",
        "!*.c", "**/.env", "s*/**/*.c", "*o?.txt", "f1*", "names/*", "a b/*", "{src,docs}/**/*.{c,txt}", "many/d0/d1/**", "*.[ch]", "**/n*",
        "\\#odd", "src/deep", "deep/", "d0/*",
    ]

    @Test func globsTheFilesThatRipgrepDoes() throws {
        for glob in SearchComparisonTests.globs { try compare(glob) }
    }

    private func compare(_ glob: String) throws {
        let matching = Set(try ripgrep.paths(["--files", "-uu", "-g", glob], in: tree.root))
        for (parameters, arguments) in [
            ("", []), (#""hidden":true"#, ["--hidden"]), (#""no_ignore":true"#, ["-u"]), (#""no_ignore":true,"hidden":true"#, ["-uu"]),
        ] {
            let expected = try ripgrep.paths(["--files"] + arguments, in: tree.root).filter { matching.contains($0) }
            let outcome = try client.call("search.glob") {
                $0.set("cwd", tree.root)
                $0.set("pattern", glob)
                $0.add(parameters)
            }
            #expect(paths(outcome).sorted { $0.lexicographicallyPrecedes($1) } == expected, "\(glob) \(arguments)")
        }
    }

    @Test func sortsByPathAsRipgrep() throws {
        let output = [UInt8](try ripgrep.run(["-0", "--files", "--sort", "path"], in: tree.root))
        let outcome = try client.call("search.glob") {
            $0.set("cwd", tree.root)
            $0.set("pattern", "*")
            $0.set("sort", "name")
        }
        #expect(paths(outcome) == output.split(separator: 0).map { Array($0) })
    }

    /// This repository's own sources, which have their share of everything.
    @Test func searchesThisRepositoryAsRipgrep() throws {
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().path
        for pattern in [#"func \w+\("#, "Limits", "(?i)executor", #"^\s+//"#, #"[^\x00-\x7F]"#, #"\)\s*->\s*\["#, "throws"] {
            #expect(
                try grep(in: sources) { $0.set("pattern", pattern) } == (try ripgrep.lines(["-e", pattern], in: sources)), "\(pattern)")
        }
    }

    // MARK: Answers

    private func grep(in directory: String, _ parameters: String = "", _ more: (inout JSONWriter) -> Void) throws -> [[UInt8]] {
        let outcome = try client.call("search.grep") {
            $0.set("cwd", directory)
            more(&$0)
            $0.add(parameters)
        }
        if let error = outcome.error { return [error.message] }
        var found: [[UInt8]] = []
        for line in (outcome.data[.content] ?? []).split(separator: 0x0A) {
            let value = try JSONParser.parse(Array(line))
            let match = try #require(SearchMatch(value))
            if let number = match.line {
                if SearchTree.dependsOnBuffers(match.path), !parameters.contains("late.dat") { continue }
                found.append(foundLine(match.path, Int(number), match.isContext, match.text))
            } else if let count = match.count {
                found.append(match.path + Array(":\(count)".utf8))
            } else if !match.isBinary {
                found.append(match.path)
            }
        }
        return found.sorted { $0.lexicographicallyPrecedes($1) }
    }

    private func paths(_ outcome: ExecutorClient.Outcome) -> [[UInt8]] {
        (outcome.data[.content] ?? []).split(separator: 0x0A).compactMap { (try? JSONParser.parse(Array($0)))?["path"]?.bytes }
    }
}

extension JSONWriter {
    /// The members of an object that is given without its braces.
    fileprivate mutating func add(_ text: String) {
        guard !text.isEmpty, let value = try? JSONParser.parse(Array("{\(text)}".utf8)), case .object(let members) = value else { return }
        self.members(of: members)
    }
}
