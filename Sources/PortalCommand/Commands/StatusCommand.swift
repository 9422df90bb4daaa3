import ArgumentParser
import Portal
import PortalWire

/// `portal status`: the proxies that run.
struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show the proxies that run, and the state of each one's link to its host.")

    @Flag(help: "One JSON object a line.")
    var json = false

    func run() async throws {
        do throws(PortalError) {
            let proxies = try await Proxies.all()
            if json {
                for proxy in proxies {
                    var writer = JSONWriter()
                    writer.beginObject()
                    proxy.write(to: &writer)
                    writer.endObject()
                    Output.write(writer.bytes + [0x0A])
                }
            } else if proxies.isEmpty {
                Output.print("no proxy is running")
            } else {
                for proxy in proxies { Output.print(line(proxy)) }
            }
        } catch {
            fail(error)
        }
    }

    private func line(_ proxy: ProxyStatus) -> String {
        func text(_ bytes: [UInt8]) -> String { Printable.text(bytes) }
        var line = "\(text(proxy.target)): \(proxy.state.name)"
        switch proxy.state {
        case .ready:
            if let host = proxy.host { line += ", \(text(host.user)) on \(text(host.name)) (\(text(host.system)) \(text(host.machine)))" }
            line += ", for \(duration(proxy.seconds))"
            if let roundTrip = proxy.roundTripMicroseconds { line += ", round trip \(milliseconds(roundTrip)) ms" }
        case .interrupted: line += " for \(duration(proxy.seconds)): \(reason(proxy))"
        case .failed: line += " \(duration(proxy.seconds)) ago: \(reason(proxy))"
        case .connecting, .idle: line += ", for \(duration(proxy.seconds))"
        }
        return line + "; \(proxy.clients - 1) clients, \(proxy.requests) requests, pid \(proxy.process)" + end(proxy)
    }

    /// What ends what runs there, though nobody here asked for it, on a line of its own.
    private func end(_ proxy: ProxyStatus) -> String {
        switch proxy.loginEnd {
        case nil: ""
        case .withLogins: "\n    what runs there ends with this user's last login there; `loginctl enable-linger`, there, keeps it"
        case .withLogin:
            "\n    what runs there ends with its login: systemd kills it there (KillUserProcesses), and its user's own does not take it"
        }
    }

    private func reason(_ proxy: ProxyStatus) -> String { proxy.error.map { Printable.line(String(decoding: $0, as: UTF8.self)) } ?? "" }

    private func milliseconds(_ microseconds: UInt64) -> String {
        "\(microseconds / 1000).\(microseconds % 1000 / 100)"
    }
}

/// `portal stop`: ends proxies.
struct StopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "End a target's proxy, and everything that runs on its host through it.")

    @Argument(help: "The target; a directory in it makes no difference.")
    var target: String?

    @Option(name: .customShort("F"), help: ArgumentHelp("The ssh_config that it was started with.", valueName: "file"))
    var sshConfig: String?

    @Flag(help: "End all of them.")
    var all = false

    func validate() throws {
        guard (target != nil) != all else { throw ValidationError("name a target, or all of them with --all") }
    }

    func run() async throws {
        do throws(PortalError) {
            guard let target else {
                let stopped = try await Proxies.stopAll()
                Output.print(stopped.isEmpty ? "no proxy was running" : "stopped \(Printable.text(stopped.joined(separator: ", ")))")
                return
            }
            var options = ConnectionOptions()
            options.proxy = .running
            options.sshConfig = sshConfig ?? environmentVariable("PORTAL_SSH_CONFIG")
            let workspace: Workspace
            do throws(PortalError) { workspace = try await Workspace.open(target, options: options) } catch  where error.code == .timedOut {
                guard try Proxies.kill(target, sshConfig: options.sshConfig) else { throw error }
                Output.print(
                    "killed the proxy for \(Printable.text(target)), which did not answer; what runs on the host is kept there for a while")
                return
            }
            let lingers = try await workspace.stop()
            let name = Printable.text(workspace.target.name)
            let rest = lingers.map { "; the host cannot be reached now, and ends what runs there within \(duration($0))" } ?? ""
            Output.print("stopped \(name)\(rest)")
        } catch {
            fail(error)
        }
    }
}

private func duration(_ seconds: UInt64) -> String {
    seconds < 120 ? "\(seconds) s" : seconds < 7200 ? "\(seconds / 60) min" : "\(seconds / 3600) h"
}
