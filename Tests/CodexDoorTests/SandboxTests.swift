import CodexDoor
import Foundation
import PortalWire
import TestSupport
import Testing

/// What the agent relies on its executor for: what it says may not be done, is not done. On a real sshd, by the host's kernel.
@Suite(.serialized) struct SandboxTests {
    let stage: DoorHost

    init() throws { stage = try DoorHost() }

    private func entry(_ path: JSONValue, _ access: String) -> JSONValue { ["path": path, "access": .text(access)] }
    private func special(_ kind: String) -> JSONValue { ["type": "special", "value": ["kind": .text(kind)]] }
    private func part(_ name: String) -> JSONValue {
        ["type": "special", "value": ["kind": "project_roots", "subpath": .text(name)]]
    }

    private func sandbox(_ entries: [JSONValue], network: String = "restricted") -> JSONValue {
        [
            "permissions": [
                "type": "managed", "file_system": ["type": "restricted", "entries": .array(entries)], "network": .text(network),
            ],
            "policyContext": ["cwd": .file(stage.directory), "workspaceRoots": [.file(stage.directory)]],
        ]
    }

    private var readOnly: JSONValue { sandbox([entry(special("root"), "read")]) }
    private var workspaceWrite: JSONValue {
        sandbox([
            entry(special("root"), "read"), entry(special("project_roots"), "write"), entry(part(".git"), "read"),
            entry(part(".codex"), "read"),
        ])
    }

    /// Runs a script confined, and returns its exit code.
    private func run(_ client: DoorClient, _ id: String, _ script: String, _ sandbox: JSONValue) async throws -> Int64 {
        let answer = try await client.result("process/start", .start(id, ["/bin/sh", "-c", script], in: stage.directory, sandbox: sandbox))
        #expect(answer.text("sandboxType") == "linuxSeccomp")
        return try await client.end(of: id)
    }

    @Test func nothingIsWrittenWhereOnlyReadingIsAllowed() async throws {
        try stage.write("there", "content")
        let client = try await stage.client()
        #expect(try await run(client, "p", "cat there; echo x > new", readOnly) != 0)
        #expect(client.printed(by: "p", on: "stdout") == "content" && client.wasDenied("p") == true)
        for (index, script) in [
            "echo x > there", "truncate -s 0 there", "rm there", "mv there other", "mkdir d", "ln there two", "chmod 700 . && false",
        ]
        .enumerated() {
            #expect(try await run(client, "q\(index)", script, readOnly) != 0, "\(script)")
        }
        #expect(stage.content("there") == "content" && stage.content("new") == nil)
        #expect(try await run(client, "d", "echo x > /dev/null", readOnly) == 0)
    }

    @Test func theWorkspaceIsWrittenAndNothingElse() async throws {
        try stage.write(".git/config", "git's own")
        let outside = stage.host.home.path + "/outside"
        let client = try await stage.client()
        let script = """
            echo in > in && mkdir sub && mv in sub/in && cat sub/in || exit 9
            (echo x > \(outside)) 2>/dev/null && exit 1
            (echo x > .git/config) 2>/dev/null && exit 2
            (echo x > .git/new) 2>/dev/null && exit 3
            mv .git away 2>/dev/null && exit 4
            rm -rf .git 2>/dev/null && exit 5
            (mkdir .codex/sub) 2>/dev/null && exit 6
            umount .git 2>/dev/null && exit 7
            unshare -U -m sh -c 'umount .git || mount -o remount,bind,rw .git' 2>/dev/null && exit 8
            (cd .git && echo x > config) 2>/dev/null && exit 10
            cat .git/config
            """
        #expect(try await run(client, "p", script, workspaceWrite) == 0)
        #expect(client.printed(by: "p", on: "stdout") == "in\ngit's own")
        #expect(stage.content("sub/in") == "in\n" && stage.content(".git/config") == "git's own")
        #expect(!FileManager.default.fileExists(atPath: outside))
        // What stood there so that nothing could be made is gone with the command.
        #expect(await eventually(seconds: 20) { !FileManager.default.fileExists(atPath: stage.directory + "/.codex") })
    }

    @Test func theNetworkIsThereOrNot() async throws {
        let client = try await stage.client()
        func python(_ family: String, _ kind: String) -> String {
            "python3 -c 'import socket; socket.socket(socket.\(family), socket.SOCK_\(kind))'"
        }
        #expect(try await run(client, "a", python("AF_INET", "STREAM"), readOnly) != 0)
        #expect(client.printed(by: "a").contains("Operation not permitted"))
        #expect(try await run(client, "b", python("AF_INET6", "DGRAM"), readOnly) != 0)
        #expect(try await run(client, "c", python("AF_UNIX", "STREAM"), readOnly) == 0)
        let connect = "python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect(\"/nowhere\")'"
        #expect(try await run(client, "d", connect, readOnly) != 0)
        #expect(client.printed(by: "d").contains("Operation not permitted"))
        let open = sandbox([entry(special("root"), "read")], network: "enabled")
        #expect(try await run(client, "e", python("AF_INET", "STREAM"), open) == 0)
    }

    @Test func onlySomeCanBeRead() async throws {
        try stage.write("secret", "nobody's")
        let client = try await stage.client()
        let minimal = sandbox([entry(special("minimal"), "read")])
        #expect(try await run(client, "p", "ls /usr > /dev/null && cat secret", minimal) != 0)
        #expect(!client.printed(by: "p").contains("nobody's"))
    }

    @Test func whatIsNotEnforcedIsNotStarted() async throws {
        let client = try await stage.client()
        let hidden = sandbox([entry(special("root"), "read"), entry(["type": "path", "path": .file("/etc")], "none")])
        let refused = try await client.call("process/start", .start("p", ["touch", "made"], in: stage.directory, sandbox: hidden))
        #expect(refused.code == -32600 && refused.message?.contains("portal does not enforce") == true)
        var managed = JSONValue.start("q", ["touch", "made"], in: stage.directory).members ?? []
        managed.removeAll { $0.name.elementsEqual("enforceManagedNetwork".utf8) }
        let proxied = try await client.call(
            "process/start", .object(managed + [JSONMember(name: Array("enforceManagedNetwork".utf8), value: true)]))
        #expect(proxied.code == -32600)
        // A link could be led elsewhere while the command runs.
        try FileManager.default.createSymbolicLink(atPath: stage.directory + "/.git", withDestinationPath: "/tmp")
        #expect(
            try await client.call("process/start", .start("r", ["touch", "made"], in: stage.directory, sandbox: workspaceWrite)).code
                == -32600)
        #expect(stage.content("made") == nil)
    }

    @Test func filesAreCheckedAsTheHostResolvesThem() async throws {
        try stage.write("a.txt", "a")
        try stage.write(".git/config", "git's own")
        try FileManager.default.createSymbolicLink(atPath: stage.directory + "/out", withDestinationPath: stage.host.home.path)
        try FileManager.default.createSymbolicLink(
            atPath: stage.directory + "/dangling", withDestinationPath: stage.host.home.path + "/made")
        let client = try await stage.client()
        func write(_ name: String, _ sandbox: JSONValue) async throws -> Int64? {
            try await client.call(
                "fs/writeFile", ["path": .file(stage.directory + "/" + name), "dataBase64": "aGk=", "sandbox": sandbox]
            ).code
        }
        #expect(try await write("b.txt", workspaceWrite) == nil)
        #expect(stage.content("b.txt") == "hi")
        for name in [".git/config", "out/x", "dangling", "../x", "out/../../x"] {
            #expect(try await write(name, workspaceWrite) == -32600, "\(name)")
        }
        #expect(try await write("b.txt", readOnly) == -32600)
        #expect(try await client.call("fs/remove", ["path": .file(stage.directory + "/a.txt"), "sandbox": readOnly]).code == -32600)
        #expect(try await client.call("fs/readFile", ["path": .file(stage.directory + "/a.txt"), "sandbox": readOnly]).code == nil)
        let minimal = sandbox([entry(special("minimal"), "read")])
        #expect(try await client.call("fs/readFile", ["path": .file(stage.directory + "/a.txt"), "sandbox": minimal]).code == -32600)
        #expect(try await client.call("fs/getMetadata", ["path": .file(stage.directory + "/none"), "sandbox": readOnly]).code == -32004)
        // The link itself may go, since it is in the workspace; what it leads to may not be written.
        #expect(try await client.call("fs/remove", ["path": .file(stage.directory + "/out"), "sandbox": workspaceWrite]).code == nil)
    }
}
