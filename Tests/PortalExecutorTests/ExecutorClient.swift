import Foundation
import PortalLink
import PortalWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A peer of a real `portal-executor` process over two pipes. Every wait has a deadline.
///
/// One at a time: Foundation takes an executor, which closes what it inherits, for one that ends, and waits for that before it sees another end.
final class ExecutorClient {
    struct Outcome {
        var result: JSONValue?
        var error: OperationError?
        var data: [StreamName: [UInt8]] = [:]

        /// The result, where it did not fail.
        func value() throws -> JSONValue {
            guard let result else {
                throw Failure(description: String(decoding: error?.message ?? Array("there is no answer".utf8), as: UTF8.self))
            }
            return result
        }
    }
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()
    private var endpoint = LinkEndpoint(isCounting: true)
    private var nextIdentifier: UInt64 = 1
    private var outcomes: [UInt64: Outcome] = [:]
    private var finished: Set<UInt64> = []
    /// Requests whose data is counted as not consumed, so that no credit is returned.
    var withoutCredit: Set<UInt64> = []
    private var windows: [UInt64: ReceiveWindow] = [:]
    private(set) var hello: Hello?
    private(set) var goodbye: [UInt8]?

    var processIdentifier: Int32 { process.processIdentifier }

    /// The program of this build.
    static let program: URL =
        Bundle.allBundles.map(\.bundleURL).filter { $0.pathExtension == "xctest" || $0.pathExtension == "" }
        .map { $0.deletingLastPathComponent().appendingPathComponent("portal-executor") }
        .first { FileManager.default.isExecutableFile(atPath: $0.path) }
        ?? URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent().appendingPathComponent("portal-executor")

    /// A copy where every account can reach it.
    private static let commonProgram: URL? = {
        let copy = FileManager.default.temporaryDirectory.appendingPathComponent("portal-executor-\(getpid())")
        try? FileManager.default.removeItem(at: copy)
        do { try FileManager.default.copyItem(at: program, to: copy) } catch { return nil }
        chmod(copy.path, 0o755)
        atexit { unlink(FileManager.default.temporaryDirectory.appendingPathComponent("portal-executor-\(getpid())").path) }
        return copy
    }()

    /// - Parameters:
    ///   - program: Another executor than this build's.
    ///   - environment: Added to the test's own.
    ///   - isStranger: Whether it runs under an account that owns nothing here; only root can start such a one.
    init(program: URL = ExecutorClient.program, environment: [String: String] = [:], isStranger: Bool = false) throws {
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        if isStranger {
            guard let copy = ExecutorClient.commonProgram else { throw Failure(description: "the executor cannot be copied") }
            process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
            process.arguments = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", copy.path, "serve", "token"]
        } else {
            process.executableURL = program
            process.arguments = ["serve", "token"]
        }
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        signal(SIGPIPE, SIG_IGN)
        let line = Sentinel.line(token: Array("token".utf8))
        var opening: [UInt8] = []
        while opening.count < line.count {
            let bytes = try readSome()
            guard !bytes.isEmpty else { throw Failure(description: "the executor ended before it began") }
            opening += bytes
        }
        guard opening.starts(with: line) else { throw Failure(description: "no sentinel") }
        opening[line.count...].withUnsafeBytes { endpoint.receive($0) }
        try pump { hello != nil }
        endpoint.send(.hello(Hello(build: Array("test".utf8))))
        try flush()
    }

    deinit {
        input.fileHandleForWriting.closeFile()
        process.waitUntilExit()
    }

    // MARK: Requests

    /// - Parameter cancelled: Whether its cancellation comes with it, so that both are read in one piece.
    func send(
        _ operation: Literal, payload: [UInt8] = [], more: Bool = false, cancelled: Bool = false,
        _ parameters: (inout JSONWriter) -> Void = { _ in }
    ) throws -> UInt64 {
        let id = nextIdentifier
        nextIdentifier += 1
        outcomes[id] = Outcome()
        windows[id] = ReceiveWindow()
        endpoint.send(
            sequenced: Request.frame(id: id, operation: operation, payload: payload, hasMore: more, parameters: parameters))
        if cancelled { endpoint.send(.cancel(id: id, Cancellation())) }
        try flush()
        return id
    }

    func send(_ message: Message, payload: [UInt8] = []) throws {
        endpoint.send(message, payload: payload)
        try flush()
    }

    func wait(_ id: UInt64, seconds: Double = 20) throws -> Outcome {
        try pump(seconds: seconds) { finished.contains(id) }
        return outcomes[id]!
    }

    /// Waits until a request has sent so much.
    func waitForData(_ id: UInt64, _ stream: StreamName, count: Int) throws {
        try pump { (outcomes[id]?.data[stream]?.count ?? 0) >= count }
    }

    /// Waits until a request's output has a text, and returns all of it.
    @discardableResult
    func waitForText(_ id: UInt64, _ text: String, on stream: StreamName = .stdout) throws -> String {
        try pump { String(decoding: outcomes[id]?.data[stream] ?? [], as: UTF8.self).contains(text) || finished.contains(id) }
        let all = String(decoding: received(id, stream), as: UTF8.self)
        guard all.contains(text) else { throw Failure(description: "it ended without \(text), with \(all)") }
        return all
    }

    func call(_ operation: Literal, payload: [UInt8] = [], _ parameters: (inout JSONWriter) -> Void = { _ in }) throws -> Outcome {
        try wait(try send(operation, payload: payload, parameters))
    }

    /// What the executor has open below a directory, the directory included: of a file without a name the kernel tells one.
    func openFiles(in directory: String) -> [String] {
        let descriptors = "/proc/\(processIdentifier)/fd"
        let links = (try? FileManager.default.contentsOfDirectory(atPath: descriptors)) ?? []
        let resolved = URL(fileURLWithPath: directory).resolvingSymlinksInPath().path
        return links.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: descriptors + "/" + $0) }
            .filter { $0 == resolved || $0.hasPrefix(resolved + "/") }
    }

    func received(_ id: UInt64, _ stream: StreamName) -> [UInt8] { outcomes[id]?.data[stream] ?? [] }

    /// Bytes as they are, past the endpoint.
    func sendRaw(_ bytes: [UInt8]) throws { try write(bytes) }

    /// Closes the executor's input and returns its exit status.
    func close(seconds: Double = 20) throws -> Int32 {
        input.fileHandleForWriting.closeFile()
        return try exitStatus(seconds: seconds)
    }

    /// Reads to the end of the executor's output, which is its exit, and returns the status.
    func exitStatus(seconds: Double = 20) throws -> Int32 {
        let deadline = Date().addingTimeInterval(seconds)
        while Date() < deadline {
            let bytes = try readSome()
            if bytes.isEmpty {
                process.waitUntilExit()
                return process.terminationReason == .exit ? process.terminationStatus : 128 + process.terminationStatus
            }
            bytes.withUnsafeBytes { endpoint.receive($0) }
            do { while let event = try endpoint.nextEvent() { try act(on: event) } } catch let error as LinkError {
                if case .goodbye(_, let text) = error { goodbye = text }
            }
        }
        throw Failure(description: "the executor did not end")
    }

    // MARK: Bytes

    private func pump(seconds: Double = 20, until isDone: () -> Bool) throws {
        let deadline = Date().addingTimeInterval(seconds)
        while true {
            while let event = try endpoint.nextEvent() { try act(on: event) }
            try flush()
            if isDone() { return }
            let rest = deadline.timeIntervalSinceNow
            guard rest > 0 else { throw Failure(description: "the deadline passed") }
            var entry = pollfd(fd: output.fileHandleForReading.fileDescriptor, events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, Int32(rest * 1000) + 1) > 0 else { continue }
            let bytes = try readSome()
            guard !bytes.isEmpty else { throw Failure(description: "the executor ended") }
            bytes.withUnsafeBytes { endpoint.receive($0) }
        }
    }

    private func act(on event: LinkEndpoint.Event) throws {
        switch event {
        case .hello(let hello, _):
            self.hello = hello
            endpoint.begin()
        case .pong: break
        case .message(let message, let frame):
            switch message {
            case .data(let id, let stream, _):
                outcomes[id]?.data[stream, default: []] += frame.payload
                try windows[id]?.receive(frame.payloadLength)
                guard !withoutCredit.contains(id), let grant = windows[id]?.consume(frame.payloadLength), grant > 0 else { return }
                endpoint.send(.credit(id: id, bytes: grant))
            // A mutated request may use the number of one that has ended: only what was asked for here is counted.
            case .result(let id, let value):
                guard outcomes[id] == nil || finished.insert(id).inserted else { throw Failure(description: "two last frames") }
                outcomes[id]?.result = value
            case .failure(let id, let error):
                guard outcomes[id] == nil || finished.insert(id).inserted else { throw Failure(description: "two last frames") }
                outcomes[id]?.error = error
            default: break
            }
        }
    }

    private func flush() throws {
        try write(endpoint.takeOutbound().flatMap { $0.bytes })
    }

    private func write(_ bytes: [UInt8]) throws {
        var done = 0
        while done < bytes.count {
            let count = bytes[done...].withUnsafeBytes { Glibc.write(input.fileHandleForWriting.fileDescriptor, $0.baseAddress, $0.count) }
            guard count > 0 else { throw Failure(description: "the executor does not read") }
            done += count
        }
    }

    private func readSome() throws -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 256 * 1024)
        let count = read(output.fileHandleForReading.fileDescriptor, &buffer, buffer.count)
        return count > 0 ? Array(buffer[..<count]) : []
    }
}

extension JSONWriter {
    mutating func set(_ name: Literal, _ text: String) {
        self.name(name)
        string(Array(text.utf8))
    }

    mutating func set(_ name: Literal, _ flag: Bool) {
        self.name(name)
        bool(flag)
    }

    mutating func set(_ name: Literal, number: Int) {
        self.name(name)
        integer(Int64(number))
    }
}

/// A directory for one test, removed with it.
final class Scratch {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "/portal-executor-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String, _ content: String) throws -> String {
        try Data(content.utf8).write(to: URL(fileURLWithPath: path + "/" + name))
        return path + "/" + name
    }

    func content(_ name: String) -> String? {
        FileManager.default.contents(atPath: path + "/" + name).map { String(decoding: $0, as: UTF8.self) }
    }

    var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }
}

/// Waits for a state that no descriptor tells of.
func eventually(seconds: Double = 10, _ condition: () -> Bool) -> Bool {
    let deadline = Date().addingTimeInterval(seconds)
    while !condition() {
        if Date() > deadline { return false }
        sched_yield()
    }
    return true
}
