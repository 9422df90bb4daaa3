import CodexDoor
import Foundation
import PortalWire
import TestSupport
import Testing

/// The agent's calls about files, on a real sshd.
@Suite(.serialized) struct FileCallTests {
    let stage: DoorHost

    init() throws { stage = try DoorHost() }

    private func place(_ name: String) -> JSONValue { ["path": .file(stage.directory + "/" + name), "sandbox": .null] }

    private func bytes(_ value: JSONValue, _ name: Literal) -> [UInt8]? { value.string(name).flatMap { Base64.decode($0) } }

    @Test func metadataAndItsErrors() async throws {
        try stage.write("a.txt", "twelve bytes")
        try FileManager.default.createSymbolicLink(atPath: stage.directory + "/link", withDestinationPath: "a.txt")
        try FileManager.default.createSymbolicLink(atPath: stage.directory + "/dangling", withDestinationPath: "nowhere")
        let client = try await stage.client()
        let file = try await client.result("fs/getMetadata", place("a.txt"))
        #expect(
            file.bool("isFile") == true && file.bool("isDirectory") == false && file.bool("isSymlink") == false
                && file.integer("size") == 12)
        #expect((file.integer("modifiedAtMs") ?? 0) > 1_600_000_000_000 && file.integer("createdAtMs") == 0)
        let link = try await client.result("fs/getMetadata", place("link"))
        #expect(link.bool("isFile") == true && link.bool("isSymlink") == true && link.integer("size") == 12)
        for name in ["dangling", "nothing", "nothing/below", ".git"] {
            let missing = try await client.call("fs/getMetadata", place(name))
            #expect(missing.code == -32004 && missing.message == "No such file or directory (os error 2)", "\(name): \(missing)")
        }
        let below = try await client.call("fs/getMetadata", place("a.txt/below"))
        #expect(below.code == -32603 && below.message == "Not a directory (os error 20)", "\(below)")
        #expect(try await client.call("fs/getMetadata", ["path": "/no/uri", "sandbox": .null]).code == -32602)
        #expect(try await client.call("fs/getMetadata", [:]).code == -32602)
        #expect(try await client.call("fs/nothing", [:]).code == -32601)
    }

    @Test func filesAreReadAndWrittenWhole() async throws {
        let client = try await stage.client()
        #expect(
            try await client.call("fs/writeFile", ["path": .file(stage.directory + "/new/file"), "dataBase64": "aGk=", "sandbox": .null])
                .code == -32004)
        _ = try await client.result("fs/createDirectory", ["path": .file(stage.directory + "/new"), "recursive": true, "sandbox": .null])
        _ = try await client.result("fs/createDirectory", ["path": .file(stage.directory + "/new"), "recursive": true, "sandbox": .null])
        let again = try await client.call(
            "fs/createDirectory", ["path": .file(stage.directory + "/new"), "recursive": false, "sandbox": .null])
        #expect(again.code == -32603 && again.message == "File exists (os error 17)", "\(again)")
        _ = try await client.result("fs/writeFile", ["path": .file(stage.directory + "/new/file"), "dataBase64": "aGk=", "sandbox": .null])
        #expect(stage.content("new/file") == "hi")
        #expect(bytes(try await client.result("fs/readFile", place("new/file")), "dataBase64") == Array("hi".utf8))
        #expect(try await client.call("fs/readFile", place("new")).code == -32600)
        #expect(try await client.call("fs/readFile", place("none")).code == -32004)
        #expect(
            try await client.call("fs/writeFile", ["path": .file(stage.directory + "/x"), "dataBase64": "?", "sandbox": .null]).code
                == -32602)
        _ = try await client.result(
            "fs/remove", ["path": .file(stage.directory + "/new/file"), "recursive": false, "force": false, "sandbox": .null])
        #expect(stage.content("new/file") == nil)
        #expect(
            try await client.call(
                "fs/remove", ["path": .file(stage.directory + "/none"), "recursive": false, "force": false, "sandbox": .null]
            ).code == -32004)
        _ = try await client.result(
            "fs/remove", ["path": .file(stage.directory + "/none"), "recursive": false, "force": true, "sandbox": .null])
    }

    /// Other names of a file keep its content, as where the agent itself writes into it.
    @Test func aFileWithTwoNames() async throws {
        try stage.write("one", "old")
        try FileManager.default.linkItem(atPath: stage.directory + "/one", toPath: stage.directory + "/two")
        let client = try await stage.client()
        _ = try await client.result("fs/writeFile", ["path": .file(stage.directory + "/one"), "dataBase64": "aGk=", "sandbox": .null])
        #expect(stage.content("two") == "hi")
    }

    @Test func directoriesTreesAndCopies() async throws {
        try stage.write("skills/one/SKILL.md", "1")
        try stage.write("skills/.hidden/x", "2")
        try stage.write("elsewhere/two/SKILL.md", "3")
        try FileManager.default.createSymbolicLink(atPath: stage.directory + "/skills/linked", withDestinationPath: "../elsewhere/two")
        try FileManager.default.createSymbolicLink(atPath: stage.directory + "/elsewhere/two/loop", withDestinationPath: "../../skills")
        let client = try await stage.client()
        let listed = try await client.result("fs/readDirectory", place("skills"))
        let entries = (listed.array("entries") ?? []).map { "\($0.text("fileName") ?? "?") \($0.bool("isDirectory") == true)" }
        #expect(entries.sorted() == [".hidden true", "linked true", "one true"])

        var options: JSONValue {
            ["maxDepth": 6, "maxDirectories": 2000, "maxEntries": 20000, "followDirectorySymlinks": true, "pruneHiddenDirectories": true]
        }
        let walked = try await client.result("fs/walk", ["path": .file(stage.directory + "/skills"), "options": options, "sandbox": .null])
        let base = "file://\(stage.directory)/skills/"
        let found = (walked.array("entries") ?? []).map { "\($0.text("kind") ?? "?") \(($0.text("path") ?? "").dropFirst(base.count))" }
        #expect(
            found.sorted() == ["directory linked", "directory linked/loop", "directory one", "file linked/SKILL.md", "file one/SKILL.md"],
            "\(found)")
        #expect(walked.bool("truncated") == false && walked.array("errors")?.isEmpty == true)
        let few = try await client.result(
            "fs/walk",
            ["path": .file(stage.directory), "options": ["maxDepth": 6, "maxDirectories": 2000, "maxEntries": 2], "sandbox": .null])
        #expect(few.bool("truncated") == true && few.array("entries")?.count == 2)
        #expect(
            try await client.call("fs/walk", ["path": .file(stage.directory + "/none"), "options": options, "sandbox": .null]).code
                == -32004)

        let copy: JSONValue = [
            "sourcePath": .file(stage.directory + "/skills/one"), "destinationPath": .file(stage.directory + "/copied"), "recursive": false,
            "sandbox": .null,
        ]
        #expect(try await client.call("fs/copy", copy).code == -32600)
        var members = copy.members ?? []
        members[2].value = true
        _ = try await client.result("fs/copy", .object(members))
        #expect(stage.content("copied/SKILL.md") == "1")
        let real = try await client.result("fs/canonicalize", place("skills/linked/../two"))
        #expect(real.text("path") == "file://\(URL(fileURLWithPath: stage.directory).resolvingSymlinksInPath().path)/elsewhere/two")
    }

    @Test func blocks() async throws {
        try stage.write("read", String(repeating: "0123456789", count: 100_000))
        let client = try await stage.client()
        _ = try await client.result("fs/open", ["handleId": "r", "path": .file(stage.directory + "/read"), "sandbox": .null])
        #expect(
            try await client.call("fs/open", ["handleId": "r", "path": .file(stage.directory + "/read"), "sandbox": .null]).code == -32600)
        let first = try await client.result("fs/readBlock", ["handleId": "r", "offset": 999_995, "len": 3])
        #expect(bytes(first, "chunk") == Array("567".utf8) && first.bool("eof") == false)
        let last = try await client.result("fs/readBlock", ["handleId": "r", "offset": 999_995, "len": 1000])
        #expect(bytes(last, "chunk") == Array("56789".utf8) && last.bool("eof") == true)
        try stage.write("read", "another")
        #expect(try await client.call("fs/readBlock", ["handleId": "r", "offset": 0, "len": 3]).code == -32603)
        _ = try await client.result("fs/close", ["handleId": "r"])
        #expect(try await client.call("fs/readBlock", ["handleId": "r", "offset": 0, "len": 3]).code == -32600)

        try stage.write("written", "old and longer")
        _ = try await client.result(
            "fs/open", ["handleId": "w", "path": .file(stage.directory + "/written"), "mode": "replace", "sandbox": .null])
        _ = try await client.result("fs/writeBlock", ["handleId": "w", "offset": 0, "chunk": .string(Base64.encode(Array("new ".utf8)))])
        #expect(try await client.call("fs/writeBlock", ["handleId": "w", "offset": 9, "chunk": "aGk="]).code == -32600)
        _ = try await client.result("fs/writeBlock", ["handleId": "w", "offset": 4, "chunk": .string(Base64.encode(Array("one".utf8)))])
        _ = try await client.result("fs/close", ["handleId": "w"])
        #expect(stage.content("written") == "new one")
        _ = try await client.result(
            "fs/open", ["handleId": "n", "path": .file(stage.directory + "/no/where"), "mode": "replace", "sandbox": .null])
        #expect(try await client.call("fs/close", ["handleId": "n"]).code == -32004)
    }

    /// 20 MB, as of a patch to a large file: three lines of 27 MB.
    @Test func aFileOfTwentyMegabytes() async throws {
        let content = String(repeating: "a line of a large file, which is changed in the middle\n", count: 364_000)
        try stage.write("large", content)
        let client = try await stage.client()
        let read = try await client.result("fs/readFile", place("large"), seconds: 120)
        let text = try #require(read.string("dataBase64"))
        _ = try await client.result(
            "fs/writeFile", ["path": .file(stage.directory + "/copy"), "dataBase64": .string(text), "sandbox": .null], seconds: 120)
        #expect(FileManager.default.contentsEqual(atPath: stage.directory + "/large", andPath: stage.directory + "/copy"))
    }

    @Test func pathsAreMapped() async throws {
        try stage.write("a.txt", "there")
        var options = CodexDoor.Options()
        options.map = PathMap([(here: Array("/nowhere/here".utf8), there: Array(stage.directory.utf8))])
        let client = try await stage.client(options)
        let read = try await client.result("fs/readFile", ["path": "file:///nowhere/here/a.txt", "sandbox": .null])
        #expect(bytes(read, "dataBase64") == Array("there".utf8))
        let real = try await client.result("fs/canonicalize", ["path": "file:///nowhere/here/a.txt", "sandbox": .null])
        #expect(real.text("path") == "file:///nowhere/here/a.txt")
        _ = try await client.result("process/start", .start("p", ["pwd"], in: "/nowhere/here"))
        #expect(try await client.end(of: "p") == 0)
        #expect(client.printed(by: "p") == stage.directory + "\n")
    }
}
