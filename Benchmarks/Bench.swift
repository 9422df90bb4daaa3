import Foundation
import NIOCore
import Portal
import PortalProxy
import PortalWire
import TestSupport

/// A throwaway sshd, and the same things done on it by each tool.
struct Bench {
    let portal: String
    let host: TestHost
    /// Where the proxies' sockets are, apart from the user's own.
    let runtime: URL
    let files: URL
    static let transferBytes = 100_000_000

    init(portal: String) async throws {
        self.portal = portal
        var hostOptions = TestHost.Options()
        hostOptions.sshd = ["Subsystem sftp internal-sftp", "MaxStartups 100", "MaxSessions 100"]
        host = try TestHost(hostOptions)
        runtime = URL(fileURLWithPath: "/tmp/portal-bench-\(getpid())")
        try FileManager.default.createDirectory(at: runtime, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        setenv("PORTAL_RUNTIME_DIR", runtime.path, 1)
        files = runtime.appendingPathComponent("files")
        try FileManager.default.createDirectory(at: files, withIntermediateDirectories: true)
        try Data(repeating: 0x61, count: 4096).write(to: files.appendingPathComponent("small"))
        for index in 0..<20 { try Data(repeating: 0x62, count: 4096).write(to: files.appendingPathComponent("small\(index)")) }
        var random = SystemRandomNumberGenerator()
        var block = Data(capacity: 1 << 20)
        while block.count < 1 << 20 { withUnsafeBytes(of: random.next()) { block.append(contentsOf: $0) } }
        var large = Data(capacity: Bench.transferBytes)
        while large.count < Bench.transferBytes { large.append(block.prefix(Bench.transferBytes - large.count)) }
        try large.write(to: files.appendingPathComponent("large"))
    }

    func end() async {
        host.stop()
        try? FileManager.default.removeItem(at: runtime)
    }

    /// The sizes of the images, in KB of 1024.
    func measureExecutors(_ report: inout Report) async throws {
        for image in Build.images { report.add("executor \(image.machine)", "portal", "-", unit: "KB", [Double(image.size) / 1024]) }
    }

    /// Measures every row over one network.
    func measure(
        _ report: inout Report, network: String, line: NetworkRelay.Line?, scale: Double, calls: Bool = true, transfers: Bool = true
    ) async throws {
        var relay: NetworkRelay?
        var port = host.port
        if let line {
            relay = try await NetworkRelay(to: host.port, line: line)
            port = relay!.port
        }
        let alias = "bench-\(network.filter { $0.isLetter || $0.isNumber })"
        let config = runtime.appendingPathComponent("\(alias).conf")
        try host.sshConfig(alias: alias, port: port).write(to: config, atomically: true, encoding: .utf8)
        let tools = Tools(bench: self, alias: alias, config: config.path)
        var options = ConnectionOptions()
        options.proxy = .shared(executable: portal)
        options.sshConfig = config.path
        let workspace = try await Workspace.connect("\(alias):\(files.path)", options: options)

        if let roundTrip = try await workspace.status().roundTripMicroseconds {
            report.add("round trip of a ping", "portal", network, unit: "ms", [Double(roundTrip) / 1000])
        }
        if calls {
            try await measureCalls(&report, network, workspace, tools, scale)
            try await measureAgentTools(&report, network, tools, scale)
        }
        if transfers { try await measureTransfers(&report, network, workspace, tools, scale) }
        if calls { try await measureCold(&report, network, tools, scale) }

        _ = try? Program.run([portal, "stop", "-F", config.path, alias])
        tools.endMaster()
        await relay?.stop()
    }

    private func measureCalls(
        _ report: inout Report, _ network: String, _ workspace: Workspace, _ tools: Tools, _ scale: Double
    ) async throws {
        let many = max(5, Int(1000 * scale))
        let few = max(3, Int(30 * scale))
        try tools.beginMaster()
        try await report.time("fs.stat", "portal", network, count: many, warmUp: 20) { _ = try await workspace.status(of: "small") }
        try await report.time("fs.stat", "ssh ControlMaster", network, count: few) { try tools.master("stat \(files.path)/small") }
        try await report.time("fs.read 4 KB", "portal", network, count: many, warmUp: 20) { _ = try await workspace.read("small") }
        try await report.time("fs.read 4 KB", "ssh ControlMaster", network, count: few) { try tools.master("cat \(files.path)/small") }
        try await report.time("fs.read 4 KB", "ssh", network, count: few, warmUp: 0) { try tools.fresh("cat \(files.path)/small") }
        try await report.time("process true", "portal", network, count: max(5, many / 5), warmUp: 5) {
            _ = try await workspace.run(RemoteCommand("true"))
        }
        try await report.time("portal exec true (program)", "portal", network, count: few) {
            try Program.run([portal, "exec", "-n", "-F", tools.config, tools.alias, "--", "true"])
        }
        try await report.time("process true", "ssh ControlMaster", network, count: few) { try tools.master("true") }
        try await report.time("process true", "ssh", network, count: few, warmUp: 0) { try tools.fresh("true") }
        try await report.time("20 reads in turn", "portal", network, count: few) {
            for index in 0..<20 { _ = try await workspace.read(RemotePath("small\(index)")) }
        }
        try await report.time("20 reads in turn", "ssh ControlMaster", network, count: max(2, few / 10), warmUp: 0) {
            for index in 0..<20 { try tools.master("cat \(files.path)/small\(index)") }
        }
        try await report.time("20 reads at once", "portal", network, count: few) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<20 { group.addTask { _ = try await workspace.read(RemotePath("small\(index)")) } }
                try await group.waitForAll()
            }
        }
        try await report.time("20 reads at once", "ssh ControlMaster", network, count: max(2, few / 10), warmUp: 0) {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<20 { group.addTask { try tools.master("cat \(files.path)/small\(index)") } }
                try await group.waitForAll()
            }
        }
    }

    private func measureTransfers(
        _ report: inout Report, _ network: String, _ workspace: Workspace, _ tools: Tools, _ scale: Double
    ) async throws {
        let bytes = Bench.transferBytes
        let count = scale >= 1 ? 5 : 2
        try tools.beginMaster()
        // OpenSSH has ciphers that older libssh2 lacks: what it does with the best of those says how much of a difference is theirs.
        let alike = Tools(
            bench: self, alias: tools.alias, config: tools.config, name: "-alike",
            options: ["-o", "Ciphers=aes128-ctr", "-o", "MACs=hmac-sha2-256"])
        try alike.beginMaster()
        defer { alike.endMaster() }
        // In turns, so that what else the machine does falls on all alike.
        try await report.rate("read 100 MB", "portal", network, bytes: bytes, count: count) {
            var total = 0
            for try await chunk in try await workspace.contents(of: "large") { total += chunk.count }
            guard total == bytes else { throw Program.Failure(description: "\(total) bytes were read") }
        }
        try await report.rate("read 100 MB", "sftp", network, bytes: bytes, count: count) {
            try tools.sftp("get \(files.path)/large /dev/null\n")
        }
        try await report.rate("read 100 MB", "sftp, aes-ctr hmac", network, bytes: bytes, count: count) {
            try alike.sftp("get \(files.path)/large /dev/null\n")
        }
        try await report.rate("read 100 MB", "ssh ControlMaster", network, bytes: bytes, count: count) {
            try Program.run([
                "sh", "-c", "ssh -F '\(tools.config)' -S '\(tools.socket)' \(tools.alias) cat '\(files.path)/large' > /dev/null",
            ])
        }
        try await report.rate("write 100 MB", "portal", network, bytes: bytes, count: count) {
            try await workspace.write(contentsOf: FileChunks(path: files.path + "/large"), to: "written")
        }
        try await report.rate("write 100 MB", "sftp", network, bytes: bytes, count: count) {
            try tools.sftp("put \(files.path)/large \(files.path)/written\n")
        }
        try await report.rate("write 100 MB", "sftp, aes-ctr hmac", network, bytes: bytes, count: count) {
            try alike.sftp("put \(files.path)/large \(files.path)/written\n")
        }
        try await report.rate("write 100 MB", "ssh ControlMaster", network, bytes: bytes, count: count) {
            try Program.run([
                "sh", "-c",
                "ssh -F '\(tools.config)' -S '\(tools.socket)' \(tools.alias) 'cat > \(files.path)/written' < '\(files.path)/large'",
            ])
        }
    }

    /// From nothing to the first answer, as a program is run.
    private func measureCold(_ report: inout Report, _ network: String, _ tools: Tools, _ scale: Double) async throws {
        let count = max(3, Int(10 * scale))
        let command = [portal, "exec", "-n", "-F", tools.config, tools.alias, "--", "true"]
        var there: [Double] = []
        var upload: [Double] = []
        for isThere in [true, false] {
            for _ in 0..<count {
                try Program.run([portal, "stop", "-F", tools.config, tools.alias])
                if !isThere { try host.removeExecutors() }
                let start = DispatchTime.now().uptimeNanoseconds
                try Program.run(command)
                let sample = Double(DispatchTime.now().uptimeNanoseconds - start) / 1e6
                if isThere { there.append(sample) } else { upload.append(sample) }
            }
        }
        report.add("cold, executor there", "portal", network, unit: "ms", there)
        report.add("cold, with the upload", "portal", network, unit: "ms", upload)
    }
}

/// What portal is compared with.
struct Tools {
    let alias: String
    let config: String
    let socket: String

    /// What its connection asks for beside the configuration.
    let options: [String]

    init(bench: Bench, alias: String, config: String, name: String = "", options: [String] = []) {
        self.alias = alias
        self.config = config
        self.options = options
        socket = bench.runtime.appendingPathComponent("\(alias)\(name).ctl").path
    }

    func beginMaster() throws {
        if FileManager.default.fileExists(atPath: socket) { return }
        try Program.run(["ssh", "-F", config, "-M", "-S", socket, "-o", "ControlPersist=600"] + options + ["-f", "-N", alias])
    }

    func endMaster() { _ = try? Program.run(["ssh", "-F", config, "-S", socket, "-O", "exit", alias]) }

    func master(_ command: String) throws { try Program.run(["ssh", "-F", config, "-S", socket, alias, command]) }

    func fresh(_ command: String) throws { try Program.run(["ssh", "-F", config, "-S", "none", alias, command]) }

    /// sftp over the master's connection: no login in its time.
    func sftp(_ commands: String) throws {
        try Program.run(["sftp", "-q", "-F", config, "-o", "ControlPath=\(socket)", "-b", "-", alias], input: commands)
    }
}

/// A local file in pieces.
struct FileChunks: AsyncSequence, Sendable {
    let path: String

    struct Iterator: AsyncIteratorProtocol {
        let file: FileHandle

        mutating func next() async throws -> [UInt8]? {
            guard let data = try file.read(upToCount: Limits.preferredPayloadLength * 4), !data.isEmpty else { return nil }
            return [UInt8](data)
        }
    }

    func makeAsyncIterator() -> Iterator { Iterator(file: FileHandle(forReadingAtPath: path)!) }
}
