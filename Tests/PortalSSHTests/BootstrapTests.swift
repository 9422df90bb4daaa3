import Foundation
import NIOCore
import TestSupport
import Testing

@testable import PortalSSH

@Suite struct BootstrapTests {
    private func echoes(_ pipe: HostPipe) async throws {
        let received = Received()
        try await received.start(pipe)
        try await pipe.send("ping")
        #expect(await eventually(seconds: 10) { received.text == "ping" }, "\(received.text) \(String(describing: received.end))")
        pipe.close()
    }

    @Test func noisyLogin() async throws {
        var options = TestHost.Options()
        options.sshd = [
            #"ForceCommand printf 'Welcome!\n\001\002portal 00 need\003\n'; echo complaints >&2; sh -c "$SSH_ORIGINAL_COMMAND""#
        ]
        let host = try TestHost(options)
        try await echoes(try await host.connect())
        try await echoes(try await host.connect())
    }

    @Test func commandsAreNotAllowed() async throws {
        var options = TestHost.Options()
        options.sshd = ["ForceCommand echo 'This account is for files only.'; echo go away >&2; exit 3"]
        let error = try await TestHost(options).failure()
        #expect(error.code == .noShell, "\(error)")
        #expect(error.message.contains("This account is for files only.") && error.message.contains("go away"), "\(error)")
        #expect(error.message.contains("status 3"), "\(error)")
    }

    @Test func sftpOnly() async throws {
        var options = TestHost.Options()
        options.sshd = ["Subsystem sftp internal-sftp", "ForceCommand internal-sftp"]
        var connect = ConnectOptions()
        connect.startTimeout = .seconds(2)
        let error = try await TestHost(options).failure(options: connect)
        #expect([.noShell, .noSentinel, .disconnected].contains(error.code), "\(error)")
        #expect(error.message.contains("host:"), "\(error)")
    }

    @Test func silentLoginTimesOut() async throws {
        var options = TestHost.Options()
        options.sshd = ["ForceCommand echo thinking; exec cat"]
        var connect = ConnectOptions()
        connect.startTimeout = .milliseconds(500)
        let error = try await TestHost(options).failure(options: connect)
        #expect(error.code == .noSentinel && error.message.contains("thinking"), "\(error)")
    }

    @Test func noHomeFallsToTemporaryDirectory() async throws {
        var options = TestHost.Options()
        options.environment = ["HOME": "/proc/1/nowhere"]
        let host = try TestHost(options)
        let images = try FakeExecutor.images(padding: Int.random(in: 1...5000))
        let shared = "/tmp/portal-\(getuid())"
        defer { unlink("\(shared)/executor-\(images[0].sha256Hex)") }
        try await echoes(try await host.connect(images: images))
        #expect(host.cache(shared).contains("executor-\(images[0].sha256Hex)"))
        try await echoes(try await host.connect(images: images))
    }

    @Test func noHashMatchesAndNothingIsLeft() async throws {
        let host = try TestHost()
        var image = try FakeExecutor.images()[0]
        let size = image.size
        image.bytes = { ByteBuffer(string: FakeExecutor.script + String(repeating: "x", count: size - FakeExecutor.script.utf8.count)) }
        let wrong = image
        let error = try await host.failure(images: [wrong])
        #expect(error.code == .executorFailed && error.message.contains("hash differs"), "\(error)")
        #expect(await eventually(seconds: 5) { host.cache().isEmpty }, "\(host.cache())")
    }

    /// The connection ends in the middle of the image: the script sees a short input and takes its file away.
    @Test func cutUploadLeavesNothing() throws {
        let home = "/tmp/portal-test-home-\(newToken())"
        mkdir(home, 0o700)
        defer { _ = try? Tool.run("rm", "-r", home) }
        let images = try FakeExecutor.images(padding: 50_000)
        try Data(images[0].bytes().readableBytesView).write(to: URL(fileURLWithPath: "\(home)/image"))
        try Data(try BootstrapScript.command(images: images, token: newToken(), arguments: []).utf8).write(
            to: URL(fileURLWithPath: "\(home)/command"))
        let cache = "\(home)/.cache/portal"
        for count in [0, 1, 49_000, images[0].size - 1] {
            let said = try Tool.run("sh", "-c", "head -c \(count) \(home)/image | HOME=\(home) sh \(home)/command; true")
            #expect(said.contains(" need ") && said.contains(" fail check "), "\(said)")
            #expect(try FileManager.default.contentsOfDirectory(atPath: cache).isEmpty)
        }
        let said = try Tool.run("sh", "-c", "HOME=\(home) sh \(home)/command <\(home)/image")
        #expect(said.contains(" need ") && !said.contains(" fail "))
        #expect(try FileManager.default.contentsOfDirectory(atPath: cache) == ["executor-\(images[0].sha256Hex)"])
    }

    @Test func unsupportedMachine() async throws {
        let host = try TestHost()
        let tools = host.directory.appendingPathComponent("bin")
        try FileManager.default.createDirectory(at: tools, withIntermediateDirectories: true)
        try Data("#!/bin/sh\necho vax\n".utf8).write(to: tools.appendingPathComponent("uname"))
        chmod(tools.appendingPathComponent("uname").path, 0o755)
        var options = TestHost.Options()
        options.environment = ["PATH": "\(tools.path):/usr/bin:/bin"]
        let error = try await TestHost(options).failure()
        #expect(error.code == .unsupportedMachine && error.message.contains("vax") && error.message.contains("aarch64"), "\(error)")
        let none = try await host.failure(images: [])
        #expect(none.code == .unsupportedMachine && none.message.contains("build-executors"), "\(none)")
    }

    @Test func racingInstallations() async throws {
        let host = try TestHost()
        let images = try FakeExecutor.images(padding: 200_000)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<6 { group.addTask { try await echoes(try await host.connect(images: images)) } }
            try await group.waitForAll()
        }
        #expect(host.cache() == ["executor-\(images[0].sha256Hex)"])
    }

    /// A directory of another user, or open to others, must not be run from.
    @Test(.enabled(if: getuid() == 0, "needs root to prepare the directory")) func sharedDirectoryOfAnother() async throws {
        var options = TestHost.Options()
        options.environment = ["HOME": "/proc/1/nowhere", "PATH": "/usr/bin:/bin"]
        let host = try TestHost(options)
        let tools = host.directory.appendingPathComponent("bin")
        try FileManager.default.createDirectory(at: tools, withIntermediateDirectories: true)
        // An id of our choosing, so that the real /tmp/portal-0 stays as it is.
        let name = "test\(UInt32.random(in: .min ... .max))"
        let shared = "/tmp/portal-\(name)"
        try Data("#!/bin/sh\necho \(name)\n".utf8).write(to: tools.appendingPathComponent("id"))
        chmod(tools.appendingPathComponent("id").path, 0o755)
        options.environment["PATH"] = "\(tools.path):/usr/bin:/bin"
        let victim = try TestHost(options)
        let images = try FakeExecutor.images()
        let planted = "\(shared)/executor-\(images[0].sha256Hex)"
        mkdir(shared, 0o777)
        chmod(shared, 0o777)
        defer {
            unlink(planted)
            rmdir(shared)
            unlink("/dev/shm/portal-\(name)/executor-\(images[0].sha256Hex)")
            rmdir("/dev/shm/portal-\(name)")
        }
        try Data("#!/bin/sh\necho stolen\n".utf8).write(to: URL(fileURLWithPath: planted))
        chmod(planted, 0o755)
        let pipe = try await victim.connect(images: images)
        try await echoes(pipe)
        #expect(victim.cache("/dev/shm/portal-\(name)") == ["executor-\(images[0].sha256Hex)"])
    }

    /// Mounts a tmpfs as the only place there is, and says what connecting says.
    private func onlyPlace(_ mountOptions: String, images: [ExecutorImage]) async throws -> SSHError? {
        let probe = "/tmp/portal-test-mount-\(newToken())"
        mkdir(probe, 0o700)
        defer { rmdir(probe) }
        try Tool.run("mount", "-t", "tmpfs", "-o", mountOptions, "tmpfs", probe)
        defer { _ = try? Tool.run("umount", "-l", probe) }
        mkdir("\(probe)/tmp", 0o777)
        // /tmp and /dev/shm cannot be taken away for one session; an id that makes their directories impossible can be given.
        var options = TestHost.Options()
        let tools = "/tmp/portal-test-bin-\(newToken())"
        mkdir(tools, 0o755)
        defer { _ = try? Tool.run("rm", "-r", tools) }
        try Data("#!/bin/sh\necho 0/\(String(repeating: "x", count: 300))\n".utf8).write(to: URL(fileURLWithPath: "\(tools)/id"))
        chmod("\(tools)/id", 0o755)
        options.environment = ["HOME": probe, "PATH": "\(tools):/usr/bin:/bin"]
        let host = try TestHost(options)
        let error = try await host.failure(images: images)
        #expect(host.cache("\(probe)/.cache/portal").isEmpty)
        return error
    }

    static let canMount: Bool = {
        let place = "/tmp/portal-test-mount-\(newToken())"
        mkdir(place, 0o700)
        defer { rmdir(place) }
        guard getuid() == 0, (try? Tool.run("mount", "-t", "tmpfs", "tmpfs", place)) != nil else { return false }
        return (try? Tool.run("umount", place)) != nil
    }()

    @Test(.enabled(if: canMount, "needs the right to mount")) func noexec() async throws {
        let error = try #require(try await onlyPlace("noexec,size=1m", images: FakeExecutor.images()))
        #expect(error.code == .noWritableDirectory && error.message.contains("noexec"), "\(error)")
    }

    @Test(.enabled(if: canMount, "needs the right to mount")) func fullDisk() async throws {
        let error = try #require(try await onlyPlace("size=64k", images: FakeExecutor.images(padding: 200_000)))
        #expect(error.code == .noSpace && error.message.contains("bytes"), "\(error)")
    }
}
