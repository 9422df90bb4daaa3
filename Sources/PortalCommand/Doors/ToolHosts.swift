import AgentTools
import ArgumentParser
import DoorSupport
import Portal
import PortalProxy

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The hosts of an agent's tools as they stand on a command line, and what goes there of the environment.
struct ToolHosts {
    /// A target, and what models call it.
    struct Named {
        var name: String
        var target: String
    }

    let hosts: [Named]

    /// - Parameter arguments: `TARGET`, or `NAME=TARGET` for each of several.
    /// - Throws: `ValidationError` for a text that names no host, and for two of the same name.
    init(_ arguments: [String]) throws {
        hosts = try arguments.map { argument in
            var named = Named(name: "", target: argument)
            if let sign = argument.firstIndex(of: "="), ToolHosts.isName(argument[..<sign]) {
                named = Named(name: String(argument[..<sign]), target: String(argument[argument.index(after: sign)...]))
            }
            do throws(ProxyError) {
                let target = try Target(named.target)
                if named.name.isEmpty { named.name = target.name }
            } catch { throw ValidationError(error.message) }
            return named
        }
        for (index, host) in hosts.enumerated() where hosts[..<index].contains(where: { $0.name == host.name }) {
            throw ValidationError("two hosts are called \(host.name): give them names, as in a=\(host.target)")
        }
    }

    private static func isName(_ text: Substring) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy { byte in
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte | 0x20 || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
                    || [UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: ".")].contains(byte)
            }
    }

    /// The hosts for a session. A person is never asked: there may be an agent's screen on the terminal.
    func toolHosts(_ link: LinkOptions) -> [ToolHost] {
        hosts.map { host in
            ToolHost(name: host.name, target: host.target) { (progress) async throws(PortalError) in
                var options = link.unattendedOptions()
                options.progress = progress
                return try await Workspace.open(host.target, options: options)
            }
        }
    }

    /// What goes to the hosts of this program's environment.
    /// - Parameter named: `NAME`, whose value is taken from here, or `NAME=VALUE`.
    /// - Throws: `ValidationError` for what is neither.
    static func environment(_ named: [String]) throws -> [(name: String, value: String)] {
        var values: [String: String] = [:]
        for name in ForwardedEnvironment.forwarded(from: ownEnvironment()) { values[name.name] = name.value }
        for text in named {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard let name = parts.first, !name.isEmpty else { throw ValidationError("--env \(text): it is written NAME or NAME=VALUE") }
            if parts.count == 2 {
                values[name] = parts[1]
            } else if let value = getenv(name) {
                values[name] = String(cString: value)
            }
        }
        return values.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
    }

    private static func ownEnvironment() -> [String: String] {
        var values: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let whole = String(cString: text)
            if let sign = whole.firstIndex(of: "=") { values[String(whole[..<sign])] = String(whole[whole.index(after: sign)...]) }
            entry += 1
        }
        return values
    }
}

extension LinkOptions {
    /// The options of the SDK for a program that an agent runs: nobody is asked, and nothing is shown.
    func unattendedOptions() -> ConnectionOptions {
        var options = ConnectionOptions()
        options.sshConfig = sshConfig ?? environmentVariable("PORTAL_SSH_CONFIG")
        options.persistSeconds = max(0, persist)
        options.lingerSeconds = attached ? 0 : max(0, linger)
        options.patienceSeconds = max(0, patience)
        if let executable = ownExecutable() { options.proxy = .shared(executable: executable) }
        return options
    }
}
