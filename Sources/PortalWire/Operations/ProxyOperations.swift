/// What a proxy answers to `proxy.status`.
public struct ProxyStatus: Sendable {
    /// The states of the link to the host.
    public enum State: UInt8, Sendable, CaseIterable {
        /// No link, and nothing that asks for one.
        case idle
        /// A link is being made.
        case connecting
        /// Requests go through.
        case ready
        /// The link was lost, and another is being made; requests wait.
        case interrupted
        /// The last attempt failed; the next request makes another.
        case failed

        /// The name on the wire.
        public var name: Literal {
            switch self {
            case .idle: "idle"
            case .connecting: "connecting"
            case .ready: "ready"
            case .interrupted: "interrupted"
            case .failed: "failed"
            }
        }
    }
    /// What ends the executor and everything that it runs, besides what portal itself does.
    public enum LoginEnd: UInt8, Sendable, CaseIterable {
        /// The end of the login that started it.
        case withLogin
        /// The end of the user's last login on the host.
        case withLogins

        /// The name on the wire.
        public var name: Literal {
            switch self {
            case .withLogin: "with_login"
            case .withLogins: "with_logins"
            }
        }
    }
    /// The proxy's build.
    public var build: [UInt8]
    /// The proxy's process identifier.
    public var process: UInt64
    /// The target as the proxy's first client named it, without a directory.
    public var target: [UInt8]
    /// The state of the link to the host.
    public var state: State
    /// Seconds since the state began.
    public var seconds: UInt64
    /// The last measured round trip to the executor, in microseconds.
    public var roundTripMicroseconds: UInt64?
    /// Clients that are connected, the one that asks included.
    public var clients: UInt64
    /// Open requests of all clients.
    public var requests: UInt64
    /// Why the last attempt failed, or the link was lost.
    public var error: [UInt8]?
    /// The host, while there is a link.
    public var host: HostFacts?
    /// What ends the executor besides; nil where nothing does, or nothing is known.
    public var loginEnd: LoginEnd?

    /// Makes it from its values.
    public init(
        build: [UInt8], process: UInt64, target: [UInt8], state: State, seconds: UInt64, roundTripMicroseconds: UInt64?, clients: UInt64,
        requests: UInt64, error: [UInt8]?, host: HostFacts?, loginEnd: LoginEnd? = nil
    ) {
        self.build = build
        self.process = process
        self.target = target
        self.state = state
        self.seconds = seconds
        self.roundTripMicroseconds = roundTripMicroseconds
        self.clients = clients
        self.requests = requests
        self.error = error
        self.host = host
        self.loginEnd = loginEnd
    }

    /// Reads an answer; nil where something is missing.
    public init?(_ value: JSONValue) {
        guard let build = value.string("build"), let process = value.unsigned("pid"), let target = value.bytes("target"),
            let stateName = value.string("state"), let state = State.allCases.first(where: { stateName.equals($0.name) })
        else { return nil }
        self.build = build
        self.process = process
        self.target = target
        self.state = state
        seconds = value.unsigned("since_s") ?? 0
        roundTripMicroseconds = value.unsigned("round_trip_us")
        clients = value.unsigned("clients") ?? 0
        requests = value.unsigned("requests") ?? 0
        error = value.string("error")
        host = value["host"].flatMap { HostFacts($0) }
        loginEnd = value.string("ends").flatMap { name in LoginEnd.allCases.first { name.equals($0.name) } }
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("build", bytes: build)
        writer.member("pid", number: process)
        writer.member("target", bytes: target)
        writer.member("state", string: state.name)
        writer.member("since_s", number: seconds)
        writer.member("round_trip_us", number: roundTripMicroseconds)
        writer.member("clients", number: clients)
        writer.member("requests", number: requests)
        if let error {
            writer.member("error", text: error)
        }
        if let host {
            writer.name("host")
            host.write(to: &writer)
        }
        if let loginEnd { writer.member("ends", string: loginEnd.name) }
    }
}
