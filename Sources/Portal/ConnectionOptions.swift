import NIOCore
import PortalProxy

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How a program reaches the proxy of a target.
public struct ConnectionOptions: Sendable {
    /// Which proxy is used.
    public enum ProxyPlace: Sendable {
        /// The user's own, shared by everything that uses the target; within this program where the `portal` command is not found.
        case automatic
        /// The user's own, started with this `portal` program if it does not run yet.
        case shared(executable: String)
        /// One inside this program, for this connection alone.
        case inProcess
        /// The user's own if it runs; it is an error if it does not.
        case running
    }
    /// Which proxy is used.
    public var proxy = ProxyPlace.automatic
    /// Another ssh_config (`ssh -F`); `$PORTAL_SSH_CONFIG` where that is set, as for the `portal` program.
    public var sshConfig: String?
    /// Seconds that a proxy which is started stays without clients.
    public var persistSeconds = 600
    /// Seconds that the executor on the host, with everything that runs there, waits for another link when it has none. 0: it ends with its
    /// only one, for hosts that must not keep anything. It counts for a proxy that is started.
    public var lingerSeconds = Proxy.Configuration.defaultLingerSeconds
    /// Seconds that calls wait for a lost link to come back, for the next proxy where one died, or for one that says nothing, before they fail
    /// with `disconnected`, or with `outcomeUnknown` where nothing can be said of their effect.
    public var patienceSeconds = 900
    /// Puts a question of connecting (an unknown host key, a passphrase) to a person: its text, and whether what is typed stays unseen.
    /// Nil where nobody can be asked: the call then fails and says which command would ask.
    public var ask: (@Sendable (_ text: String, _ isSecret: Bool) async -> String?)?
    /// Hears how far connecting is. Called in order, on any thread.
    public var progress: (@Sendable (ConnectionProgress) -> Void)?
    var waits = ClientWaits()

    /// The defaults.
    public init() {
        if let file = getenv("PORTAL_SSH_CONFIG"), file.pointee != 0 { sshConfig = String(cString: file) }
    }
}

/// How far connecting to the host is.
public struct ConnectionProgress: Sendable {
    /// What is being done, for a person.
    public let text: String
    /// Whether requests now go through at once.
    public let isReady: Bool
    /// Bytes done and bytes in all, where it is a transfer.
    public let bytes: (done: UInt64, total: UInt64)?
}
