/// The part of a target that names the host: `[user@]host`, where host may be an alias of the ssh configuration, or `ssh://[user@]host[:port]`.
public struct HostAddress: Sendable, Hashable, CustomStringConvertible {
    /// The user to log in as; nil leaves it to the ssh configuration.
    public var user: String?
    /// A host name, a numeric address (IPv6 without brackets) or an alias.
    public var host: String
    /// The TCP port; nil leaves it to the ssh configuration.
    public var port: Int?

    /// An address from its parts, unchecked; `Connector.connect` refuses what ssh would refuse.
    public init(user: String? = nil, host: String, port: Int? = nil) {
        self.user = user
        self.host = host
        self.port = port
    }

    /// Parses `[user@]host`, `[user@][v6]` or `ssh://[user@]host[:port][/]`.
    ///
    /// - Throws: `SSHError` with `.invalidArgument`.
    public init(parsing text: String) throws(SSHError) {
        var rest = Substring(text)
        let isURL = rest.hasPrefix("ssh://")
        if isURL {
            rest = rest.dropFirst(6)
            if rest.hasSuffix("/") { rest = rest.dropLast() }
        }
        // The last @: user names may contain one (name@domain).
        if let at = rest.lastIndex(of: "@") {
            user = String(rest[..<at])
            rest = rest[rest.index(after: at)...]
        }
        if rest.hasPrefix("[") {
            guard let end = rest.firstIndex(of: "]") else { throw HostAddress.malformed(text, "a [ without its ]") }
            host = String(rest[rest.index(after: rest.startIndex)..<end])
            rest = rest[rest.index(after: end)...]
        } else if isURL, let colon = rest.firstIndex(of: ":") {
            host = String(rest[..<colon])
            rest = rest[colon...]
        } else {
            host = String(rest)
            rest = ""
        }
        if isURL, rest.hasPrefix(":") {
            guard let port = Int(rest.dropFirst()), (1...65535).contains(port) else {
                throw HostAddress.malformed(text, "the port is not 1-65535")
            }
            self.port = port
            rest = ""
        }
        guard rest.isEmpty else { throw HostAddress.malformed(text, "unexpected \"\(rest)\" after the host") }
        try validate()
    }

    /// OpenSSH's own rules: nothing that an option parser or a shell (ProxyCommand's %h, %r) would take for its own.
    func validate() throws(SSHError) {
        guard !host.isEmpty, !host.hasPrefix("-") else { throw HostAddress.malformed(description, "the host is empty or begins with -") }
        for byte in host.utf8 where byte <= 0x20 || byte == 0x7F || "'`\"$\\;&<>|(){},/@".utf8.contains(byte) {
            throw HostAddress.malformed(description, "the host contains a character that no host name has")
        }
        if let user {
            guard !user.isEmpty, !user.hasPrefix("-") else {
                throw HostAddress.malformed(description, "the user is empty or begins with -")
            }
            for byte in user.utf8 where byte < 0x20 || byte == 0x7F || "'`\";&<>|(){}".utf8.contains(byte) {
                throw HostAddress.malformed(description, "the user contains a character that no user name has")
            }
        }
        if let port, !(1...65535).contains(port) { throw HostAddress.malformed(description, "the port is not 1-65535") }
    }

    private static func malformed(_ text: String, _ why: String) -> SSHError {
        SSHError(.invalidArgument, "\"\(printable(text.utf8))\" is not a host: \(why). Write [user@]host or ssh://[user@]host[:port].")
    }

    /// `[user@]host[:port]`.
    public var description: String {
        let name = (user.map { "\($0)@" } ?? "") + (host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host)
        return port.map { "\(name):\($0)" } ?? name
    }
}
