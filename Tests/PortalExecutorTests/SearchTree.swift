import Foundation

/// A tree with everything that ignore rules, binary detection and line counting can trip over; the same at every run.
final class SearchTree {
    let scratch: Scratch
    let root: String
    /// A home with Git's global excludes in it.
    let home: String
    private var random: UInt64 = 7

    init() throws {
        scratch = try Scratch()
        root = scratch.path + "/tree"
        home = scratch.path + "/home"
        try write("../home/.config/git/ignore", "*.globalignored\n")
        try makeTexts()
        try makeIgnoreFiles()
        try makeOddities()
    }

    private func next(_ bound: Int) -> Int {
        random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((random >> 33) % UInt64(bound))
    }

    private func write(_ path: String, _ text: String) throws { try write(path, Data(text.utf8)) }

    private func write(_ path: String, _ data: Data) throws {
        let url = URL(fileURLWithPath: root + "/" + path)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try data.write(to: url)
    }

    private static let words = [
        "alpha", "beta", "gamma", "delta", "foo", "bar", "foobar", "Foo", "BAR", "baz_qux", "error", "warning", "fn", "main", "return",
        "struct", "impl", "12345", "0xFF", "a.b.c", "TODO:", "é", "ñandú", "Straße", "Жук", "жук", "ΣΑΣ", "naïve", "x=y;", "{}", "()", "[]",
        "<T>", "foo_bar", "fooBar", "", "tab\tsep",
    ]

    private func text(_ lines: Int, feed: String = "\n") -> String {
        let rows = (0..<lines).map { _ in
            (0..<next(10)).map { _ in SearchTree.words[next(SearchTree.words.count)] }.joined(separator: " ")
        }
        return rows.joined(separator: feed) + (next(5) > 0 ? "\n" : "")
    }

    private func makeTexts() throws {
        let extensions = ["c", "h", "rs", "swift", "txt", "md", "log", "py", "min.js", "o"]
        let folders = [
            "", "src/", "src/deep/", "src/deep/er/", "docs/", "build/", "target/debug/", "vendor/lib/", "a b/", ".hidden/",
            "node_modules/x/",
        ]
        for index in 0..<60 {
            try write(
                "\(folders[next(folders.count)])f\(index).\(extensions[next(extensions.count)])",
                text(next(80), feed: index % 7 == 0 ? "\r\n" : "\n"))
        }
        for index in 0..<20 {
            try write("many/" + (0..<index % 6).map { "d\($0)/" }.joined() + "m\(index).c", text(300))
        }
        for name in [
            "keep.log", "x.log", "ignored-by-ignore.txt", "excluded.txt", "#odd", "docs/a.txt", "docs/wanted.txt", "docs/sub/gen1.c",
            "docs/gen2.c", "src/README.md", "src/x.md", "src/only-here.txt", "only-here.txt", "src/deep/a.log", "src/deep/secret1.c",
            "src/deep/q.tmp", "thumbs.db", "Thumbs.db", "vendor/lib/v.c", "vendor/v.c", "a/z.txt", "a/b/c/z.txt", "foo1.txt", "foo3.txt",
            "build/kept.txt", ".hid.c", "src/.env", "sub/nested/x.log", "sub/nested/n.c", "sp ace.txt", "tgt/target", "target.txt",
            "x/build/in.c", "x.globalignored", "bin/plain.txt",
        ] { try write(name, text(12)) }
    }

    private func makeIgnoreFiles() throws {
        try write(
            ".gitignore",
            """
            *.log
            /build
            target/
            !keep.log
            # a comment
            \\#odd
            node_modules
            docs/**/gen*
            *.o\u{20}
            src/deep/*.tmp
            [Tt]humbs.db
            vendor/**
            !vendor/lib
            a/**/z.txt
            foo{1,2}.txt

            """)
        try write("src/.gitignore", "*.md\n!README.md\n/only-here.txt\n")
        try write("src/deep/.gitignore", "!*.log\nsecret*\n")
        try write(".ignore", "ignored-by-ignore.txt\n!build/kept.txt\n")
        try write("docs/.rgignore", "*.txt\n!/wanted.txt\n")
        try write("docs/.ignore", "wanted.txt\n")
        try write("sub/nested/.gitignore", "n.c\n")
        try write("sub/nested/.git/HEAD", "foo\n")
        try write(".git/HEAD", "foo\n")
        try write(".git/info/exclude", "excluded.txt\n")
    }

    /// Where ripgrep's thread had read a long line before, its buffer is longer, and it comes to this file's NUL before it has printed anything.
    static func dependsOnBuffers(_ path: [UInt8]) -> Bool { path.suffix(8) == Array("late.dat".utf8)[...] }

    private func makeOddities() throws {
        try write("bin/zero.dat", Data("foo bar\nalpha\n\0\0binary foo\n".utf8))
        try write("bin/late.dat", Data((String(repeating: "foo alpha\n", count: 9000) + "\0foo\nalpha").utf8))
        try write("bin/start.dat", Data([0, 1, 2] + Array("foo".utf8)))
        try write(
            "bin/latin1.txt",
            Data(Array("caf\u{1}".utf8) + [0xE9] + Array(" foo\nna".utf8) + [0xEF] + Array("ve\n".utf8) + [0xFF, 0xFE, 0x0A]))
        try write("bin/bom.txt", "\u{FEFF}foo first\nsecond foo\n")
        try write("long/one.txt", String(repeating: "x", count: 200_000) + "foo" + String(repeating: "y", count: 100_000) + "\nshort foo\n")
        try write("long/nolf.txt", "alpha foo")
        try write("long/empty.txt", "")
        try write("long/blank.txt", "\n\n\nfoo\n\n")
        try write("names/ünï.txt", "foo ünï\n")
        try write("names/new\nline.txt", "foo new\n")
        // A name that is no UTF-8: Foundation cannot make it.
        let name = Array((root + "/names/bad").utf8) + [0xFF, 0xFE, 0]
        let descriptor = name.withUnsafeBytes { open($0.baseAddress!.assumingMemoryBound(to: CChar.self), O_CREAT | O_WRONLY, 0o644) }
        _ = "foo alpha\n".utf8.withContiguousStorageIfAvailable { Glibc.write(descriptor, $0.baseAddress, $0.count) }
        close(descriptor)
        try FileManager.default.createSymbolicLink(atPath: root + "/names/link", withDestinationPath: "../src")
        try FileManager.default.createSymbolicLink(atPath: root + "/names/flink.txt", withDestinationPath: "ünï.txt")
    }
}

/// The ripgrep that `Scripts/setup test` installs.
struct Ripgrep {
    static let program = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent(".tools/venv/bin/rg").path
    let home: String

    struct Missing: Error, CustomStringConvertible {
        let description = "there is no ripgrep in .tools; `Scripts/setup test` installs it"
    }

    /// Its output. It has ended when that has; nothing waits for its status.
    func run(_ arguments: [String], in directory: String) throws -> Data {
        guard FileManager.default.isExecutableFile(atPath: Ripgrep.program) else { throw Missing() }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Ripgrep.program)
        process.arguments = ["--no-config"] + arguments
        process.currentDirectoryURL = URL(fileURLWithPath: directory)
        process.environment = ["HOME": home, "PATH": "/usr/bin:/bin"]
        process.standardInput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe
        try process.run()
        return pipe.fileHandleForReading.readDataToEndOfFile()
    }

    /// The lines that it finds, each as `path:number:mark:text`, sorted; the text is cut as an executor cuts it.
    func lines(_ arguments: [String], in directory: String) throws -> [[UInt8]] {
        var lines: [[UInt8]] = []
        for line in try run(["--json"] + arguments, in: directory).split(separator: 0x0A) {
            guard let event = try JSONSerialization.jsonObject(with: Data(line)) as? [String: Any], let type = event["type"] as? String,
                type == "match" || type == "context", let data = event["data"] as? [String: Any], let number = data["line_number"] as? Int
            else { continue }
            let path = bytes(data["path"])
            if SearchTree.dependsOnBuffers(path), !arguments.contains("late.dat") { continue }
            var text = bytes(data["lines"])
            if text.last == 0x0A { text.removeLast() }
            lines.append(foundLine(path, number, type == "context", Array(text.prefix(65536))))
        }
        return lines.sorted { $0.lexicographicallyPrecedes($1) }
    }

    private func bytes(_ value: Any?) -> [UInt8] {
        guard let value = value as? [String: String] else { return [] }
        if let text = value["text"] { return Array(text.utf8) }
        return Array(Data(base64Encoded: value["bytes"] ?? "") ?? Data())
    }

    /// Paths, or with `--count` paths and numbers, that it prints with a NUL behind each path.
    func paths(_ arguments: [String], in directory: String) throws -> [[UInt8]] {
        let isCount = arguments.contains("-c")
        let output = [UInt8](try run(["-0"] + arguments, in: directory))
        let separator: UInt8 = isCount ? 0x0A : 0
        // A name may have a line feed in it: with counts, that path is put together again.
        let parts = output.split(separator: separator).map { Array($0) }
        guard isCount else { return parts.sorted { $0.lexicographicallyPrecedes($1) } }
        var whole: [[UInt8]] = []
        var open: [UInt8] = []
        for part in parts {
            open += open.isEmpty ? part : [0x0A] + part
            guard open.contains(0) else { continue }
            whole.append(open.map { $0 == 0 ? 0x3A : $0 })
            open = []
        }
        return whole.sorted { $0.lexicographicallyPrecedes($1) }
    }
}

func foundLine(_ path: [UInt8], _ number: Int, _ isContext: Bool, _ text: [UInt8]) -> [UInt8] {
    path + Array(":\(number)\(isContext ? "-" : ":")".utf8) + text
}
