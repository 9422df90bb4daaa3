import Foundation
import TestSupport
import Testing

/// `portal setup` as a person uses it: nothing is changed before it is shown and confirmed.
@Suite(.serialized) struct SetupCommandTests {
    private let folder: Folder

    init() throws { folder = try Folder() }

    @Test func itAsksOnTheTerminal() async throws {
        let command = "cd \(folder.path); \(PortalProgram.path) setup cursor box:/srv/app; echo ended with $?"
        let declined = try TerminalDriver(command, environment: ["HOME": folder.path])
        try await declined.wait(for: "Make this change? [y/N]")
        #expect(declined.screen.contains("+++ \(folder.path)/.cursor/mcp.json"))
        try declined.enter("n")
        try await declined.wait(for: "ended with 1")
        #expect(folder.text(".cursor/mcp.json") == nil)
        let confirmed = try TerminalDriver(command, environment: ["HOME": folder.path])
        try await confirmed.wait(for: "Make this change? [y/N]")
        try confirmed.enter("y")
        try await confirmed.wait(for: "ended with 0")
        #expect(folder.text(".cursor/mcp.json")?.contains("box:/srv/app") == true)
    }

    @Test func withoutATerminalNothingIsChanged() async throws {
        let output = "\(folder.path)/output"
        let child = try Child(
            ["env", "-C", folder.path, "setsid", "-w", PortalProgram.path, "setup", "cursor", "box:/srv/app"], output: output,
            errors: output)
        #expect(await eventually(seconds: 20) { !child.isRunning })
        #expect(child.ended == 255 << 8)
        #expect(folder.text("output")?.contains("--yes makes the change") == true)
        #expect(folder.text(".cursor/mcp.json") == nil)
    }
}
