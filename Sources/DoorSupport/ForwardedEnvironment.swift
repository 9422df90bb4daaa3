/// What of an agent's environment here goes to the host: what says how output shall look, and nothing that could be a secret. Everything else
/// there is the login's own.
public enum ForwardedEnvironment {
    private static let names: Set<String> = ["TERM", "COLORTERM", "LANG", "PAGER", "GIT_EDITOR", "CI", "NO_COLOR"]

    /// Whether a variable goes there without having been named by the user.
    public static func allows(_ name: String) -> Bool {
        names.contains(name) || (name.hasPrefix("LC_") && name.utf8.count > 3) || (name.hasSuffix("_PAGER") && name.utf8.count > 6)
    }

    /// Whether the name of a variable says that its value is for nobody else: a key, a token, a way to the user's agent for keys.
    public static func isSecret(_ name: String) -> Bool {
        let upper = name.uppercased()
        if ["SSH_AUTH_SOCK", "SSH_AGENT_PID", "GPG_AGENT_INFO", "DBUS_SESSION_BUS_ADDRESS"].contains(upper) { return true }
        let words = upper.split(separator: "_")
        return words.contains {
            ["KEY", "APIKEY", "TOKEN", "SECRET", "SECRETS", "PASSWORD", "PASSWD", "PASSPHRASE", "CREDENTIAL", "CREDENTIALS"].contains($0)
        }
    }

    /// What goes there of an environment.
    /// - Parameters:
    ///   - environment: Names and values.
    ///   - named: Names that the user wants there besides; those of secrets too, since the user says so.
    /// - Returns: Names and values, sorted by name.
    public static func forwarded(
        from environment: [String: String], named: Set<String> = []
    ) -> [(name: String, value: String)] {
        environment.filter { allows($0.key) || named.contains($0.key) }.sorted { $0.key < $1.key }.map { (name: $0.key, value: $0.value) }
    }
}
