import PortalWire
import Testing

@Suite struct TerminalTests {
    private func start(
        _ client: ExecutorClient, _ text: String?, more: Bool = false, _ members: (inout JSONWriter) -> Void = { _ in }
    ) throws -> UInt64 {
        try client.send("process.start", more: more) {
            if let text { $0.set("shell", text) }
            $0.set("process", "terminal")
            $0.beginObject("pty")
            $0.set("rows", number: 24)
            $0.set("columns", number: 80)
            $0.endObject()
            members(&$0)
        }
    }

    private func write(_ client: ExecutorClient, _ text: String, end: Bool = false) throws -> OperationError? {
        try client.call("process.write", payload: Array(text.utf8)) {
            $0.set("process", "terminal")
            if end { $0.set("eof", true) }
        }.error
    }

    @Test func hasItsSizeAndIsTheControllingOne() throws {
        let client = try ExecutorClient()
        let id = try start(client, "stty size; tty </dev/tty; echo $TERM; test -t 0 -a -t 1 -a -t 2 && echo all; echo err >&2")
        let outcome = try client.wait(id)
        let lines = String(decoding: outcome.data[.stdout] ?? [], as: UTF8.self).split(separator: "\r\n")
        #expect(lines.first == "24 80")
        #expect(lines.dropFirst().first?.hasPrefix("/dev/pts/") == true || lines.dropFirst().first == "/dev/tty")
        #expect(lines.dropFirst(2) == ["xterm-256color", "all", "err"])
        #expect(outcome.data[.stderr] == nil)
        #expect(outcome.result?["code"]?.integer == 0)
    }

    @Test func resizingIsSignalled() throws {
        let client = try ExecutorClient()
        let text = "trap 'stty size; exit 7' WINCH; echo ready; while :; do sleep 0.01; done"
        let id = try start(client, text) { $0.set("shell_program", "sh") }
        try client.waitForText(id, "ready")
        let resized = try client.call("process.resize") {
            $0.set("process", "terminal")
            $0.set("rows", number: 50)
            $0.set("columns", number: 132)
        }
        #expect(resized.error == nil)
        let outcome = try client.wait(id)
        #expect(String(decoding: outcome.data[.stdout] ?? [], as: UTF8.self).contains("50 132"))
        #expect(outcome.result?["code"]?.integer == 7)
    }

    @Test func onlyATerminalIsResized() throws {
        let client = try ExecutorClient()
        _ = try client.send("process.start") {
            $0.set("shell", "sleep 1000")
            $0.set("process", "pipes")
        }
        let resize: (String) throws -> ErrorCode? = { name in
            try client.call("process.resize") {
                $0.set("process", name)
                $0.set("rows", number: 1)
                $0.set("columns", number: 1)
            }.error?.code
        }
        #expect(try resize("pipes") == .invalid)
        #expect(try resize("nobody") == .notFound)
    }

    /// The end of the starter's data is nothing to a terminal, which others may write to meanwhile; `eof` is the byte of a keyboard.
    @Test func inputEndsOnlyWhereItIsSaid() throws {
        let client = try ExecutorClient()
        let id = try start(client, "cat; echo over", more: true) { $0.set("stdin", "stream") }
        #expect(try write(client, "from another\n") == nil)
        try client.waitForText(id, "from another\r\nfrom another\r\n")
        try client.send(.data(id: id, stream: .stdin, end: true), payload: Array("from its starter\n".utf8))
        try client.waitForText(id, "from its starter\r\nfrom its starter\r\n")
        #expect(try write(client, "last\n", end: true) == nil)
        let outcome = try client.wait(id)
        #expect(String(decoding: outcome.data[.stdout] ?? [], as: UTF8.self).hasSuffix("last\r\nlast\r\nover\r\n"))
    }

    @Test func withoutACommandItIsALoginShell() throws {
        let client = try ExecutorClient(environment: ["SHELL": "/bin/bash"])
        let id = try start(client, nil)
        #expect(try write(client, "shopt login_shell; exit 5\n") == nil)
        let outcome = try client.wait(id)
        #expect(String(decoding: outcome.data[.stdout] ?? [], as: UTF8.self).contains("login_shell    \ton"))
        #expect(outcome.result?["code"]?.integer == 5)
    }

    @Test func cancellingKillsWhatTheTerminalControls() throws {
        let client = try ExecutorClient()
        let id = try start(client, "sleep 1000 & echo; wait")
        try client.waitForText(id, "\n")
        try client.send(.cancel(id: id, Cancellation()))
        #expect(try client.wait(id).error?.code == .cancelled)
    }
}
