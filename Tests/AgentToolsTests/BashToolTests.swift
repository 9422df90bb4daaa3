import DoorSupport
import Foundation
import PortalWire
import Synchronization
import TestSupport
import Testing

@testable import AgentTools

/// Bash, and what is asked of its commands, on a real host.
@Suite(.serialized) struct BashToolTests {
    let stage: ToolStage

    init() throws { stage = try ToolStage() }

    @Test func resultsAreWhatModelsKnow() async throws {
        #expect(await stage.bash("echo out; echo err >&2; echo more") == "out\nerr\nmore")
        #expect(await stage.bash("true") == "(Bash completed with no output)")
        #expect(await stage.bash("echo why >&2; exit 3") == "error: Exit code 3\nwhy")
        #expect(await stage.bash("false") == "error: Exit code 1")
        #expect(await stage.bash("kill -9 $$") == "error: Exit code 137")
        #expect(await stage.bash("nosuchcommand") == "error: Exit code 127\nbash: line 1: nosuchcommand: command not found")
        #expect(await stage.bash("cat; echo \"it's\" 'a \"b\"' \\\\; cat <<X\nhere $((1+1))\nX") == "it's a \"b\" \\\nhere 2")
        #expect(await stage.bash("echo 'open").hasPrefix("error: Exit code 2\nbash: eval: line 1: unexpected EOF"))
        #expect(await stage.bash("[ -e /proc/$$/fd/3 ] && (true >&3) 2>/dev/null && echo leaked; echo none") == "none")
    }

    /// The words around a command do not change what it means.
    @Test func theShellIsTheCommandsOwn() async throws {
        #expect(await stage.bash("set -e; false; echo not here") == "error: Exit code 1")
        #expect(await stage.bash("trap 'echo at the end' EXIT; echo first") == "first\nat the end")
        #expect(await stage.bash("set -u; echo ${1-unset} $#") == "unset 0")
        #expect(await stage.bash("exec echo replaced") == "replaced")
        #expect(await stage.bash("echo $LINENO; exec 3>mine; echo x >&3; cat mine") == "1\nx")
    }

    @Test func theDirectoryIsKept() async throws {
        #expect(await stage.bash("pwd") == stage.directory)
        #expect(await stage.bash("mkdir -p 'a b/c' && cd 'a b/c'") == "(Bash completed with no output)")
        #expect(await stage.bash("pwd") == stage.directory + "/a b/c")
        // As agents know it: what fails does not move the shell.
        #expect(await stage.bash("cd / && false") == "error: Exit code 1")
        #expect(await stage.bash("pwd; (cd /)") == stage.directory + "/a b/c")
        #expect(await stage.bash("rmdir \"$PWD\"") == "(Bash completed with no output)")
        #expect(
            await stage.bash("pwd")
                == "The directory \(stage.directory)/a b/c is not there any more; this ran in \(stage.directory).\n\(stage.directory)")
    }

    @Test func onlyTheEnvironmentThatIsMeantGoesThere() async throws {
        setenv("PORTAL_TEST_API_KEY", "secret", 1)
        defer { unsetenv("PORTAL_TEST_API_KEY") }
        let stage = try ToolStage(environment: [("GIT_EDITOR", "true"), ("NAMED", "it's")])
        #expect(await stage.bash("echo $GIT_EDITOR $NAMED $PORTAL_TEST_API_KEY") == "true it's")
    }

    @Test func aHostWithoutBash() async throws {
        let stage = try ToolStage()
        // The login's PATH is what the program is looked for in.
        try Data("export PATH=\(stage.directory)/bin\n".utf8).write(to: URL(fileURLWithPath: stage.host.home.path + "/.bash_profile"))
        try FileManager.default.createDirectory(atPath: stage.directory + "/bin", withIntermediateDirectories: true)
        for name in ["sh", "echo"] {
            try FileManager.default.createSymbolicLink(atPath: stage.directory + "/bin/" + name, withDestinationPath: "/bin/" + name)
        }
        #expect(await stage.bash("echo $0; cd bin") == "/bin/sh")
        #expect(await stage.bash("echo $PWD") == stage.directory + "/bin")
    }

    @Test func longOutputIsCutAndTheRestIsReadThere() async throws {
        let text = await stage.bash("seq 1 20000")
        #expect(text.hasPrefix("1\n2\n") && text.hasSuffix("\n19999\n20000"))
        let cut = try #require(text.firstMatch(of: /offset (\d+) reads them; they end at byte (\d+)\./))
        let (first, end) = (Int64(cut.1)!, Int64(cut.2)!)
        #expect(first == 15_000 && end == 93_894)
        let identifier = try ToolStage.identifier(in: text)
        let rest = await stage.call("BashOutput", ["bash_id": identifier, "offset": .integer(first), "limit": 20])
        #expect(rest == "<status>completed</status>\n\n<exit_code>0</exit_code>\n\n(bytes 15000 to 15020)\n22\n3223\n3224\n3225\n32")
        let last = await stage.call("BashOutput", ["bash_id": identifier, "offset": .integer(end - 6), "limit": 100])
        #expect(last.hasPrefix("<status>completed</status>\n\n<exit_code>0</exit_code>\n\n(bytes 93888 to 93988)\n"))
        #expect(await stage.call("BashOutput", ["bash_id": "bash_none"]).hasPrefix("error: No shell found with ID: bash_none"))
    }

    @Test func megabytesOfOutputTakeNoMemoryHere() async throws {
        let text = await stage.bash("head -c 50000000 /dev/zero | tr '\\0' x; echo; echo end")
        #expect(
            text.utf8.count < 40_000 && text.hasSuffix("\nend") && text.contains("and offset 15000 reads them; they end at byte 49985005."))
    }

    @Test func whatTakesTooLongGoesOnInTheBackground() async throws {
        let text = await stage.call(
            "Bash", ["command": "echo first; until [ -e go ]; do sleep 0.05; done; echo second; exit 4", "timeout": 500])
        #expect(text.hasPrefix("Command did not complete within its 0.5s timeout and was moved to the background (ID: bash_"))
        #expect(text.hasSuffix("\nOutput so far:\nfirst"))
        let identifier = try ToolStage.identifier(in: text)
        #expect(await stage.call("BashOutput", ["bash_id": identifier]) == "<status>running</status>")
        #expect(await stage.call("Wait", ["bash_id": identifier, "timeout": 50]) == "<status>running</status>")
        async let waited = stage.call("Wait", ["bash_id": identifier])
        try stage.write("go", "")
        #expect(await waited == "<status>failed</status>\n\n<exit_code>4</exit_code>\n\n<stdout>\nsecond\n</stdout>")
        #expect(await stage.call("BashOutput", ["bash_id": identifier]) == "<status>failed</status>\n\n<exit_code>4</exit_code>")
        #expect(await stage.call("KillBash", ["bash_id": identifier]).hasSuffix("has ended already."))
    }

    @Test func commandsInTheBackground() async throws {
        let text = await stage.call("Bash", ["command": "echo begun; sleep 4321", "run_in_background": true])
        #expect(text.hasPrefix("Command running in background with ID: bash_"))
        let identifier = try ToolStage.identifier(in: text)
        let stage = stage
        #expect(await eventually(seconds: 10) { await stage.call("BashOutput", ["shell_id": identifier]).contains("begun") })
        #expect(stage.runs("sleep 4321"))
        #expect(await stage.call("Host", [:]).contains("started in the background: bash_"))
        #expect(await stage.call("KillBash", ["shell_id": identifier]).hasPrefix("Successfully killed shell: bash_"))
        #expect(await eventually(seconds: 10) { !stage.runs("sleep 4321") })
        #expect(await stage.call("Wait", ["bash_id": identifier]) == "<status>killed</status>\n\n<exit_code>137</exit_code>")
    }

    @Test func progressIsWhatIsPrinted() async throws {
        let heard = Mutex("")
        let text = await stage.call("Bash", ["command": "for i in 1 2 3; do echo é$i; done"]) { progress in
            if case .output(let text) = progress { heard.withLock { $0 += text } }
        }
        #expect(text == "é1\né2\né3")
        #expect(heard.withLock { $0 } == "é1\né2\né3\n")
    }

    @Test func cancellingKillsThere() async throws {
        let stage = stage
        // Its first process would leave on TERM, and what it started would not.
        let call = Task { await stage.bash("sh -c \"trap '' TERM; sleep 4322 & sleep 4322\" & wait") }
        #expect(await eventually(seconds: 10) { stage.runs("sleep 4322") })
        call.cancel()
        _ = await call.value
        #expect(await eventually(seconds: 10) { !stage.runs("sleep 4322") })
    }

    @Test func theEndOfTheSessionEndsWhatItStarted() async throws {
        _ = await stage.call("Bash", ["command": "trap '' TERM; sleep 4323 & wait; sleep 4323", "run_in_background": true])
        _ = await stage.call("Bash", ["command": "sleep 4323", "timeout": 1])
        let stage = stage
        #expect(await eventually(seconds: 10) { stage.runs("sleep 4323") })
        await stage.session.end(milliseconds: 10_000)
        #expect(await eventually(seconds: 10) { !stage.runs("sleep 4323") })
    }

    @Test func aCommandThatIsTooLong() async throws {
        #expect(await stage.bash("true " + String(repeating: "x", count: 140_000)).hasPrefix("error: Bash: the command has 140005 bytes"))
        #expect(await stage.bash("a\u{0}b") == "error: Bash: the command has a NUL byte.")
    }
}
