import Foundation

/// One row of the benchmark.
struct Row: Codable {
    /// `loopback`, or the simulated line.
    var network: String
    /// What was done.
    var what: String
    /// With what: `portal`, `ssh`, `ssh ControlMaster`, `sftp`.
    var tool: String
    /// `ms`, `MB/s` or `KB`.
    var unit: String
    var median: Double
    var p95: Double
    var count: Int
}

/// Rows, as they are measured.
struct Report: Codable {
    var date: String
    var machine: String
    var rows: [Row] = []

    /// Measures something several times, in milliseconds.
    mutating func time(
        _ what: String, _ tool: String, _ network: String, count: Int, warmUp: Int = 1, _ body: () async throws -> Void
    ) async throws {
        for _ in 0..<warmUp { try await body() }
        var samples: [Double] = []
        for _ in 0..<count {
            let start = DispatchTime.now().uptimeNanoseconds
            try await body()
            samples.append(Double(DispatchTime.now().uptimeNanoseconds - start) / 1e6)
        }
        add(what, tool, network, unit: "ms", samples)
    }

    /// Measures a transfer several times, in megabytes (10^6) a second; the p95 is the rate that 95 in 100 reach.
    mutating func rate(
        _ what: String, _ tool: String, _ network: String, bytes: Int, count: Int, _ body: () async throws -> Void
    ) async throws {
        var samples: [Double] = []
        for _ in 0..<count {
            let start = DispatchTime.now().uptimeNanoseconds
            try await body()
            samples.append(Double(bytes) / 1e6 / (Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9))
        }
        let sorted = samples.sorted(by: >)
        append(
            Row(
                network: network, what: what, tool: tool, unit: "MB/s", median: sorted[sorted.count / 2],
                p95: sorted[min(sorted.count - 1, sorted.count * 95 / 100)], count: count))
    }

    mutating func add(_ what: String, _ tool: String, _ network: String, unit: String, _ samples: [Double]) {
        let sorted = samples.sorted()
        append(
            Row(
                network: network, what: what, tool: tool, unit: unit, median: sorted[sorted.count / 2],
                p95: sorted[min(sorted.count - 1, sorted.count * 95 / 100)], count: samples.count))
    }

    /// A rate that was measured once, in megabytes (10^6) a second.
    mutating func addRate(_ what: String, _ tool: String, _ network: String, _ rate: Double) {
        append(Row(network: network, what: what, tool: tool, unit: "MB/s", median: rate, p95: rate, count: 1))
    }

    private mutating func append(_ row: Row) {
        rows.append(row)
        say(Report.line(row))
    }

    static let heading = "network            what                               tool                   median       p95  unit     n"

    static func line(_ row: Row) -> String {
        func pad(_ text: String, _ width: Int) -> String { text.padding(toLength: max(width, text.count), withPad: " ", startingAt: 0) }
        func number(_ value: Double) -> String {
            let text = String(format: value < 10 ? "%.3f" : "%.1f", value)
            return String(repeating: " ", count: max(0, 10 - text.count)) + text
        }
        return pad(row.network, 19) + pad(row.what, 35) + pad(row.tool, 20) + number(row.median) + number(row.p95) + "  " + pad(row.unit, 6)
            + String(row.count)
    }
}

/// A program run to its end, with its output thrown away or kept.
enum Program {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    @discardableResult
    static func run(_ arguments: [String], input: String? = nil, environment: [String: String] = [:]) throws -> Data {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let output = FileManager.default.temporaryDirectory.appendingPathComponent("portal-bench-\(UUID().uuidString)")
        _ = FileManager.default.createFile(atPath: output.path, contents: nil)
        defer { try? FileManager.default.removeItem(at: output) }
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = FileHandle.nullDevice
        if let input {
            let pipe = Pipe()
            process.standardInput = pipe
            pipe.fileHandleForWriting.write(Data(input.utf8))
            try pipe.fileHandleForWriting.close()
        } else {
            process.standardInput = FileHandle.nullDevice
        }
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw Failure(description: "\(arguments.joined(separator: " ")) ended with \(process.terminationStatus)")
        }
        return try Data(contentsOf: output)
    }
}

/// Prints at once, also into a pipe.
func say(_ text: String, terminator: String = "\n") { FileHandle.standardOutput.write(Data((text + terminator).utf8)) }
