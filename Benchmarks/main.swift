// `make bench`: portal beside what its users would use instead, in one run, on loopback and through a simulated network.
// `--crowd` measures only what happens at the same time, `--search DIRECTORY` only searching, beside the `rg` that the tests use, `--reconnect` only
// how long a call waits when its connection is lost, after a sleep of SECONDS and after a silence of SECONDS, `--codex` only Codex's start, `--tools` only
// an agent's tools. It prints a table and writes it as JSON.
// Arguments: [--quick] [--crowd | --search DIRECTORY | --reconnect | --codex | --tools] [--asleep SECONDS] [--stalled SECONDS] [--output FILE]
//     [--portal PROGRAM]

import FaultLab
import Foundation
import NIOCore
import Portal
import PortalProxy
import PortalWire
import TestSupport

let arguments = CommandLine.arguments
let quick = arguments.contains("--quick")
func option(_ name: String) -> String? {
    arguments.firstIndex(of: name).flatMap { $0 + 1 < arguments.count ? arguments[$0 + 1] : nil }
}
let portalProgram = option("--portal") ?? ".build/release/portal"
guard FileManager.default.isExecutableFile(atPath: portalProgram) else {
    say("no program \(portalProgram): `make build` makes it")
    exit(1)
}

func runAll() async throws {
    var report = Report(
        date: ISO8601DateFormatter().string(from: Date()), machine: "\(ProcessInfo.processInfo.activeProcessorCount) cores")
    say(Report.heading)

    let reconnecting = Reconnecting(portal: URL(fileURLWithPath: portalProgram).path, count: quick ? 3 : 20)
    let asleep = option("--asleep").flatMap { Double($0) } ?? (quick ? 3 : 20)
    let stalled = Stalled(portal: reconnecting.portal, seconds: option("--stalled").flatMap { Double($0) } ?? (quick ? 10 : 60))
    if arguments.contains("--reconnect") {
        try await reconnecting.measure(&report, asleep: asleep)
        try await stalled.measure(&report)
        return try finish(report)
    }
    let bench = try await Bench(portal: URL(fileURLWithPath: portalProgram).path)
    let line = NetworkRelay.Line(roundTrip: .milliseconds(50), bytesPerSecond: 12_500_000)
    if arguments.contains("--tools") {
        let scale = quick ? 0.1 : 1
        try await bench.measureAgentTools(&report, network: "loopback", line: nil, scale: scale)
        try await bench.measureAgentTools(
            &report, network: "50 ms", line: NetworkRelay.Line(roundTrip: .milliseconds(50)), scale: scale / 5)
        await bench.end()
        return try finish(report)
    }
    if let directory = option("--search") {
        try await bench.measureSearch(&report, directory: directory, ripgrep: ".tools/venv/bin/rg", count: quick ? 3 : 7)
        await bench.end()
        return try finish(report)
    }
    if arguments.contains("--codex") {
        try await measureCodex(bench, &report)
        await bench.end()
        return try finish(report)
    }
    if !arguments.contains("--crowd") {
        try await bench.measureExecutors(&report)
        try await bench.measure(&report, network: "loopback", line: nil, scale: quick ? 0.1 : 1)
        try await bench.measure(
            &report, network: "50 ms", line: NetworkRelay.Line(roundTrip: .milliseconds(50)), scale: quick ? 0.05 : 0.2, transfers: false)
        try await bench.measure(&report, network: "50 ms 100 Mbit/s", line: line, scale: quick ? 0.05 : 0.1, calls: false)
    }
    try await bench.measureCrowd(&report, network: "loopback", line: nil, scale: quick ? 0.2 : 1)
    try await bench.measureCrowd(&report, network: "50 ms 100 Mbit/s", line: line, scale: quick ? 0.2 : 1)
    try await measureCodex(bench, &report)
    await bench.end()
    try await reconnecting.measure(&report, asleep: asleep)
    try await stalled.measure(&report)
    try finish(report)
}

func measureCodex(_ bench: Bench, _ report: inout Report) async throws {
    for roundTrip: Int64 in [0, 50, 100] {
        try await CodexStart(bench: bench).measure(
            &report, network: roundTrip == 0 ? "loopback" : "\(roundTrip) ms", roundTrip: roundTrip, count: quick ? 3 : 10)
    }
}

func finish(_ report: Report) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    let output = option("--output") ?? "bench.json"
    try encoder.encode(report).write(to: URL(fileURLWithPath: output))
    say("written to \(output)")
}

Stage.endWithProgram()
do { try await runAll() } catch {
    say("portal-bench: \(error)")
    exit(1)
}
