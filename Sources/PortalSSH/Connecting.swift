import NIOCore

/// Where the ssh configuration is and how long each phase of connecting may take.
public struct ConnectOptions: Sendable {
    /// Another ssh_config to read instead of the user's and the system's (`ssh -F`).
    public var sshConfigFile: String?
    /// Resolving the name and connecting one address, or starting the proxy command. nil: `ConnectTimeout`, or 15 s.
    public var connectTimeout: TimeAmount?
    /// Reading the configuration with `ssh -G`.
    public var configurationTimeout: TimeAmount = .seconds(10)
    /// Banner and key exchange.
    public var handshakeTimeout: TimeAmount = .seconds(20)
    /// One answer of the server or of the agent during authentication.
    public var authenticationStepTimeout: TimeAmount = .seconds(20)
    /// An agent's signature: it may ask its user first.
    public var agentSignatureTimeout: TimeAmount = .seconds(60)
    /// One question to a person. Servers give up on a login after 120 s by default.
    public var answerTimeout: TimeAmount = .seconds(115)
    /// Opening the channel and starting the command, each.
    public var channelTimeout: TimeAmount = .seconds(20)
    /// The wait for the executor's first bytes, from the last progress made.
    public var startTimeout: TimeAmount = .seconds(15)
    /// The window that the host may fill before it waits for us, in bytes.
    public var receiveWindow: Int = 4 << 20
    /// Resolves a name. Blocks.
    var lookUp = Transport.lookUp

    /// The defaults.
    public init() {}
}

/// An executor for one kind of processor.
public struct ExecutorImage: Sendable {
    /// `x86_64`, `aarch64`, `armv7`, `i686` or `riscv64`.
    public var machine: String
    /// SHA-256 of the bytes, 64 lower-case hexadecimal digits.
    public var sha256Hex: String
    /// How many bytes there are.
    public var size: Int
    /// The bytes, asked for only when the host has not got them yet.
    public var bytes: @Sendable () -> ByteBuffer

    /// An image; `bytes` must return `size` bytes that hash to `sha256Hex`.
    public init(machine: String, sha256Hex: String, size: Int, bytes: @escaping @Sendable () -> ByteBuffer) {
        self.machine = machine
        self.sha256Hex = sha256Hex
        self.size = size
        self.bytes = bytes
    }
}

/// Something only a person can answer.
public enum Question: Sendable, Hashable {
    /// The host's key is not in known_hosts. Answer `yes` or the fingerprint to accept and remember it.
    case unknownHostKey(host: String, keyType: String, fingerprint: String)
    /// The passphrase of a key file. `attempt` counts from 1.
    case passphrase(path: String, attempt: Int)
    /// The user's password on the host. `attempt` counts from 1.
    case password(user: String, host: String, attempt: Int)
    /// A prompt that the host chose, already neutralised for a terminal.
    case keyboardInteractive(prompt: String, echo: Bool)
}

/// What connecting is busy with.
public enum ConnectPhase: Sendable, Hashable {
    /// Reading the ssh configuration and resolving the name.
    case resolving(host: String)
    /// Connecting to an address, or starting the proxy command.
    case connecting(host: String, port: Int)
    /// Negotiating keys, over a connection from this address; nil where a proxy command carries it.
    case keyExchange(from: LocalAddress?)
    /// Logging in.
    case authenticating(user: String)
    /// Starting the executor.
    case starting
    /// Sending the executor: bytes handed to the network, of all.
    case uploading(done: Int, total: Int)
}

/// The person behind a connection, if there is one.
public protocol Interaction: Sendable {
    /// The answer; nil when nobody can be asked or they declined.
    func answer(_ question: Question) async -> String?
    /// Called at the beginning of each phase and while the executor is sent, on any thread.
    func progress(_ phase: ConnectPhase)
}

/// Nobody: every question is declined.
public struct NoInteraction: Interaction {
    /// Nobody.
    public init() {}
    /// Declines.
    public func answer(_ question: Question) async -> String? { nil }
    /// Ignores it.
    public func progress(_ phase: ConnectPhase) {}
}
