import Foundation
import PortalWire
import Testing

/// The environment of the login, of real shells with start-up files of all kinds.
@Suite struct LoginEnvironmentTests {
    private struct Home {
        let scratch: Scratch
        let client: ExecutorClient

        init(shell: String, files: [String: String]) throws {
            scratch = try Scratch()
            for (name, text) in files {
                let path = scratch.path + "/" + name
                try FileManager.default.createDirectory(
                    atPath: URL(fileURLWithPath: path).deletingLastPathComponent().path, withIntermediateDirectories: true)
                _ = try scratch.file(name, text)
            }
            _ = try FileManager.default.createDirectory(atPath: scratch.path + "/.cargo/bin", withIntermediateDirectories: true)
            let cargo = try scratch.file(".cargo/bin/portal-cargo", "#!/bin/sh\necho cargo runs\n")
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: cargo)
            client = try ExecutorClient(environment: ["HOME": scratch.path, "SHELL": shell, "ENV": "", "BASH_ENV": ""])
        }

        func start(_ arguments: [String], login: Bool = true) throws -> ExecutorClient.Outcome {
            try client.call("process.start") {
                $0.name("argv")
                $0.beginArray()
                for argument in arguments { $0.string(Array(argument.utf8)) }
                $0.endArray()
                $0.set("login", login)
            }
        }

        func state() throws -> String {
            let info = try client.call("session.info").value()
            return String(decoding: info["login"]?.string ?? [], as: UTF8.self)
        }

        func expectCargo(_ comment: Comment? = nil) throws {
            let outcome = try start(["portal-cargo"])
            #expect(outcome.data[.stdout] == Array("cargo runs\n".utf8), comment)
            #expect(try state() == "captured", comment)
        }
    }

    private static let path = "export PATH=\"$HOME/.cargo/bin:$PATH\"\n"

    @Test(arguments: [
        "printing": "echo a banner; printf 'no line end'; printf 'MARK\\n' >&2\n",
        "reading": "read answer; read answer; cat >/dev/null\n",
        "being another shell": "if test -z \"$INNER\"; then export INNER=1; exec /bin/dash; fi\n",
        "leaving something running": "sleep 1000 &\n",
        "ending when interactive": "case $- in *i*) exit 0;; esac\n",
        "only when interactive": "case $- in *i*) ;; *) PATH=/nowhere; return;; esac\n",
        "with line ends in a value": "export LINES_OF_TEXT='a\nb'\n",
    ])
    func bash(kind: String, text: String) throws {
        let home = try Home(
            shell: "/bin/bash",
            files: [".bash_profile": LoginEnvironmentTests.path + ". ~/.bashrc\n", ".bashrc": text + LoginEnvironmentTests.path])
        try home.expectCargo("\(kind)")
        #expect(try home.client.call("session.info").result?["shell"]?.string == Array("/bin/bash".utf8))
    }

    /// The one that takes its five seconds: then it is tried without being interactive.
    @Test func bashThatSleeps() throws {
        let home = try Home(
            shell: "/bin/bash", files: [".bash_profile": LoginEnvironmentTests.path + "case $- in *i*) sleep 1000;; esac\n"])
        try home.expectCargo()
    }

    /// One that ends when it is interactive, and takes the two seconds that it has otherwise.
    @Test func bashThatSleepsWhenItIsNotInteractive() throws {
        let home = try Home(shell: "/bin/bash", files: [".bash_profile": "case $- in *i*) exit 1;; esac; sleep 1000\n"])
        let begun = ContinuousClock.now
        #expect(try home.start(["echo", "here"]).data[.stdout] == Array("here\n".utf8))
        let time = ContinuousClock.now - begun
        #expect(time > .seconds(1.9) && time < .seconds(10), "\(time)")
        #expect(try home.state() == "failed")
    }

    @Test func otherShells() throws {
        let files = [
            ".profile": LoginEnvironmentTests.path, ".zshrc": "echo noise\n" + LoginEnvironmentTests.path,
            ".login": "echo noise\nsetenv PATH \"$HOME/.cargo/bin:$PATH\"\n",
            ".config/fish/config.fish": "status is-login; and echo noise\nset -gx PATH $HOME/.cargo/bin $PATH\n",
        ]
        for shell in ["/bin/sh", "/bin/dash", "/bin/zsh", "/bin/tcsh", "/bin/csh", "/usr/bin/fish", "/bin/ksh", "/bin/mksh"]
        where FileManager.default.isExecutableFile(atPath: shell) {
            let home = try Home(shell: shell, files: files)
            try home.expectCargo("\(shell)")
            // A plain text is run by whatever shell it is.
            let plain = try home.client.call("process.start") { $0.set("shell", "portal-cargo") }
            #expect(plain.data[.stdout] == Array("cargo runs\n".utf8), "\(shell)")
        }
    }

    @Test func aShellThatSaysNothingIsNoObstacle() throws {
        let home = try Home(shell: "/bin/true", files: [:])
        #expect(try home.start(["echo", "here"]).data[.stdout] == Array("here\n".utf8))
        #expect(try home.state() == "failed")
        #expect(try home.client.call("session.info").result?["login_problem"]?.string != nil)
    }

    @Test func aShellThatLetsNobodyInIsNotUsed() throws {
        let home = try Home(shell: "/usr/sbin/nologin", files: [".profile": LoginEnvironmentTests.path])
        try home.expectCargo()
        #expect(try home.client.call("session.info").result?["shell"]?.string == Array("/bin/sh".utf8))
    }

    @Test func theExecutorsOwnIsUsedWhereItIsWanted() throws {
        let home = try Home(shell: "/bin/bash", files: [".bash_profile": LoginEnvironmentTests.path])
        #expect(try home.start(["portal-cargo"], login: false).error?.code == .notFound)
        #expect(try home.state() == "unused")
        try home.expectCargo()
    }

    /// Nothing of the capturing itself is left in a command's environment, and the changes of the request come last.
    @Test func theCommandsEnvironmentIsClean() throws {
        let home = try Home(shell: "/bin/bash", files: [".bash_profile": "export A=login B=login\n"])
        let outcome = try home.client.call("process.start") {
            $0.name("argv")
            $0.beginArray()
            $0.string("env")
            $0.endArray()
            $0.beginObject("env")
            $0.set("A", "request")
            $0.endObject()
        }
        let names = String(decoding: outcome.data[.stdout] ?? [], as: UTF8.self).split(separator: "\n")
        #expect(names.contains("A=request") && names.contains("B=login") && !names.contains("A=login"))
        #expect(!names.contains { $0.hasPrefix("PORTAL_EXECUTOR=") || $0.hasPrefix("SHLVL=") || $0.hasPrefix("PWD=") })
    }

    @Test func cancellingDoesNotWaitForIt() throws {
        let home = try Home(shell: "/bin/bash", files: [".bash_profile": "sleep 1000\n"])
        let id = try home.client.send("process.start") { $0.set("shell", "true") }
        try home.client.send(.cancel(id: id, Cancellation()))
        #expect(try home.client.wait(id, seconds: 2).error?.code == .cancelled)
        #expect(try home.client.close() == 0)
    }
}
