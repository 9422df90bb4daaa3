/// What an agent is run with so that its tools act on the host. Making one touches nothing.
public struct Preparation: Sendable {
    /// Its arguments, without the program.
    public var arguments: [String]
    /// What its environment has besides what it inherits.
    public var environment: [(name: String, value: String)] = []
    /// Files for the private directory: their names in it, and what is in them.
    public var files: [(name: String, content: String)] = []
    /// An empty directory of this machine that stands for the workspace there; it is made where it is missing, and stays.
    public var standIn: String?
    /// Symbolic links for it, and where they lead.
    public var links: [(name: String, target: String)] = []
    /// A directory of links that stands for one of the user's: what the agent makes in it is moved there in the end.
    public var overlay: Overlay?
    /// One line of what was done, for a person.
    public var summary: String

    /// A directory in the private one whose entries are the user's.
    public struct Overlay: Sendable {
        /// Its name in the private directory.
        public var name: String
        /// The user's directory.
        public var original: String
        /// The entries that are portal's own.
        public var own: Set<String>
        /// Directories that must be there in the user's.
        public var folders: [String]
    }

    init(_ arguments: [String], summary: String) {
        self.arguments = arguments
        self.summary = summary
    }
}

/// What a preparation depends on.
public struct LaunchSituation: Sendable {
    /// What calls portal: its program, and the options that say how the host is reached.
    public var portal: PortalCall
    /// What the host's executor says of it.
    public var host: HostDescription
    /// Where the private directory is, or will be.
    public var privateDirectory: String
    /// Where directories are that stand for others on hosts.
    public var standIns: String
    /// The agent's environment as it is.
    public var environment: [String: String]

    /// Gathers it.
    public init(
        portal: PortalCall, host: HostDescription, privateDirectory: String, standIns: String, environment: [String: String]
    ) {
        self.standIns = standIns
        self.portal = portal
        self.host = host
        self.privateDirectory = privateDirectory
        self.environment = environment
    }

    /// An absolute path of the environment.
    func path(_ name: String) -> String? { environment[name].flatMap { $0.hasPrefix("/") ? $0 : nil } }
}

/// How an agent's configuration calls portal.
public struct PortalCall: Sendable {
    /// The program.
    public var executable: String
    /// Options that are the same for each of its commands: `-F FILE`, `--patience SECONDS`.
    public var options: [String]
    /// `--env` for what goes into the environment there.
    public var variables: [String]
    /// The target as the user named it.
    public var target: String

    /// Makes one.
    public init(executable: String, options: [String] = [], variables: [String] = [], target: String) {
        self.executable = executable
        self.options = options
        self.variables = variables
        self.target = target
    }

    /// The arguments of a command such as `mcp`, for the target.
    func arguments(_ command: String, _ more: [String] = []) -> [String] {
        [command] + options + variables.flatMap { ["--env", $0] } + more + [target]
    }
}

/// What an agent and its model are told of the host.
public struct HostDescription: Sendable {
    /// The host as the user named it, without the directory.
    public var name: String
    /// Such as `Linux`.
    public var system: String
    /// Such as `aarch64`.
    public var machine: String
    /// The workspace's directory there, an absolute path.
    public var directory: String
    /// Whether the directory is in a git repository there; nil where that was not asked.
    public var isRepository: Bool?
    /// What the project there says to agents, of those that do not read it there themselves; nil where it says nothing.
    public var instructions: String?
    /// The longest of that, in bytes; what is longer is for the model to read itself.
    public static let longestInstructions = 64 * 1024

    /// Makes one.
    public init(
        name: String, system: String, machine: String, directory: String, isRepository: Bool? = nil, instructions: String? = nil
    ) {
        self.instructions = instructions
        self.name = name
        self.system = system
        self.machine = machine
        self.directory = directory
        self.isRepository = isRepository
    }

    /// For a person: the host and the directory.
    var place: String { "\(name):\(directory)" }
}
