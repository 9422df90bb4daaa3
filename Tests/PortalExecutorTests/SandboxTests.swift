import Foundation
import PortalWire
import Testing

/// `sandbox` of `process.start`, as an executor that may mount enforces it, and as one that may not.
@Suite(.serialized) struct SandboxTests {
    private let directory: String

    init() throws {
        directory = NSTemporaryDirectory() + "portal-sandbox-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: directory + "/kept", withIntermediateDirectories: true)
        try Data("kept\n".utf8).write(to: URL(fileURLWithPath: directory + "/kept/file"))
        for path in [directory, directory + "/kept", directory + "/kept/file"] { chmod(path, 0o777) }
    }

    private func run(_ client: ExecutorClient, _ script: String, _ sandbox: String) throws -> ExecutorClient.Outcome {
        let value = try JSONParser.parse(Array(sandbox.replacingOccurrences(of: "$DIRECTORY", with: directory).utf8))
        return try client.call("process.start") { writer in
            writer.name("argv")
            writer.beginArray()
            for argument in ["/bin/sh", "-c", script] { writer.string(Array(argument.utf8)) }
            writer.endArray()
            writer.set("cwd", directory)
            writer.name("sandbox")
            writer.value(value)
        }
    }

    private static let whole = #"{"read":["/"],"write":["$DIRECTORY","/dev/null"],"keep":["$DIRECTORY/kept"]}"#

    @Test(arguments: [false, true]) func whatIsKeptIsOnlyRead(isStranger: Bool) throws {
        if isStranger, getuid() != 0 { return }
        let client = try ExecutorClient(isStranger: isStranger)
        let script = """
            echo x > new || exit 1
            (echo x > kept/file) 2>/dev/null && exit 2
            (echo x > kept/new) 2>/dev/null && exit 3
            mv kept away 2>/dev/null && exit 4
            umount kept 2>/dev/null && exit 5
            (cd kept && echo x > file) 2>/dev/null && exit 6
            (echo x > ../$$) 2>/dev/null && exit 7
            mknod device b 8 0 2>/dev/null && exit 8
            mknod device c 1 3 2>/dev/null && exit 9
            grep -q 'CapEff:.*[1-9a-f]' /proc/self/status && exit 10
            chmod 700 kept/file 2>/dev/null && exit 11
            touch -d @0 kept/file 2>/dev/null && exit 12
            chmod 755 new && touch -d @0 new || exit 13
            cat kept/file; id -u
            """
        let outcome = try run(client, script, SandboxTests.whole)
        #expect(try outcome.value()["code"]?.integer == 0)
        let printed = String(decoding: outcome.data[.stdout] ?? [], as: UTF8.self)
        #expect(printed == "kept\n\(isStranger ? 65534 : getuid())\n")
    }

    @Test(arguments: [false, true]) func whatIsOnlyReadKeepsItsMode(isStranger: Bool) throws {
        if isStranger, getuid() != 0 { return }
        let client = try ExecutorClient(isStranger: isStranger)
        let script = """
            echo x > mine && exit 1
            for change in 'chmod 700' 'touch -d @0' 'truncate -s 0' 'rm -f'; do
                $change kept/file 2>/dev/null && exit 2
            done
            echo x > /dev/null || exit 3
            cat kept/file
            """
        let outcome = try run(client, script, #"{"read":["/"],"write":["/dev/null"]}"#)
        #expect(outcome.data[.stdout] == Array("kept\n".utf8) && outcome.result?.integer("code") == 0)
        let whole = try run(client, "echo x > all && chmod 700 all && cat all", #"{"write":["/"]}"#)
        #expect(whole.data[.stdout] == Array("x\n".utf8))
    }

    @Test func nothingIsAllowedThatIsNotNamed() throws {
        let client = try ExecutorClient()
        // The program itself may not be executed.
        #expect(try run(client, "true", "{}").error?.code == .permissionDenied)
        let outcome = try run(client, "cat kept/file 2>/dev/null; echo done", #"{"read":["/bin","/usr","/lib","/lib64","/etc","/none"]}"#)
        #expect(outcome.data[.stdout] == Array("done\n".utf8))
    }

    @Test func whatCannotBeEnforcedIsNotStarted() throws {
        let client = try ExecutorClient()
        let missing = try run(client, "touch made", #"{"read":["/"],"write":["$DIRECTORY"],"keep":["$DIRECTORY/none"]}"#)
        #expect(missing.error?.code == .unsupported && missing.error?.errno == 2)
        #expect(!FileManager.default.fileExists(atPath: directory + "/made"))
        for bad in [#"{"read":["relative"]}"#, #"{"read":"/"}"#, #"{"read":[1]}"#, #"{"network":1}"#, #"[]"#] {
            #expect(try run(client, "true", bad).error?.code == .invalid, "\(bad)")
        }
    }

    @Test func theNetworkIsThereOrNot() throws {
        let client = try ExecutorClient()
        let script = "python3 -c 'import socket; socket.socket()' 2>&1"
        let without = try run(client, script, #"{"read":["/"]}"#)
        #expect(String(decoding: without.data[.stdout] ?? [], as: UTF8.self).contains("Operation not permitted"))
        #expect(try run(client, script, #"{"read":["/"],"network":true}"#).value()["code"]?.integer == 0)
    }

    @Test func aCommandIsAnnouncedBeforeItPrints() throws {
        let client = try ExecutorClient()
        let outcome = try client.call("process.start") { writer in
            writer.set("shell", "echo out")
            writer.name("announce")
            writer.bool(true)
        }
        #expect(outcome.data[.stdout] == Array("out\n".utf8))
    }
}
