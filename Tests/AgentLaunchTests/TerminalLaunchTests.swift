import Foundation
import TestSupport
import Testing

/// An agent has the terminal as if the shell had started it.
@Suite(.serialized) struct TerminalLaunchTests {
    let host: TestHost
    let portal: PortalProgram
    let folder: Folder

    init() throws {
        host = try TestHost()
        portal = try PortalProgram(host)
        folder = try Folder()
    }

    @Test func keysAndJobControlAreTheAgents() async throws {
        try folder.program(
            "claude",
            """
            trap 'echo interrupted' INT
            [ -t 0 ] && [ -t 1 ] && echo "on a terminal of $(stty size)"
            while :; do read -r line && case $line in end) exit 9 ;; *) echo "you said $line" ;; esac; done
            """)
        let screen = try TerminalDriver(
            "exec bash --norc -i", columns: 100,
            environment: ["PORTAL_RUNTIME_DIR": portal.runtime.path, "HOME": folder.path, "PS1": "shell> "])
        try await screen.wait(for: "shell>")
        try screen.enter("\(PortalProgram.path) ssh -F \(portal.config) host -- \(folder.path)/claude; echo status $?")
        try await screen.wait(for: "on a terminal of 24 100")
        try screen.press("C-c")
        try await screen.wait(for: "interrupted")
        try screen.enter("hello")
        try await screen.wait(for: "you said hello")
        try screen.press("C-z")
        // The shell has the terminal again when it asks for the next command.
        try await screen.wait(for: "the shell") { $0.contains("Stopped") && $0.components(separatedBy: "shell>").count == 3 }
        try screen.enter("fg")
        try await screen.wait(for: "fg\n")
        try screen.enter("again")
        try await screen.wait(for: "you said again")
        try screen.enter("end")
        try await screen.wait(for: "shell prompt") { $0.contains("shell>\n\n") || $0.contains("shell>\n") && $0.hasSuffix("shell>\n") }
        #expect(((try? FileManager.default.contentsOfDirectory(atPath: portal.runtime.path + "/agents")) ?? []) == [])
    }
}
