/// The command line of Codex, as far as portal must understand it.
struct CodexArguments {
    /// What a command of Codex is.
    enum Kind: Equatable {
        /// A session on the terminal.
        case interactive
        /// A session without one, which ends by itself.
        case once
        /// Anything else: logging in, settings, a server for editors.
        case other
    }

    /// What it does.
    let kind: Kind
    /// The directory that the user named.
    let directory: String?
    /// The words before the command's own name, the name, and what follows; without the directory.
    private let head: [String]
    private let name: [String]
    private let tail: [String]

    /// Options that take a word of their own.
    private static let valued: Set<String> = [
        "-c", "--config", "--enable", "--disable", "--remote", "--remote-auth-token-env", "-i", "--image", "-m", "--model",
        "--local-provider", "-p", "--profile", "-s", "--sandbox", "-C", "--cd", "--add-dir", "-a", "--ask-for-approval",
    ]
    private static let interactive: Set<String> = ["resume", "fork"]
    private static let once: Set<String> = ["exec", "e"]
    private static let others: Set<String> = [
        "login", "logout", "mcp", "plugin", "app-server", "completion", "update", "doctor", "debug", "archive", "delete",
        "migrate-rollouts",
        "unarchive", "features", "help",
    ]
    /// What would act here, or be done by the shared server of sessions, which knows nothing of the host.
    private static let refused: Set<String> = [
        "agents", "review", "remote-control", "sandbox", "apply", "a", "queue", "cloud", "exec-server",
    ]

    /// - Throws: `AgentLaunchError` for a command that would act on this machine.
    init(_ arguments: [String]) throws(AgentLaunchError) {
        var directory: String?
        var words: [String] = []
        /// Where in `words` the command's name is, or where a prompt is.
        var first: Int?
        var index = 0
        while index < arguments.count {
            let word = arguments[index]
            let next = index + 1 < arguments.count ? arguments[index + 1] : nil
            index += 1
            if word == "--" {
                words += arguments[(index - 1)...]
                break
            } else if word == "-C" || word == "--cd", let next {
                directory = next
                index += 1
            } else if word.hasPrefix("--cd=") {
                directory = String(word.dropFirst(5))
            } else if word.hasPrefix("-C"), word.utf8.count > 2 {
                directory = String(word.dropFirst(2))
            } else if Self.valued.contains(word), let next {
                words += [word, next]
                index += 1
            } else {
                if first == nil, !word.hasPrefix("-") { first = words.count }
                words.append(word)
            }
        }
        let command = first.map { words[$0] } ?? ""
        if Self.refused.contains(command) {
            throw AgentLaunchError(
                "codex \(command) acts on this machine or by Codex's shared server, and knows nothing of the host; give codex, codex exec, "
                    + "codex resume or codex fork")
        }
        kind =
            Self.once.contains(command) ? .once : Self.others.contains(command) ? .other : .interactive
        self.directory = directory
        let isNamed = kind == .once || Self.interactive.contains(command)
        let split = isNamed ? first! : 0
        head = Array(words[..<split])
        name = isNamed ? [words[split]] : []
        tail = Array(words[(isNamed ? split + 1 : split)...])
    }

    /// The command line with options of portal's.
    func arguments(with options: [String]) -> [String] { head + name + options + tail }
}
