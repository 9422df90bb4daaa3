import DoorSupport
import PortalWire
import Testing

@testable import AgentTools

/// What models give for parameters, and what is said of it.
@Suite struct ParameterTests {
    private static let tools = ToolDescription.all(hosts: ["box"])

    private func arguments(_ tool: String, _ input: JSONValue) throws(ToolError) -> ToolArguments {
        try ToolArguments(input, for: Self.tools.first { $0.name == tool }!)
    }

    private func problem(_ tool: String, _ input: JSONValue) -> String {
        do throws(ToolError) {
            _ = try arguments(tool, input)
            return "nothing"
        } catch { return error.message }
    }

    @Test func whatCanMeanOneThingOnlyIsTaken() throws {
        let read = try arguments("Read", ["file_path": "a", "offset": "10", "limit": .number(Array("20.0".utf8)), "allow_large": "True"])
        #expect(read.integer("offset") == 10 && read.integer("limit") == 20 && read.flag("allow_large") == true)
        #expect(try arguments("Read", ["path": "a"]).text("file_path") == "a")
        #expect(try arguments("Grep", ["pattern": 42]).text("pattern") == "42")
        #expect(try arguments("List", ["ignore": "*.o"]).texts("ignore") == [Array("*.o".utf8)])
        #expect(try arguments("Bash", ["command": "ls", "timeout": .null]).integer("timeout") == nil)
        #expect(try arguments("Bash", #"{"command":"ls"}"#).text("command") == "ls")
        #expect(try arguments("Bash", ["command": "ls", "timeout": "1e3"]).integer("timeout") == 1000)
    }

    @Test(
        arguments: [
            (
                "Read", ["file_path": "a", "pages": "1"],
                #"Read: there is no parameter "pages" (given "1"); it takes file_path, offset, limit, allow_large"#
            ),
            ("Read", ["offset": 1], #"Read: the required parameter "file_path" is missing"#),
            ("Read", ["file_path": "a", "limit": 0], #"Read: the parameter "limit" was given 0; it takes a whole number from 1"#),
            ("Read", ["file_path": "a", "limit": "ten"], #"Read: the parameter "limit" was given "ten"; it takes a whole number from 1"#),
            ("Read", ["file_path": "a", "limit": "1.5"], #"Read: the parameter "limit" was given "1.5"; it takes a whole number from 1"#),
            ("Read", ["file_path": "a", "path": "b"], #"Read: the parameter "file_path" is given twice"#),
            ("Write", ["file_path": "a", "content": ["x"]], #"Write: the parameter "content" was given ["x"]; it takes a string"#),
            (
                "Bash", ["command": "a", "run_in_background": "maybe"],
                #"Bash: the parameter "run_in_background" was given "maybe"; it takes true or false"#
            ),
            (
                "Grep", ["pattern": "a", "output_mode": "lines"],
                #"Grep: the parameter "output_mode" was given "lines"; it takes one of "content", "files_with_matches", "count""#
            ),
            ("List", ["ignore": ["a", 1]], #"List: the parameter "ignore" was given ["a",1]; it takes an array of strings"#),
            ("Host", ["verbose": true], #"Host: there is no parameter "verbose" (given true); it takes none"#),
            ("Bash", [1], "Bash: the input is [1]; it takes a JSON object"),
        ] as [(String, JSONValue, String)])
    func whatIsWrongIsNamed(tool: String, input: JSONValue, words: String) {
        #expect(problem(tool, input) == words)
    }

    @Test func schemasAreObjectsThatSayEverything() {
        for tool in Self.tools {
            #expect(tool.inputSchema.text("type") == "object" && tool.inputSchema.bool("additionalProperties") == false)
            #expect(!tool.about.isEmpty)
            for property in tool.inputSchema["properties"]?.members ?? [] {
                #expect(property.value.text("type") != nil && property.value.text("description")?.isEmpty == false)
            }
        }
        #expect(Self.tools.map(\.name).prefix(6) == ["Bash", "Read", "Write", "Edit", "Grep", "Glob"])
    }

    @Test func severalHostsAreAParameterOfEachTool() throws {
        for tool in ToolDescription.all(hosts: ["a", "b"]) {
            #expect(tool.inputSchema["required"]?.array?.contains { $0.text == "host" } == true)
        }
        #expect(Self.tools.allSatisfy { $0.inputSchema["properties"]?["host"] == nil })
    }
}
