import Portal
import PortalWire

/// Host: what machine the tools act on.
struct HostTool: Sendable {
    let host: ToolHost
    let options: ToolSession.Options

    func run() async throws -> ToolResult {
        let place = try await host.place()
        let status = try await place.workspace.status()
        let facts = place.facts
        var lines = [
            "Host: \(HostPath.text(facts.name)) (target \(host.target))",
            "System: \(HostPath.text(facts.system)) \(HostPath.text(facts.release)), \(HostPath.text(facts.machine))",
            "User: \(HostPath.text(facts.user)) (uid \(facts.userIdentifier)), home \(HostPath.text(facts.home))",
            "Workspace: \(HostPath.text(place.root))\(options.isConfined ? " (the tools for files refuse paths outside of it)" : "")",
            "Shell directory: \(HostPath.text(host.shellDirectory ?? place.root))",
        ]
        var link = "Connection: \(status.state.name)"
        if let roundTrip = status.roundTripMicroseconds { link += ", round trip \(Double(roundTrip / 100) / 10) ms" }
        lines.append(link)
        let running = host.commands.living
        if !running.isEmpty {
            lines.append("Commands that were started in the background: " + running.map(\.identifier).joined(separator: ", "))
        }
        return ToolResult(lines.joined(separator: "\n"))
    }
}

extension ToolSession {
    /// What a model should know before it calls anything: which machines these are.
    /// - Parameter milliseconds: How long at most hosts are waited for, which are reached at the same time.
    public func instructions(milliseconds: Int) async -> String {
        let known = Promise<Void>()
        let reaching = Task {
            await withTaskGroup(of: Void.self) { group in
                for host in hosts { group.addTask { _ = try? await host.place() } }
            }
            known.fulfil(())
        }
        _ = await known.value(milliseconds: milliseconds)
        // The tasks that wait for hosts end with them; nobody waits for the tasks.
        _ = reaching
        var text = "These tools act on another machine than the one that you run on; commands and paths are that machine's. "
        text +=
            hosts.count == 1
            ? about(hosts[0]) : "The parameter host says which one:\n" + hosts.map { "- \($0.name): \(about($0))" }.joined(separator: "\n")
        return text
    }

    private func about(_ host: ToolHost) -> String {
        guard let place = host.knownPlace else {
            return "It is \(host.target), which has not answered yet; the tool Host tells more."
        }
        let facts = place.facts
        return "It is \(host.target): host name \(HostPath.text(facts.name)), \(HostPath.text(facts.system)), architecture "
            + "\(HostPath.text(facts.machine)), user \(HostPath.text(facts.user)), in the directory \(HostPath.text(place.root)), at which relative paths "
            + "and commands start."
    }
}
