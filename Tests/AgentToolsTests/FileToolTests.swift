import DoorSupport
import Foundation
import PortalWire
import Testing

@testable import AgentTools

/// Read, Write and Edit on a real host.
@Suite(.serialized) struct FileToolTests {
    let stage: ToolStage

    init() throws { stage = try ToolStage() }

    @Test func readingLines() async throws {
        try stage.write("a", "one\ntwo\nthree\n")
        try stage.write("empty", "")
        try stage.write("long", (1...3000).map { "\($0)\n" }.joined())
        #expect(await stage.call("Read", ["file_path": "a"]) == "1\tone\n2\ttwo\n3\tthree\n4\t")
        #expect(await stage.call("Read", ["file_path": "a", "offset": 2, "limit": 1]) == "2\ttwo")
        #expect(await stage.call("Read", ["file_path": .text(stage.directory + "/a"), "offset": "3"]) == "3\tthree\n4\t")
        #expect(
            await stage.call("Read", ["file_path": "empty"])
                == "<system-reminder>Warning: the file exists but the contents are empty.</system-reminder>")
        #expect(
            await stage.call("Read", ["file_path": "a", "offset": 9])
                == "<system-reminder>Warning: the file exists but is shorter than the provided offset (9). The file has 3 lines.</system-reminder>"
        )
        let long = await stage.call("Read", ["file_path": "long"])
        #expect(
            long.hasPrefix("1\t1\n2\t2\n") && long.hasSuffix("\n2000\t2000\n\n(These are lines 1 to 2000 of 3000; offset 2001 reads on.)"))
        #expect(
            await stage.call("Read", ["file_path": "none"])
                == "error: File does not exist. Note: your current working directory is \(stage.directory).")
        #expect(
            await stage.call("Read", ["file_path": "."])
                == "error: EISDIR: illegal operation on a directory, read '\(stage.directory)'. List shows what is in it.")
    }

    @Test func whatIsTooLargeOrNoText() async throws {
        try stage.write("large", String(repeating: String(repeating: "x", count: 1023) + "\n", count: 300))
        #expect(
            await stage.call("Read", ["file_path": "large"])
                == "error: File content (300KB) exceeds maximum allowed size (256KB). Use offset and limit parameters to read specific portions of the "
                + "file, or search for specific content instead of reading the whole file.")
        #expect(await stage.call("Read", ["file_path": "large", "allow_large": true]).hasPrefix("1\txxx"))
        #expect(await stage.call("Read", ["file_path": "large", "offset": 290]).hasPrefix("290\txxx"))
        try stage.write("program", Data([0x7F, 0x45, 0x4C, 0x46, 0, 1, 2, 3]))
        #expect(
            await stage.call("Read", ["file_path": "program"])
                == "error: This tool cannot read binary files. \(stage.directory)/program is an ELF program or library of 8 bytes. Use Bash with a "
                + "program for such files.")
    }

    @Test func picturesAndNotebooks() async throws {
        let png = Data([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A] + (0..<200).map { UInt8($0) })
        try stage.write("a.PNG", png)
        let result = await stage.session.call("Read", ["file_path": "a.PNG"])
        #expect(result?.content == [.image([UInt8](png), type: "image/png")] && result?.isError == false)
        try stage.write("text.png", "no picture\n")
        #expect(await stage.call("Read", ["file_path": "text.png"]) == "1\tno picture\n2\t")
        try stage.write("big.png", png + Data(repeating: 1, count: ReadTool.mostImageBytes))
        #expect(
            await stage.call("Read", ["file_path": "big.png"]).hasPrefix("error: \(stage.directory)/big.png is a picture of 3932368 bytes"))
        try stage.write("a.ipynb", #"{"cells":[{"cell_type":"code","source":["x = 1"],"outputs":[]}]}"#)
        #expect(await stage.call("Read", ["file_path": "a.ipynb"]) == #"<cell id="cell-0">x = 1</cell id="cell-0">"#)
    }

    @Test func writing() async throws {
        let path = stage.directory + "/new/deep/a"
        let note = "(file state is current in your context — no need to Read it back)"
        #expect(
            await stage.call("Write", ["file_path": "new/deep/a", "content": "1\n"]) == "File created successfully at: \(path) \(note)")
        #expect(
            await stage.call("Write", ["file_path": "new/deep/a", "content": "2\n"])
                == "The file \(path) has been updated successfully. \(note)")
        #expect(stage.content("new/deep/a") == "2\n")
        try stage.write("theirs", "before\n")
        #expect(
            await stage.call("Write", ["file_path": "theirs", "content": "x"])
                == "error: File has not been read yet. Read it first before writing to it.")
        _ = await stage.call("Read", ["file_path": "theirs"])
        try stage.write("theirs", "changed\n")
        #expect(await stage.call("Write", ["file_path": "theirs", "content": "x"]).hasPrefix("error: File has been modified since read"))
        #expect(stage.content("theirs") == "changed\n")
        _ = await stage.call("Read", ["file_path": "theirs"])
        try FileManager.default.removeItem(atPath: stage.directory + "/theirs")
        #expect(await stage.call("Write", ["file_path": "theirs", "content": "x"]).hasPrefix("File created successfully"))
        let large = String(repeating: "0123456789abcde\n", count: 200_000)
        #expect(await stage.call("Write", ["file_path": "large", "content": .text(large)]).hasPrefix("File created successfully"))
        #expect(stage.content("large") == large)
    }

    @Test func editing() async throws {
        try stage.write("a", "one\ntwo\none\n")
        let path = stage.directory + "/a"
        func edit(_ old: String, _ new: String, all: Bool = false) async -> String {
            await stage.call("Edit", ["file_path": "a", "old_string": .text(old), "new_string": .text(new), "replace_all": .bool(all)])
        }
        #expect(await edit("two", "2") == "error: File has not been read yet. Read it first before writing to it.")
        _ = await stage.call("Read", ["file_path": "a"])
        #expect(await edit("two", "2").hasPrefix("The file \(path) has been updated successfully. ("))
        #expect(
            await edit("one", "1")
                == "error: Found 2 matches of the string to replace, but replace_all is false. To replace all occurrences, set replace_all to true. To "
                + "replace only one occurrence, please provide more context to uniquely identify the instance. They are in lines 1, 3.\nString: one"
        )
        #expect(
            await edit("one", "1", all: true).hasPrefix("The file \(path) has been updated. All occurrences were successfully replaced. ("))
        #expect(stage.content("a") == "1\n2\n1\n")
        #expect(await edit("three", "3").hasPrefix("error: String to replace not found in file.\nString: three"))
        #expect(await edit("1", "1") == "error: No changes to make: old_string and new_string are exactly the same.")
        try stage.write("a", "other\n")
        #expect(await edit("other", "x").hasPrefix("error: File has been modified since read"))
        #expect(
            await stage.call("Edit", ["file_path": "none", "old_string": "a", "new_string": "b"])
                == "error: File does not exist. Note: your current working directory is \(stage.directory).")
        #expect(
            await stage.call("Edit", ["file_path": "made", "old_string": "", "new_string": "x"]).hasPrefix("File created successfully"))
        #expect(
            await stage.call("Edit", ["file_path": "made", "old_string": "", "new_string": "y"])
                == "error: Cannot create new file - file already exists.")
    }

    /// Parallel calls of one turn: each edit begins with what the one before has made.
    @Test func editsOfOneFileAtOnce() async throws {
        try stage.write("a", (0..<20).map { "<\($0)>\n" }.joined())
        _ = await stage.call("Read", ["file_path": "a"])
        let stage = stage
        let texts = await withTaskGroup(of: String.self) { group in
            for number in 0..<20 {
                group.addTask {
                    await stage.call("Edit", ["file_path": "a", "old_string": .text("<\(number)>"), "new_string": .text("[\(number)]")])
                }
            }
            return await group.reduce(into: [String]()) { $0.append($1) }
        }
        #expect(texts.allSatisfy { $0.hasPrefix("The file") }, "\(texts)")
        #expect(stage.content("a") == (0..<20).map { "[\($0)]\n" }.joined())
    }

    @Test func aConfinedSessionStaysInItsWorkspace() async throws {
        let stage = try ToolStage(confined: true)
        try stage.write("in", "inside\n")
        let outside = stage.host.home.path + "/outside"
        try Data("secret\n".utf8).write(to: URL(fileURLWithPath: outside))
        try FileManager.default.createSymbolicLink(atPath: stage.directory + "/link", withDestinationPath: outside)
        try FileManager.default.createSymbolicLink(
            atPath: stage.directory + "/nowhere", withDestinationPath: stage.host.home.path + "/made")
        try FileManager.default.createSymbolicLink(atPath: stage.directory + "/up", withDestinationPath: "..")
        #expect(await stage.call("Read", ["file_path": "in"]) == "1\tinside\n2\t")
        #expect(await stage.call("Write", ["file_path": "new/file", "content": "x"]).hasPrefix("File created"))
        for path in ["link", "../outside", outside, "up/outside", "~/outside", "/etc/passwd"] {
            let text = await stage.call("Read", ["file_path": .text(path)])
            #expect(text.contains("is outside of the workspace") && text.hasPrefix("error: "), "\(path): \(text)")
        }
        for path in ["nowhere", "nowhere/x", "up/made", "/made-by-a-test"] {
            let text = await stage.call("Write", ["file_path": .text(path), "content": "x"])
            #expect(text.hasPrefix("error: "), "\(path): \(text)")
        }
        #expect(!FileManager.default.fileExists(atPath: stage.host.home.path + "/made"))
        for (tool, input) in [("Grep", ["pattern": "secret", "path": ".."]), ("Glob", ["pattern": "/etc/*"]), ("List", ["path": "/"])]
            as [(String, JSONValue)]
        {
            #expect(await stage.call(tool, input).contains("is outside of the workspace"), "\(tool)")
        }
        #expect(await stage.bash("cd /; pwd") == "/\nShell cwd was reset to \(stage.directory)")
        #expect(await stage.bash("pwd") == stage.directory)
    }
}
