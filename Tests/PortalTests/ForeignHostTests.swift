import Foundation
import TestSupport
import Testing

/// A host of another architecture that has nothing but BusyBox: a chroot behind `ChrootDirectory`, run by qemu-user.
@Suite(.serialized) struct ForeignHostTests {
    /// Where `Scripts/setup test` puts BusyBox for arm64.
    static let busybox = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../.tools/busybox-aarch64").standardizedFileURL

    /// Why the tests cannot run here, or nil.
    static let obstacle: String? = {
        if getuid() != 0 { return "chroot needs root" }
        if !FileManager.default.isExecutableFile(atPath: busybox.path) { return "there is no BusyBox for arm64: Scripts/setup test" }
        if (try? Tool.run(busybox.path, "true")) == nil { return "binfmt_misc does not run aarch64 programs here" }
        return nil
    }()

    @Test(.enabled(if: obstacle == nil, Comment(rawValue: "not run: \(obstacle ?? "")"))) func anArmHostWithNothingButBusyBox() async throws
    {
        let root = try ChrootDirectory(busybox: Self.busybox)
        var options = TestHost.Options()
        options.sshd = ["ChrootDirectory \(root.directory.path)"]
        options.environment = ["HOME": "/home", "PATH": "/bin"]
        let host = try TestHost(options)
        let portal = try PortalProgram(host)
        let machine = try await portal.exec("uname", "-m", deadline: 120)
        #expect(machine.text == "aarch64\n", "\(machine.errors)")
        let numbers = Data((1...100_000).map { "\($0)\n" }.joined().utf8)
        #expect(try await portal.exec("cat", input: numbers).output == numbers)
        #expect(try await portal.exec("sh", "-c", "exit 9").status == 9)
        let written = try await portal.run(["call", "-F", portal.config, "host", "fs.write", #"{"path":"there","data":"text"}"#])
        #expect(written.status == 0, "\(written.text)\(written.errors)")
        #expect(try await portal.exec("cat", "/home/there").text == "text")
        #expect(host.logins == 1)
    }
}

/// A directory with a system of BusyBox alone. It lies where no parent is writable by others, as sshd demands.
final class ChrootDirectory: Sendable {
    let directory = URL(fileURLWithPath: "/var/cache/portal-test-\(UUID().uuidString.prefix(8))")

    init(busybox: URL) throws {
        let files = FileManager.default
        for name in ["bin", "home", "tmp", "dev", "usr/bin"] {
            try files.createDirectory(at: directory.appendingPathComponent(name), withIntermediateDirectories: true)
        }
        try Tool.run("chmod", "-R", "755", directory.path)
        try files.copyItem(at: busybox, to: directory.appendingPathComponent("bin/busybox"))
        for applet in try Tool.run(busybox.path, "--list").split(separator: "\n") where applet != "busybox" {
            try? files.createSymbolicLink(atPath: directory.appendingPathComponent("bin/\(applet)").path, withDestinationPath: "busybox")
        }
        // The account's shell is the real host's; here it is BusyBox's.
        if !files.fileExists(atPath: directory.appendingPathComponent("bin/bash").path) {
            let shell = directory.appendingPathComponent("bin/bash")
            try Data("#!/bin/sh\nexec /bin/sh \"$@\"\n".utf8).write(to: shell)
            try Tool.run("chmod", "755", shell.path)
        }
        try Tool.run("mknod", "-m", "666", directory.appendingPathComponent("dev/null").path, "c", "1", "3")
        // Where the kernel opens the interpreter in the chroot (binfmt without the F flag), it must be there.
        if let interpreter = try? Tool.run("sh", "-c", "command -v qemu-aarch64-static").trimmingCharacters(in: .newlines),
            !interpreter.isEmpty
        {
            try files.copyItem(atPath: interpreter, toPath: directory.appendingPathComponent("usr/bin/qemu-aarch64-static").path)
        }
    }

    deinit { try? FileManager.default.removeItem(at: directory) }
}
