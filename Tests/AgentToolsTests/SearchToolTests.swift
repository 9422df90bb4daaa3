import DoorSupport
import Foundation
import PortalWire
import Testing

@testable import AgentTools

/// Grep, Glob, List and Host on a real host.
@Suite(.serialized) struct SearchToolTests {
    let stage: ToolStage

    init() throws {
        stage = try ToolStage()
        try stage.write(".gitignore", "ignored\n")
        try stage.write("src/a.c", "int a;\nint b; // TODO\nint c;\n")
        try stage.write("src/b.h", "// TODO\n// todo\n")
        try stage.write("ignored", "TODO\n")
        try stage.write(".hidden", "TODO\n")
        try stage.write(".git/config", "TODO\n")
        for (age, name) in ["src/a.c", "src/b.h", ".hidden"].enumerated() {
            try FileManager.default.setAttributes(
                [.modificationDate: Date(timeIntervalSinceNow: Double(-100 * (age + 1)))], ofItemAtPath: stage.directory + "/" + name)
        }
    }

    @Test func grep() async throws {
        func grep(_ input: [(String, JSONValue)]) async -> String { await stage.call("Grep", .object([("pattern", "TODO")] + input)) }
        #expect(await grep([]) == "Found 3 files\nsrc/a.c\nsrc/b.h\n.hidden")
        #expect(await grep([("path", "src")]) == "Found 2 files\nsrc/a.c\nsrc/b.h")
        #expect(await grep([("path", .text(stage.directory + "/src/a.c"))]) == "Found 1 file\nsrc/a.c")
        #expect(await grep([("head_limit", 1)]) == "Found 1 file limit: 1\nsrc/a.c")
        #expect(await grep([("head_limit", 1), ("offset", 2)]) == "Found 1 file offset: 2\n.hidden")
        #expect(await grep([("glob", "*.h")]) == "Found 1 file\nsrc/b.h")
        #expect(await grep([("type", "c")]) == "Found 2 files\nsrc/a.c\nsrc/b.h")
        #expect(await grep([("type", "nonsense")]).hasPrefix("error: there is no file type nonsense"))
        #expect(
            await grep([("output_mode", "count"), ("-i", true)])
                == ".hidden:1\nsrc/a.c:1\nsrc/b.h:2\n\nFound 4 total occurrences across 3 files.")
        #expect(await grep([("output_mode", "content"), ("path", "src")]) == "src/a.c:2:int b; // TODO\nsrc/b.h:1:// TODO")
        #expect(
            await grep([("output_mode", "content"), ("path", "src"), ("-C", 1)])
                == "src/a.c-1-int a;\nsrc/a.c:2:int b; // TODO\nsrc/a.c-3-int c;\n--\nsrc/b.h:1:// TODO\nsrc/b.h-2-// todo")
        #expect(await grep([("output_mode", "content"), ("path", "src/a.c"), ("-n", false)]) == "int b; // TODO")
        #expect(
            await grep([("output_mode", "content"), ("head_limit", 1)])
                == ".hidden:1:TODO\n\n[Showing results with pagination = limit: 1]")
        #expect(await stage.call("Grep", ["pattern": "absent"]) == "No files found")
        #expect(await stage.call("Grep", ["pattern": "absent", "output_mode": "content"]) == "No matches found")
        #expect(await stage.call("Grep", ["pattern": "("]).hasPrefix("error: the pattern cannot be used"))
        #expect(
            await stage.call("Grep", ["pattern": "a", "path": "none"])
                == "error: Path does not exist: \(stage.directory)/none. Note: your current working directory is \(stage.directory).")
    }

    @Test func grepWithTheHostsRipgrep() async throws {
        let several = await stage.call("Grep", ["pattern": "a;.int b", "multiline": true])
        let parts = await stage.call("Grep", ["pattern": "TO..", "-o": true, "output_mode": "content", "path": "src"])
        if await stage.bash("command -v rg").hasPrefix("/") {
            #expect(several == "Found 1 file\nsrc/a.c")
            #expect(parts == "src/a.c:2:TODO\nsrc/b.h:1:TODO")
        } else {
            #expect(several.hasPrefix("error: Grep: multiline and -o need ripgrep (rg) on the host") && parts == several)
        }
    }

    @Test func glob() async throws {
        #expect(await stage.call("Glob", ["pattern": "**/*.{c,h}"]) == "src/b.h\nsrc/a.c")
        #expect(await stage.call("Glob", ["pattern": "*.h", "path": "src"]) == "src/b.h")
        #expect(await stage.call("Glob", ["pattern": .text(stage.directory + "/src/*.c")]) == "src/a.c")
        #expect(await stage.call("Glob", ["pattern": "ignored"]) == "ignored")
        #expect(await stage.call("Glob", ["pattern": "*.none"]) == "No files found")
        for number in 0..<101 { try stage.write("many/\(number)", "") }
        let many = await stage.call("Glob", ["pattern": "many/*"])
        #expect(many.hasSuffix("\n(Results are truncated. Consider using a more specific path or pattern.)"))
        #expect(many.split(separator: "\n").count == 101)
    }

    @Test func list() async throws {
        #expect(await stage.call("List", ["ignore": [".*"]]) == "\(stage.directory):\nignored (5)\nsrc/")
        #expect(await stage.call("List", ["path": "src", "depth": 2]) == "\(stage.directory)/src:\na.c (29)\nb.h (16)")
        #expect(await stage.call("List", ["path": "none"]).hasPrefix("error: Path does not exist"))
    }

    @Test func host() async throws {
        let text = await stage.call("Host", [:])
        #expect(text.contains("System: Linux ") && text.contains("Workspace: \(stage.directory)\n") && text.contains("Connection: ready"))
        let instructions = await stage.session.instructions(milliseconds: 10_000)
        #expect(instructions.contains("in the directory \(stage.directory),") && instructions.contains("Linux"))
    }
}
