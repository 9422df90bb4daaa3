import Foundation
import Portal
import PortalWire

/// What the demo shows on a host.
struct Session {
    let portal: String
    let target: String
    let sshConfig: String?

    private var options: ConnectionOptions {
        var options = ConnectionOptions()
        options.proxy = .shared(executable: portal)
        options.sshConfig = sshConfig
        options.ask = { text, isSecret in
            if isSecret { return String(cString: getpass(text)) }
            say(text, terminator: "")
            return readLine()
        }
        return options
    }

    func show() async throws {
        say("\nConnecting to \(target): one SSH session, the executor goes there through it.")
        let begun = DispatchTime.now()
        let home = try await Workspace.connect(target, options: options)
        let host = try await home.host()
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        say(
            "  \(text(host.user))@\(text(host.name)), \(text(host.system)) \(text(host.release)) on \(text(host.machine)), in \(milliseconds(since: begun))"
        )

        let made = try await home.run(RemoteCommand("mktemp", ["-d", "/tmp/portal-demo.XXXXXX"]))
        let directory = text(made.output).trimmingCharacters(in: .newlines)
        guard made.end.code == 0, !directory.isEmpty else { throw Failure("mktemp failed there: \(text(made.errors))") }
        let separator = home.target.name.hasPrefix("ssh://") ? "" : ":"
        let box = try await Workspace.connect(home.target.name + separator + directory, options: options)
        do {
            try await show(box, directory)
        } catch {
            try? await home.remove(RemotePath(directory), recursive: true)
            throw error
        }
        try await home.remove(RemotePath(directory), recursive: true)
    }

    func end() async {
        var options = options
        options.proxy = .running
        try? await Workspace.open(target, options: options).stop()
    }

    private func show(_ box: Workspace, _ directory: String) async throws {
        say("\nA file is written, read, edited and read back:")
        try await box.write(Array(Self.source.utf8), to: "hello.c")
        try await timed("write hello.c", ssh: "cat > \(directory)/ssh.c", input: Self.source) {
            try await box.write(Array(Self.source.utf8), to: "hello.c")
        }
        let read = try await timed("read hello.c", ssh: "cat \(directory)/hello.c") { try await box.readWithStatus("hello.c") }
        let edited = String(decoding: read.content, as: UTF8.self).replacingOccurrences(of: "COUNT 3", with: "COUNT 5")
        let hash = read.result.sha256.map { String(decoding: $0, as: UTF8.self) }
        try await timed("replace it, if unchanged", ssh: "sed -i s/COUNT.3/COUNT\\ 5/ \(directory)/ssh.c") {
            try await box.write(Array(edited.utf8), to: "hello.c", ifMatch: hash)
        }
        guard try await box.read("hello.c") == Array(edited.utf8) else { throw Failure("what was read back is not what was written") }
        say("  read back: the edit is there")
        do {
            try await box.write([], to: "hello.c", ifMatch: hash)
            throw Failure("a write that demanded the old content was accepted")
        } catch let error as PortalError where error.code == .conflict { say("  a second edit of the old content is refused: \(error)") }

        say("\nThe directory:")
        let entries = try await timed("list", ssh: "ls -la \(directory)") { try await box.list() }
        for entry in entries {
            say("    \(String(decoding: entry.name, as: UTF8.self))  \(entry.status.map { "\($0.size) bytes" } ?? "")")
        }

        say("\nA program is compiled and run there, its output streaming:")
        let compiler = try await box.run(RemoteCommand(shell: "command -v cc || command -v gcc || command -v clang"))
        if let path = String(decoding: compiler.output, as: UTF8.self).split(separator: "\n").first {
            let compiled = try await box.run(RemoteCommand(String(path), ["-O2", "-o", "hello", "hello.c"]))
            guard compiled.end.code == 0 else { throw Failure("the compiler failed: \(String(decoding: compiled.errors, as: UTF8.self))") }
        } else {
            say("  (there is no C compiler on the host: a shell script instead)")
            try await box.write(Array(Self.script.utf8), to: "hello", mode: 0o755)
        }
        let begun = DispatchTime.now()
        let program = try await box.start(RemoteCommand("./hello"))
        for await piece in program.output {
            say("  \(milliseconds(since: begun)): \(String(decoding: piece.bytes, as: UTF8.self))", terminator: "")
        }
        say("  it ended with status \(try await program.end().shellStatus)")

        say("\nA command, ten times:")
        _ = try await timed("true", ssh: "true", count: 10) { try await box.run(RemoteCommand("true")) }
    }

    // MARK: Timing

    @discardableResult
    private func timed<Value>(
        _ what: String, ssh: String, input: String = "", count: Int = 1, _ body: () async throws -> Value
    ) async throws -> Value {
        var begun = DispatchTime.now()
        var value = try await body()
        for _ in 1..<max(count, 2) where count > 1 { value = try await body() }
        let ours = elapsed(since: begun) / Double(count)
        begun = DispatchTime.now()
        for _ in 0..<count { try run(ssh, input: input) }
        let theirs = elapsed(since: begun) / Double(count)
        let label = what.padding(toLength: max(26, what.count), withPad: " ", startingAt: 0)
        say("  \(label) portal \(format(ours))   ssh \(format(theirs))")
        return value
    }

    private func run(_ command: String, input: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["ssh"] + (sshConfig.map { ["-F", $0] } ?? []) + [target, command]
        let pipe = Pipe()
        process.standardInput = pipe
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        pipe.fileHandleForWriting.write(Data(input.utf8))
        try pipe.fileHandleForWriting.close()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Failure("ssh \(target) \(command) ended with \(process.terminationStatus)") }
    }

    private func elapsed(since begun: DispatchTime) -> Double {
        Double(DispatchTime.now().uptimeNanoseconds - begun.uptimeNanoseconds) / 1e6
    }

    private func milliseconds(since begun: DispatchTime) -> String { format(elapsed(since: begun)) }

    private func format(_ milliseconds: Double) -> String { String(format: "%8.2f ms", milliseconds) }

    private struct Failure: Error, CustomStringConvertible {
        let description: String
        init(_ description: String) { self.description = description }
    }

    private static let source = """
        #include <stdio.h>
        #include <unistd.h>
        #define COUNT 3
        int main(void) {
            for (int line = 1; line <= COUNT; line++) {
                printf("line %d of %d\\n", line, COUNT);
                fflush(stdout);
                usleep(150000);
            }
            return 0;
        }

        """

    private static let script = """
        #!/bin/sh
        for line in 1 2 3 4 5; do echo "line $line of 5"; done

        """
}

/// Prints at once, also into a pipe.
func say(_ text: String, terminator: String = "\n") { FileHandle.standardOutput.write(Data((text + terminator).utf8)) }
