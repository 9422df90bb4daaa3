import Foundation
import NIOCore
import PortalWire
import Synchronization
import TestSupport
import Testing

@testable import Portal
@testable import PortalCommand
@testable import PortalProxy

/// How long a client waits for its proxy, with steps that are only counted.
@Suite struct ProxyWatchTests {
    private func steps(_ watch: inout ProxyWatch, _ count: Int, isBusy: Bool = true) -> [ProxyWatch.Step] {
        (0..<count).map { _ in watch.step(isBusy: isBusy) }
    }

    @Test func aProxyThatSaysNothing() {
        var watch = ProxyWatch(patienceSteps: 3)
        #expect(steps(&watch, 6) == [.nothing, .nothing, .ask, .complain, .complain, .giveUp])
    }

    @Test func oneThatAnswersAgain() {
        var watch = ProxyWatch(patienceSteps: 3)
        #expect(steps(&watch, 4).last == .complain)
        watch.heard()
        #expect(steps(&watch, 4) == [.relief, .nothing, .ask, .complain])
        // Nothing waits for it any more.
        #expect(steps(&watch, 9, isBusy: false) == [.relief] + [ProxyWatch.Step](repeating: .nothing, count: 8))
    }
}

/// What a program waits for on this machine, each time in vain: Docs/waits.md has the times, and these are shorter.
@Suite(.serialized) struct ClientWaitTests {
    private let host: TestHost
    private let portal: PortalProgram

    init() throws {
        host = try TestHost()
        portal = try PortalProgram(host)
        // Proxies of this process: the tests run one after the other.
        setenv("PORTAL_RUNTIME_DIR", portal.runtime.path, 1)
    }

    private var options: ConnectionOptions {
        var options = ConnectionOptions()
        options.proxy = .shared(executable: PortalProgram.path)
        options.sshConfig = portal.config
        return options
    }

    @Test func aProxyThatDoesNotListen() throws {
        let script = portal.runtime.appendingPathComponent("silent").path
        try Data("#!/bin/sh\nexec sleep 4902\n".utf8).write(to: URL(fileURLWithPath: script))
        chmod(script, 0o755)
        let launcher = ProxyLauncher(executable: script, persistSeconds: 1, startDeadlineMilliseconds: 300)
        let begun = ContinuousClock.now
        let error = #expect(throws: ProxyError.self) {
            try launcher.start(try ProxyIdentity(target: try Target("host"), sshConfig: portal.config))
        }
        #expect(error?.code == .start && error?.message.contains("it said nothing for") == true, "\(error as Any)")
        #expect(ContinuousClock.now - begun < .seconds(5))
        #expect(!ExecTests.isRunning("^sleep 4902"))
    }

    /// It is there, and stopped.
    @Test func aProxyThatSaysNoHello() async throws {
        #expect(try await portal.exec("true").status == 0)
        let proxy = try await portal.proxyProcess()
        kill(proxy, SIGSTOP)
        defer { kill(proxy, SIGKILL) }
        var options = options
        options.waits.proxyHello = .milliseconds(200)
        let error = await #expect(throws: PortalError.self) { try await Workspace.open("host", options: options) }
        #expect(error?.code == .disconnected && error?.message.contains("portal stop") == true, "\(error as Any)")
        // What it says is to be done helps, and costs nothing but the time.
        let before = try FileManager.default.contentsOfDirectory(atPath: host.home.path + "/.cache/portal/sessions")
        let stopped = try await portal.run(["stop", "-F", portal.config, "host"])
        #expect(stopped.status == 0 && stopped.text.contains("killed the proxy"), "\(stopped.text) \(stopped.errors)")
        #expect(try await portal.exec("true").status == 0)
        #expect(try FileManager.default.contentsOfDirectory(atPath: host.home.path + "/.cache/portal/sessions") == before)
    }

    /// It stops while a command runs: first for a while, then for longer than the patience.
    @Test func aProxyThatStops() async throws {
        let said = Mutex<[ConnectionProgress]>([])
        var options = options
        options.patienceSeconds = 2
        options.waits.proxyStep = .milliseconds(100)
        options.progress = { progress in said.withLock { $0.append(progress) } }
        let workspace = try await Workspace.open("host", options: options)
        var command = RemoteCommand(shell: "read line; echo $line; read line; exec sleep 1000")
        command.takesInput = true
        let process = try await workspace.start(command)
        _ = try await workspace.host()
        let proxy = try await portal.proxyProcess()
        defer { kill(proxy, SIGKILL) }
        func hasSaid(_ isSilent: Bool) -> Bool {
            said.withLock { said in
                said.last.map { isSilent ? $0.text.contains("the proxy does not answer for") : $0.isReady } ?? false
            }
        }
        kill(proxy, SIGSTOP)
        #expect(await eventually(seconds: 10) { hasSaid(true) })
        kill(proxy, SIGCONT)
        #expect(await eventually(seconds: 10) { hasSaid(false) })
        await process.send(Array("there\n".utf8))
        var output = process.output.makeAsyncIterator()
        #expect(await output.next()?.bytes == Array("there\n".utf8))
        kill(proxy, SIGSTOP)
        let begun = ContinuousClock.now
        let error = await #expect(throws: PortalError.self) { try await process.end() }
        let time = ContinuousClock.now - begun
        #expect(error?.code == .outcomeUnknown && error?.message.contains("has not answered for") == true, "\(error as Any)")
        #expect(time > .seconds(2) && time < .seconds(10), "\(time)")
    }

    /// The proxy dies, and no other can be started.
    @Test func theNextProxy() async throws {
        let output = Pipe()
        let errors = Pipe()
        let process = try portal.start(
            ["exec", "-n", "--patience", "1", "-F", portal.config, "host", "--", "sh", "-c", "echo ready; exec sleep 4903"], output: output,
            errors: errors)
        #expect(output.fileHandleForReading.availableData == Data("ready\n".utf8))
        let proxy = try await portal.proxyProcess()
        let files = try FileManager.default.contentsOfDirectory(atPath: portal.runtime.path)
        let socket = portal.runtime.appendingPathComponent(try #require(files.first { $0.hasSuffix(".sock") }))
        try FileManager.default.removeItem(at: socket)
        try FileManager.default.createDirectory(at: socket.appendingPathComponent("taken"), withIntermediateDirectories: true)
        kill(proxy, SIGKILL)
        #expect(await eventually(seconds: 20) { !process.isRunning })
        let said = String(decoding: errors.fileHandleForReading.availableData, as: UTF8.self)
        #expect(process.terminationStatus == 255 && said.contains("unknown") && said.contains("cannot listen on"), "\(said)")
        try FileManager.default.removeItem(at: socket)
    }

    /// Somebody else writes the part of a large file, and does not end with it.
    @Test func thePartOfAnUpload() async throws {
        let source = portal.runtime.appendingPathComponent("large").path
        let content = [UInt8](repeating: 7, count: Int(Copier.resumableFile))
        try Data(content).write(to: URL(fileURLWithPath: source))
        let workspace = try await Workspace.open("host", options: options)
        let hash = ContentHash.of(content)
        var request = FileWriteRequest(path: Array("copy".utf8), sha256: hash)
        request.part = Array(hash.prefix(32))
        let writer = try await workspace.write(request)
        // More than there is credit for: the host has begun.
        await writer.send(Array(content.prefix(400_000)))
        var options = Copier.Options()
        options.busyPauseNanoseconds = 10_000_000
        let copier = Copier(from: .here, to: .there(workspace, target: "host"), options: options, progress: CopyProgress(shows: false))
        let path = Array(source.utf8)
        let item = CopyItem(source: path, destination: Array("copy".utf8), status: try LocalFiles.status(path, follow: false))
        let begun = ContinuousClock.now
        #expect(await copier.copy([item]).failures == 1)
        #expect(ContinuousClock.now - begun > .milliseconds(200))
        await writer.cancel()
        #expect(await copier.copy([item]).failures == 1, "it keeps what it came to")
        #expect(FileManager.default.contents(atPath: host.home.appendingPathComponent("copy").path) == Data(content))
    }

    // MARK: ^C

    /// A command that runs, in its own words.
    private func begin(_ text: String) async throws -> RemoteProcess {
        let process = try await Workspace.open("host", options: options).start(RemoteCommand(shell: text))
        var output = process.output.makeAsyncIterator()
        #expect(await output.next()?.bytes == Array("ready\n".utf8))
        return process
    }

    private func interrupt(_ process: RemoteProcess, _ interrupts: Interrupts) {
        interrupts.queue.sync { interrupts.receive(SIGINT, Terminal(), process) }
    }

    /// A command that takes no notice.
    @Test func theEndOfACommand() async throws {
        let interrupts = Interrupts(graceMilliseconds: 300) { _ in Issue.record("the host answers") }
        let process = try await begin("trap '' INT; echo ready; sleep 1000; sleep 1000")
        let begun = ContinuousClock.now
        interrupt(process, interrupts)
        let error = await #expect(throws: PortalError.self) { try await process.end() }
        #expect(error?.code == .cancelled && error?.details["signal"]?.integer == 9, "\(error as Any)")
        #expect(ContinuousClock.now - begun < .seconds(5) && interrupts.signal == SIGINT)
    }

    /// A host that does not say that it has ended.
    @Test func whatIsSaidOfTheEndOfACommand() async throws {
        let status = Mutex<Int32?>(nil)
        let interrupts = Interrupts(graceMilliseconds: 100, answerMilliseconds: 200) { number in status.withLock { $0 = number } }
        defer { host.thaw() }
        let process = try await begin("echo ready; sleep 1000")
        host.freeze()
        interrupt(process, interrupts)
        #expect(await eventually(seconds: 5) { status.withLock { $0 } == 128 + SIGINT })
        #expect(!process.hasEnded)
    }
}
