import DoorSupport
import Foundation
import PortalWire
import Testing

@testable import AgentLaunch

/// Lasting configuration: what is changed in files, and that everything else stays.
struct SetupTests {
    private let folder: Folder
    private let call = PortalCall(executable: "/usr/bin/portal", target: "box:/srv/app")

    init() throws { folder = try Folder() }

    private func put(_ name: String, _ text: String) throws {
        let file = URL(fileURLWithPath: "\(folder.path)/\(name)")
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
    }

    private func setUp(_ agent: AgentSetup, _ call: PortalCall?) throws {
        for change in try agent.changes(call, directory: folder.path, environment: ["HOME": folder.path]) where !change.isEmpty {
            #expect(change.difference.contains(change.new == nil ? "+++ /dev/null" : "+++ \(change.path)"))
            try change.apply()
        }
    }

    // MARK: All of them

    /// Where nothing was, nothing is left, and to do it twice is to do it once.
    @Test(arguments: AgentSetup.allCases) func whatIsSetUpCanBeRemoved(_ agent: AgentSetup) throws {
        try setUp(agent, call)
        let files = Set(try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { folder.text($0) != nil })
        #expect(!files.isEmpty)
        #expect(try agent.changes(call, directory: folder.path, environment: ["HOME": folder.path]).allSatisfy { $0.isEmpty })
        try setUp(agent, PortalCall(executable: "/usr/bin/portal", target: "other:/data"))
        let all = files.compactMap { folder.text($0) }.joined()
        #expect(all.contains("other:/data") && !all.contains("box:/srv/app"))
        try setUp(agent, nil)
        #expect(try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { folder.text($0) != nil } == [])
    }

    private static let existing: [(AgentSetup, String, String)] = [
        (.claude, ".mcp.json", #"{ "mcpServers": { "mine": { "command": "x" } } }"# + "\n"),
        (
            .claude, ".claude/settings.local.json",
            "{\n    \"permissions\": {\n        \"deny\": [\n            \"Read(.env)\",\n            \"Bash\"\n        ]\n    },\n    \"model\": \"opus\"\n}"
        ),
        (
            .gemini, ".gemini/settings.json",
            "{\n\t// mine\n\t\"ui\": {\"theme\": \"a\",},\n\t\"tools\": {\"exclude\": [\"web_fetch\"]}\n}\n"
        ),
        (.cursor, ".cursor/mcp.json", "{\"mcpServers\":{}}"),
        (.opencode, "opencode.jsonc", "{\n  /* mine */ \"permission\": { \"webfetch\": \"ask\" }\n}\n"),
        (.codex, ".codex/environments.toml", "default = \"other\" # mine\n\n[[environments]]\nid = \"other\"\nprogram = \"x\"\n"),
    ]

    /// What somebody has in the files stays as it is, to the byte, when portal's part has come and gone; the mode and links stay too.
    @Test(arguments: existing) func whatIsThereStays(_ agent: AgentSetup, _ name: String, _ text: String) throws {
        try put("real/\(name)", text)
        let file = "\(folder.path)/\(name)"
        try FileManager.default.createDirectory(
            at: URL(fileURLWithPath: file).deletingLastPathComponent(), withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: file, withDestinationPath: "\(folder.path)/real/\(name)")
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: "\(folder.path)/real/\(name)")
        try setUp(agent, call)
        let changed = try #require(folder.text(name))
        #expect(changed != text)
        #expect(changed.contains("mine") == text.contains("mine"))
        let attributes = try FileManager.default.attributesOfItem(atPath: "\(folder.path)/real/\(name)")
        #expect(attributes[.posixPermissions] as? Int == 0o640)
        #expect((try? FileManager.default.destinationOfSymbolicLink(atPath: file)) != nil)
        try setUp(agent, nil)
        // An empty object that portal's server was the only member of is not kept.
        #expect(folder.text(name) == (text == "{\"mcpServers\":{}}" ? nil : text))
    }

    @Test(arguments: [(AgentSetup.claude, ".mcp.json"), (.gemini, ".gemini/settings.json"), (.opencode, "opencode.json")])
    func aFileThatIsNoJSONIsNotTouched(_ agent: AgentSetup, _ name: String) throws {
        for text in ["", "[1]", "{\"a\": }", "{\"a\": 1", "{} x", "{'a': 1}"] {
            try put(name, text)
            #expect(throws: AgentLaunchError.self) { try setUp(agent, call) }
            #expect(folder.text(name) == text)
        }
    }

    @Test func aFileThatChangesMeanwhileIsNotOverwritten() throws {
        let changes = try AgentSetup.cursor.changes(call, directory: folder.path, environment: [:])
        try put(".cursor/mcp.json", "{}")
        #expect(throws: AgentLaunchError.self) { try changes[0].apply() }
        #expect(folder.text(".cursor/mcp.json") == "{}")
    }

    // MARK: Each

    @Test func claude() throws {
        try put(".claude/settings.local.json", #"{"permissions": {"allow": ["WebFetch"], "deny": ["Bash"]}}"#)
        try setUp(.claude, call)
        let server = try #require(JSONText(Array((folder.text(".mcp.json") ?? "").utf8), path: "").value(["mcpServers", "portal"]))
        #expect(server.text("command") == "/usr/bin/portal")
        #expect(server["args"]?.array?.compactMap(\.text) == ["mcp", "box:/srv/app"])
        let settings = try JSONParser.parse(Array((folder.text(".claude/settings.local.json") ?? "").utf8))
        let denied = settings["permissions"]?["deny"]?.array?.compactMap(\.text) ?? []
        #expect(Set(denied) == Set(ClaudePreparation.toolsThatActHere) && denied.count == ClaudePreparation.toolsThatActHere.count)
        #expect(settings["enabledMcpjsonServers"]?.array?.compactMap(\.text) == ["portal"])
        try setUp(.claude, nil)
        #expect(folder.text(".claude/settings.local.json") == #"{"permissions": {"allow": ["WebFetch"], "deny": ["Bash"]}}"#)
    }

    @Test func codex() throws {
        try put(".codex/environments.toml", "include_local = true\n[[environments]]\nid = \"other\"\n")
        try setUp(.codex, call)
        #expect(
            folder.text(".codex/environments.toml") == """
                # portal setup: begin
                default = "box"
                include_local = false
                # portal setup: end
                # portal setup: before: include_local = true
                [[environments]]
                id = "other"
                # portal setup: begin
                [[environments]]
                id = "box"
                program = "/usr/bin/portal"
                args = ["codex", "--map", "\(folder.path)=/srv/app", "box:/srv/app"]
                initialize_timeout_sec = 60
                # portal setup: end

                """)
        try put(".codex/environments.toml", "[[environments]]\nid = \"box\"\n")
        #expect(throws: AgentLaunchError.self) { try setUp(.codex, call) }
    }

    @Test func openCodeWithPermissionsOfItsOwn() throws {
        try put("opencode.json", #"{"permission": {"bash": {"git *": "allow"}}}"#)
        #expect(throws: AgentLaunchError.self) { try setUp(.opencode, call) }
        try put("opencode.json", #"{"permission": "ask"}"#)
        #expect(throws: AgentLaunchError.self) { try setUp(.opencode, call) }
    }

    @Test func aDifference() {
        let change = FileChange(path: "/x", old: Array("a\nb\nc\nd\ne\nf\ng\nh\n".utf8), new: Array("a\nb\nc\nd\nE\nf\nnew\ng\nh\n".utf8))
        #expect(change.difference == "--- /x\n+++ /x\n@@ -2,7 +2,8 @@\n b\n c\n d\n-e\n+E\n f\n+new\n g\n h")
    }
}
