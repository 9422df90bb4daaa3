// `make torture` and `make soak`: portal on a network that fails, with a real sshd of its own.
// Arguments: torture | soak, [--seed N] [--minutes M | --seconds S] [--portal PROGRAM] [--log FILE] [--only KIND,…] [--without KIND,…]
// For the soak also [--calls-per-second N] [--cut-seconds S] [--burst N]

import FaultLab
import Foundation
import TestSupport

func say(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }

let arguments = CommandLine.arguments
func option(_ name: String) -> String? {
    arguments.firstIndex(of: name).flatMap { $0 + 1 < arguments.count ? arguments[$0 + 1] : nil }
}

let portalProgram = URL(fileURLWithPath: option("--portal") ?? ".build/release/portal").path
let seed = option("--seed").flatMap { UInt64($0) } ?? UInt64.random(in: 1...999_999)
let seconds = option("--seconds").flatMap { Double($0) } ?? option("--minutes").flatMap { Double($0) }.map { $0 * 60 }

func torture() async throws -> Bool {
    var plan = Torture.Plan()
    if let seconds { plan.seconds = seconds }
    if let kinds = option("--only") {
        guard let mix = FaultScript.Mix(only: kinds.split(separator: ",").map(String.init)) else {
            throw TestFailure("--only \(kinds): there are \(FaultScript.Mix.kinds.joined(separator: ", "))")
        }
        plan.mix = mix
    }
    for kind in (option("--without") ?? "").split(separator: ",") {
        switch kind {
        case "faults": plan.faultSeconds = 0
        case "proxy": plan.proxyKillSeconds = 0
        case "executor": plan.executorKillSeconds = 0
        case "client": plan.clientKillSeconds = 0
        case "host": plan.hostKillSeconds = 0
        default: throw TestFailure("--without \(kind): there are faults, proxy, executor, client and host")
        }
    }
    say("torture, seed \(seed), \(Int(plan.seconds)) s")
    let outcome = try await Torture.run(portal: portalProgram, seed: seed, plan: plan)
    say(outcome.report)
    if let file = option("--log") ?? (outcome.isClean ? nil : "torture-\(seed).log") {
        try Data(outcome.log.utf8).write(to: URL(fileURLWithPath: file))
        say("\neverything that happened is in \(file)")
    }
    return outcome.isClean
}

func soak() async throws -> Bool {
    var plan = Soak.Plan()
    if let seconds { plan.seconds = seconds }
    if let calls = option("--calls-per-second").flatMap({ Double($0) }) { plan.callsPerSecond = calls }
    if let cuts = option("--cut-seconds").flatMap({ Double($0) }) { plan.cutSeconds = cuts }
    if let burst = option("--burst").flatMap({ Int($0) }) { plan.burst = burst }
    say("soak, seed \(seed), \(Int(plan.seconds)) s")
    let (isClean, report) = try await Soak.run(portal: portalProgram, seed: seed, plan: plan)
    say(report)
    return isClean
}

Stage.endWithProgram()
do {
    switch arguments.dropFirst().first {
    case "torture": exit(try await torture() ? 0 : 1)
    case "soak": exit(try await soak() ? 0 : 1)
    default:
        say("portal-lab torture | soak; Tests/FaultLabProgram/main.swift has the arguments")
        exit(2)
    }
} catch {
    say("portal-lab, seed \(seed): \(error)")
    exit(1)
}
