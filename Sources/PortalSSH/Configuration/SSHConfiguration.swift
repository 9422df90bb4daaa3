/// What the ssh configuration says about a host, as `ssh -G` prints it.
struct SSHConfiguration: Sendable, Hashable {
    /// The name that the user gave: `%n`.
    var alias: String
    var hostName: String
    var user: String
    var port = 22
    var identityFiles: [String] = []
    /// nil: `SSH_AUTH_SOCK`.
    var identityAgent: String?
    var identitiesOnly = false
    var userKnownHostsFiles: [String] = []
    var globalKnownHostsFiles: [String] = []
    var strictHostKeyChecking = StrictHostKeyChecking.ask
    var hostKeyAlias: String?
    var hashKnownHosts = false
    var connectTimeoutSeconds: Int?
    var addressFamily = AddressFamily.any
    var proxyJump: String?
    var proxyCommand: String?
    /// False when there was no `ssh` to ask, so that only defaults are in here.
    var wasRead = true

    enum StrictHostKeyChecking: String, Sendable {
        case yes, no, ask
        case acceptNew = "accept-new"
    }

    enum AddressFamily: String, Sendable {
        case any, inet, inet6
    }

    /// The name that known_hosts has for the host.
    var knownHostsName: String {
        if let hostKeyAlias { return hostKeyAlias.lowercased() }
        return port == 22 ? hostName.lowercased() : "[\(hostName.lowercased())]:\(port)"
    }

    /// What ssh would do without any configuration.
    static func defaults(for address: HostAddress) -> SSHConfiguration {
        let home = Environment.home
        var configuration = SSHConfiguration(alias: address.host, hostName: address.host, user: address.user ?? Environment.userName)
        configuration.port = address.port ?? 22
        configuration.identityFiles = ["id_rsa", "id_ecdsa", "id_ed25519"].map { "\(home)/.ssh/\($0)" }
        configuration.userKnownHostsFiles = ["\(home)/.ssh/known_hosts", "\(home)/.ssh/known_hosts2"]
        configuration.globalKnownHostsFiles = ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"]
        configuration.wasRead = false
        return configuration
    }

    /// Parses the output of `ssh -G`. Unknown keys are skipped; home and tokens in paths are expanded.
    init(parsing output: [UInt8], for address: HostAddress) {
        self.init(alias: address.host, hostName: address.host, user: address.user ?? "")
        for line in output.split(separator: 0x0A) {
            let text = String(decoding: line, as: UTF8.self)
            guard let space = text.firstIndex(of: " ") else { continue }
            apply(text[..<space].lowercased(), String(text[text.index(after: space)...]))
        }
        if user.isEmpty { user = Environment.userName }
        identityFiles = identityFiles.map(expand)
        identityAgent = identityAgent.map(expand)
        userKnownHostsFiles = userKnownHostsFiles.map(expand)
        globalKnownHostsFiles = globalKnownHostsFiles.map(expand)
    }

    private init(alias: String, hostName: String, user: String) {
        self.alias = alias
        self.hostName = hostName
        self.user = user
    }

    private mutating func apply(_ key: String, _ value: String) {
        let isNone = value.lowercased() == "none"
        switch key {
        case "hostname": hostName = value
        case "user": user = value
        case "port": port = Int(value) ?? port
        case "identityfile": if !isNone { identityFiles.append(value) }
        case "identityagent": identityAgent = value
        case "identitiesonly": identitiesOnly = SSHConfiguration.isTrue(value)
        case "userknownhostsfile": userKnownHostsFiles = isNone ? [] : SSHConfiguration.paths(value)
        case "globalknownhostsfile": globalKnownHostsFiles = isNone ? [] : SSHConfiguration.paths(value)
        case "stricthostkeychecking": strictHostKeyChecking = SSHConfiguration.strictness(value)
        case "hostkeyalias": hostKeyAlias = value
        case "hashknownhosts": hashKnownHosts = SSHConfiguration.isTrue(value)
        case "connecttimeout": connectTimeoutSeconds = Int(value).flatMap { $0 > 0 ? $0 : nil }
        case "addressfamily": addressFamily = AddressFamily(rawValue: value) ?? .any
        case "proxyjump": proxyJump = isNone ? nil : value
        case "proxycommand": proxyCommand = isNone ? nil : value
        default: break
        }
    }

    private static func isTrue(_ value: String) -> Bool { value == "yes" || value == "true" }

    private static func strictness(_ value: String) -> StrictHostKeyChecking {
        switch value {
        case "yes", "true": .yes
        case "no", "false", "off": .no
        default: StrictHostKeyChecking(rawValue: value) ?? .ask
        }
    }

    /// `ssh -G` joins paths with spaces and quotes none; a path begins with `/` or `~`, so a space before another character is part of a name.
    static func paths(_ value: String) -> [String] {
        var paths: [String] = []
        for word in value.split(separator: " ", omittingEmptySubsequences: false) {
            if paths.isEmpty || word.hasPrefix("/") || word.hasPrefix("~") {
                paths.append(String(word))
            } else {
                paths[paths.count - 1] += " " + word
            }
        }
        return paths.filter { !$0.isEmpty }
    }

    /// `~/` and the tokens of ssh_config(5) that `ssh -G` leaves in.
    private func expand(_ path: String) -> String {
        let home = Environment.home
        let path = path == "~" || path.hasPrefix("~/") ? home + path.dropFirst() : path
        return expandTokens(path, ["d": home, "u": Environment.userName, "i": String(getuidNumber())])
    }

    /// Replaces `%h`, `%p`, `%r`, `%n`, `%%` and the `more`; other tokens stay as they are.
    func expandTokens(_ text: String, _ more: [Character: String] = [:]) -> String {
        var result = ""
        var rest = text[...]
        while let percent = rest.firstIndex(of: "%") {
            result += rest[..<percent]
            rest = rest[rest.index(after: percent)...]
            guard let token = rest.popFirst() else { return result + "%" }
            switch token {
            case "%": result += "%"
            case "h": result += hostName
            case "p": result += String(port)
            case "r": result += user
            case "n": result += alias
            default: result += more[token] ?? "%\(token)"
            }
        }
        return result + rest
    }

    /// The command whose stdin and stdout replace the TCP connection; nil when a TCP connection is made.
    func transportCommand(configFile: String?) -> [String]? {
        if let proxyCommand { return ["/bin/sh", "-c", "exec " + expandTokens(proxyCommand)] }
        guard let proxyJump else { return nil }
        // The last hop is connected here; the ones before it are its own jumps, as OpenSSH does it.
        let hops = proxyJump.split(separator: ",").map(String.init)
        guard let last = hops.last, let hop = try? HostAddress(parsing: last.hasPrefix("ssh://") ? last : "ssh://\(last)") else {
            return nil
        }
        // BatchMode: a question of this ssh would reach nobody.
        var arguments = ["ssh", "-o", "BatchMode=yes", "-o", "ClearAllForwardings=yes"]
        if let configFile { arguments += ["-F", configFile] }
        if let user = hop.user { arguments += ["-l", user] }
        if let port = hop.port { arguments += ["-p", String(port)] }
        if hops.count > 1 { arguments += ["-J", hops.dropLast().joined(separator: ",")] }
        let destination = hostName.contains(":") ? "[\(hostName)]:\(port)" : "\(hostName):\(port)"
        return arguments + ["-W", destination, hop.host]
    }
}
