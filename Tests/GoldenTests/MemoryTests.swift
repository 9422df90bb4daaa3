import Foundation
import PortalLink
import PortalWire
import Testing

/// What the image holds in memory, as the kernel counts it: the program of the tests is many times as large.
@Suite struct MemoryTests {
    private static let calls: UInt64 = 1000
    private static let mostKilobytes = 8 * 1024
    private static let image = ExecutorProgram.all.first { $0.command.count == 1 && $0.description.hasPrefix("executor-") }

    private let home: String

    init() throws {
        home = FileManager.default.temporaryDirectory.appending(path: "portal-memory-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: home, withIntermediateDirectories: true)
        for index in 0..<MemoryTests.calls {
            let content = Array("old text".utf8) + [UInt8](repeating: 0x78, count: 8184)
            try Data(content).write(to: URL(filePath: "\(home)/f\(index)"))
        }
    }

    /// Nobody reads what it answers until it has all requests; the statistics are asked for behind them.
    @Test(.enabled(if: image != nil, "no image was built for this machine"), arguments: ["fs.read", "fs.write", "fs.edit", "fs.stat"])
    func aThousandCallsInFlightOnSmallFiles(operation: String) throws {
        defer { try? FileManager.default.removeItem(atPath: home) }
        let executor = try MemoryProbe(try #require(MemoryTests.image), home: home)
        let idle = try executor.kilobytes("VmRSS")
        let inFlight = try executor.burst(operation, count: MemoryTests.calls)
        let most = try executor.kilobytes("VmHWM")
        print("resident memory: \(idle) kB idle, at most \(most) kB with \(inFlight) calls of \(operation) in flight")
        #expect(idle <= 2 * 1024)
        #expect(most <= MemoryTests.mostKilobytes)
        // What waits for a disk is in flight; the attributes of a file may be had before the next request is read.
        if operation == "fs.read" { #expect(inFlight > MemoryTests.calls * 9 / 10) }
        let content = try Data(contentsOf: URL(filePath: "\(home)/f7"))
        #expect(content.count == (operation == "fs.write" ? 2048 : operation == "fs.edit" ? 8192 - 4 : 8192))
    }
}

/// One end of a link to an executor.
private final class MemoryProbe {
    private let connection: ExecutorConnection
    private var endpoint = LinkEndpoint(isCounting: true)
    private var next: UInt64 = 1
    private var results: [UInt64: JSONValue] = [:]

    init(_ program: ExecutorProgram, home: String) throws {
        connection = try ExecutorConnection(program, token: "token", directory: home)
        let opening = Sentinel.line(token: Array("token".utf8))
        try connection.wait(for: "the opening") { connection.received.count >= opening.count }
        let received = connection.takeReceived()
        received[opening.count...].withUnsafeBytes { endpoint.receive($0) }
        endpoint.send(.hello(Hello(build: Array("test".utf8))))
        try receive()
    }

    /// A number of `/proc`'s about the executor.
    func kilobytes(_ name: String) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(connection.process)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix(name + ":") })
        return try #require(Int(line.split(whereSeparator: { $0 == " " || $0 == "\t" })[1]))
    }

    /// Sends requests for as many files, and only then reads. Gives how many were open when the last of them had come.
    func burst(_ operation: String, count: UInt64) throws -> UInt64 {
        let first = next
        let name = try #require(OperationNames.executor.first { "\($0)" == operation })
        for index in 0..<count {
            let payload: [UInt8] =
                switch operation {
                case "fs.write": [UInt8](repeating: 0x79, count: 2048)
                case "fs.edit": Array(#"{"edits":[{"old":"old text","new":"text"}]}"#.utf8)
                default: []
                }
            endpoint.send(
                sequenced: Request.frame(id: first + index, operation: name, payload: payload) {
                    $0.member("path", bytes: Array("f\(index)".utf8))
                })
        }
        let statistics = first + count
        endpoint.send(sequenced: Request.frame(id: statistics, operation: "session.stats") { _ in })
        next = statistics + 1
        for frame in endpoint.takeOutbound() { connection.send(frame.bytes) }
        try connection.wait(for: "all of it to be taken", reads: false) { connection.isAllTaken }
        try connection.wait(for: "the answers of \(operation)") {
            try receive()
            return UInt64(results.count) == count + 1
        }
        defer { results = [:] }
        return try #require(results[statistics]?["open"]?.unsigned)
    }

    private func receive() throws {
        connection.takeReceived().withUnsafeBytes { endpoint.receive($0) }
        while let event = try endpoint.nextEvent() {
            // What is asked before the executor's hello is there goes out behind it.
            if case .hello = event { try endpoint.resume(after: 0) }
            guard case .message(let message, _) = event else { continue }
            switch message {
            case .result(let id, let value): results[id] = value
            case .failure(_, let error): throw ExecutorConnection.Failure(description: String(decoding: error.message, as: UTF8.self))
            default: break
            }
        }
        for frame in endpoint.takeOutbound() { connection.send(frame.bytes) }
    }
}
