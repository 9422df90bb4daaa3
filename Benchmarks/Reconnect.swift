import FaultLab
import Foundation
import NIOCore
import Portal
import TestSupport

/// How long a call waits whose connection was lost, with a round trip of 50 ms.
struct Reconnecting {
    let portal: String
    let count: Int

    private static let roundTrip = 50.0
    private static let network = "50 ms"

    func measure(_ report: inout Report, asleep: Double) async throws {
        let stage = try await Stage(portal: portal, seed: 1, line: .init(roundTrip: .milliseconds(Int64(Reconnecting.roundTrip))))
        do {
            try await measureCuts(&report, stage)
            for isLost in [false, true] { try await measureSleep(&report, stage, seconds: asleep, isLost: isLost) }
        } catch {
            await stage.end()
            throw error
        }
        await stage.end()
    }

    // MARK: Cuts

    private func measureCuts(_ report: inout Report, _ stage: Stage) async throws {
        setenv("PORTAL_RUNTIME_DIR", stage.runtime.path, 1)
        var options = ConnectionOptions()
        options.proxy = .shared(executable: stage.portal)
        options.sshConfig = stage.config
        let workspace = try await Workspace.connect(stage.target, options: options)
        var samples: [Double] = []
        var steps: [String] = []
        var failures = 0
        for _ in 0..<count {
            // A link that lives less than two seconds is one that the proxy is in no hurry to replace.
            try await Task.sleep(for: .seconds(3))
            _ = try await workspace.status(of: ".")
            try await stage.relay.beginRecord()
            try await stage.relay.apply(.cut)
            let cut = NIODeadline.now()
            failures += try await untilItSucceeds { _ = try await workspace.status(of: ".") }
            samples.append(Double((NIODeadline.now() - cut).nanoseconds) / 1e6)
            steps = Reconnecting.steps(try await stage.relay.record, since: cut)
        }
        workspace.close()
        report.add("a cut to the next answer", "portal", Reconnecting.network, unit: "ms", samples)
        report.add(
            "a cut to the next answer", "portal", Reconnecting.network, unit: "RTT", samples.map { $0 / Reconnecting.roundTrip })
        if failures > 0 { say("  \(failures) calls failed meanwhile, instead of waiting") }
        say("  the last of them, as the relay saw it; each line is a direction's turn:")
        for step in steps { say("    \(step)") }
    }

    /// Tries until a call is answered. Gives the number of those that failed.
    private func untilItSucceeds(_ call: () async throws -> Void) async throws -> Int {
        var last: (any Error)?
        for failures in 0..<100 {
            do {
                try await call()
                return failures
            } catch { last = error }
        }
        throw last!
    }

    /// What passed on the newest connection, in turns: what one side sent until the other did.
    private static func steps(_ record: [NetworkRelay.Sighting], since cut: NIODeadline) -> [String] {
        guard let newest = record.map(\.connection).max() else { return [] }
        var steps: [String] = []
        var turn: (direction: NetworkRelay.Direction, time: Double, count: Int, what: String)?
        var roundTrips = 0
        var isCiphered = false
        func finishTurn() {
            guard let turn else { return }
            let arrow = turn.direction == .toServer ? "──►" : "◄──"
            steps.append(String(format: "%7.1f ms  %@ %6d bytes  %@", turn.time, arrow, turn.count, turn.what))
        }
        for sighting in record where sighting.connection == newest {
            let time = Double((sighting.time - cut).nanoseconds) / 1e6
            switch sighting.what {
            case .connected: steps.append(String(format: "%7.1f ms  a connection", time))
            case .ended: break
            case .bytes(let direction, let count, let first):
                let what = isCiphered ? "" : name(first)
                if what == newKeys { isCiphered = true }
                if turn?.direction == direction {
                    turn!.count += count
                    if !what.isEmpty, turn!.what != what { turn!.what += ", \(what)" }
                } else {
                    finishTurn()
                    if direction == .toServer, turn != nil { roundTrips += 1 }
                    turn = (direction, time, count, what)
                }
            }
        }
        finishTurn()
        return steps + ["\(roundTrips) times the client waited for the server before it sent more"]
    }

    private static let newKeys = "new keys"

    /// What a piece begins with, until everything is ciphered (RFC 4253, sections 4 and 6 and 12).
    private static func name(_ first: [UInt8]) -> String {
        if first.starts(with: Array("SSH-".utf8)) { return "version" }
        guard first.count > 5 else { return "" }
        switch first[5] {
        case 20: return "algorithms"
        case 30: return "key exchange"
        case 31: return "key exchange, host key"
        case 21: return newKeys
        default: return ""
        }
    }

    // MARK: Sleep

    /// Everything here is stopped for a time and goes on: a lid that was closed. What the network forgets meanwhile is a half-open connection.
    private func measureSleep(_ report: inout Report, _ stage: Stage, seconds: Double, isLost: Bool) async throws {
        var client = try newClient(stage)
        try await ask(client)
        let sleepers = stage.proxies.map(\.pid) + [client.pid]
        for pid in sleepers { kill(pid, SIGSTOP) }
        if isLost { try await stage.relay.apply(.halfOpen(keeping: .client)) }
        // This is the measured thing itself: nothing here can tell when it is long enough.
        try await Task.sleep(for: .seconds(seconds))
        for pid in sleepers { kill(pid, SIGCONT) }
        let woken = NIODeadline.now()
        let failures = try await untilItSucceeds {
            do { try await ask(client) } catch {
                client = try newClient(stage)
                throw error
            }
        }
        let sample = Double((NIODeadline.now() - woken).nanoseconds) / 1e6
        let what = "\(Int(seconds)) s asleep, \(isLost ? "link lost" : "link kept")"
        report.add(what, "portal", Reconnecting.network, unit: "ms", [sample])
        if failures > 0 { say("  \(failures) calls failed meanwhile, instead of waiting") }
        await client.leave()
    }

    private func newClient(_ stage: Stage) throws -> CallClient { try CallClient(stage, errors: "/dev/null") }

    private func ask(_ client: CallClient) async throws {
        switch await client.call("fs.stat", ["path": "."], deadline: 300) {
        case .answered: return
        case .failed(let code, _, let message): throw Program.Failure(description: "\(code): \(message)")
        case .clientDied: throw Program.Failure(description: "the client died")
        case .silent: throw Program.Failure(description: "no answer in 300 s")
        }
    }
}
