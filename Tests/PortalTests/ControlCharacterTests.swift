import Foundation
import TestSupport
import Testing

@testable import PortalCommand

/// Names, paths and commands of a host must not play with the terminal here; what a command prints is its own affair.
@Suite(.serialized) struct ControlCharacterTests {
    /// A device control string, a colour, a bell and a C1 control.
    private static let odd = "a\u{1B}P0q\u{1B}[31mb\u{7}c\u{9B}2Jd"
    private static let shown = "a?P0q?[31mb?c?2Jd"

    let host: TestHost
    let portal: PortalProgram

    init() throws {
        host = try TestHost()
        portal = try PortalProgram(host)
    }

    private func hasControls(_ text: String) -> Bool {
        text.unicodeScalars.contains { $0 != "\n" && ($0.value < 0x20 || 0x7F..<0xA0 ~= $0.value) }
    }

    @Test func namesAndCommandsOfProcesses() async throws {
        let odd = ControlCharacterTests.odd
        let started = try await portal.run(
            ["exec", "-F", portal.config, "--background", "--name", odd, "host", "--", "printf", "%s", odd])
        #expect(started.text == ControlCharacterTests.shown + "\n", "\(started.errors)")
        let listed = try await portal.run(["ps", "-F", portal.config, "host"])
        #expect(listed.text.components(separatedBy: ControlCharacterTests.shown).count == 3)
        #expect(!hasControls(listed.text))
        // What it printed is as it was printed.
        #expect(await eventually(seconds: 10) { (try? await portal.run(["logs", "-F", portal.config, "host", odd]).text) == odd })
        #expect(try await portal.exec("printf", "%s", odd).text == odd)
    }

    @Test func whatErrorsName() async throws {
        let odd = ControlCharacterTests.odd
        for arguments in [
            ["logs", "-F", portal.config, "host", "x" + odd], ["attach", "-F", portal.config, "host", "x" + odd],
            ["kill", "-F", portal.config, "host", "x" + odd], ["exec", "-F", portal.config, "host", "--", "x" + odd],
            ["exec", "-F", portal.config, "-v", "host", "--", "x" + odd],
            ["exec", "-F", portal.config, "--cwd", "/x" + odd, "host", "--", "true"],
            ["cp", "-F", portal.config, "host:x" + odd, portal.runtime.path], ["cp", "-F", portal.config, "/x" + odd, "host:"],
            ["exec", "-F", portal.config, "--background", "host", "--", "x" + odd],
        ] {
            let outcome = try await portal.run(arguments)
            #expect(outcome.status != 0, "\(arguments)")
            #expect(outcome.errors.contains("x" + ControlCharacterTests.shown), "\(outcome.errors.debugDescription)")
            #expect(!hasControls(outcome.errors), "\(outcome.errors.debugDescription)")
        }
    }

    /// A line feed in a name makes no line of its own, which could look like one of portal's.
    @Test func aLineFeedInAName() async throws {
        let outcome = try await portal.run([
            "exec", "-F", portal.config, "--cwd", "/x\r\nportal: all is well\u{85}\u{B}y", "host", "--", "true",
        ])
        #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors.debugDescription)")
        #expect(!hasControls(outcome.errors))
    }
}
