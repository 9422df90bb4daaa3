/// The first frame of each side: who it is and what it can.
public struct Hello: Sendable {
    /// The oldest protocol version that the sender speaks.
    public var minimumVersion: UInt64 = ProtocolVersion.minimum
    /// The newest protocol version that the sender speaks.
    public var maximumVersion: UInt64 = ProtocolVersion.maximum
    /// The sender's build, for people and for telling two builds of one version apart.
    public var build: [UInt8]
    /// What the sender can beyond the version's least; names that the receiver does not know are ignored.
    public var capabilities: [[UInt8]] = []
    /// Proxy and executor: the session's 128 secret bits, in hexadecimal.
    public var session: [UInt8]?
    /// Executor (and proxy, once it knows): changes whenever the executor's memory was lost; hexadecimal.
    public var epoch: [UInt8]?
    /// Executor: how many histories began with it. Proxy to client: the number of the one in which requests are taken.
    public var history: UInt64?
    /// Proxy and executor: the number of sequenced frames that the sender has processed in this session.
    public var received: UInt64 = 0
    /// Proxy to executor: it knows the session's secret and nothing of its history, which begins anew: open requests end without a word.
    public var isAnew = false
    /// Executor (and proxy, once it knows): the host.
    public var host: HostFacts?
    // What a proxy and its clients tell each other: an image has no room and no code for it.
    #if !hasFeature(Embedded)
        /// Proxy to client: the request identifiers that this client uses, first and last.
        public var identifiers: (first: UInt64, last: UInt64)?
        /// Client to proxy: a number by which it would be known, below 2³¹, the same with each proxy.
        public var client: UInt64?
        /// Client to proxy: whether a person can be asked through this client.
        public var isInteractive = false
        /// Client to proxy: how many seconds its requests wait for a link that was lost, before they fail; nil for the proxy's own measure.
        public var patienceSeconds: UInt64?
    #endif
    /// The sender's process identifier.
    public var process: UInt64?

    /// A hello with everything else at its default.
    public init(build: [UInt8]) { self.build = build }
}

/// What the executor says of its host.
public struct HostFacts: Sendable, Equatable {
    /// The kernel's name: `Linux`.
    public var system: [UInt8]
    /// The machine as `uname -m` has it: `aarch64`.
    public var machine: [UInt8]
    /// The kernel's release.
    public var release: [UInt8]
    /// The host's own name.
    public var name: [UInt8]
    /// The account's name, or its number where it has none.
    public var user: [UInt8]
    /// The account's number.
    public var userIdentifier: UInt64
    /// The home directory, `/` where there is none.
    public var home: [UInt8]
    /// The directory that relative paths start from.
    public var directory: [UInt8]
    /// Changes with each start of the host's kernel; empty where the host does not tell.
    public var boot: [UInt8]

    /// Makes the facts.
    public init(
        system: [UInt8], machine: [UInt8], release: [UInt8], name: [UInt8], user: [UInt8], userIdentifier: UInt64, home: [UInt8],
        directory: [UInt8], boot: [UInt8]
    ) {
        self.system = system
        self.machine = machine
        self.release = release
        self.name = name
        self.user = user
        self.userIdentifier = userIdentifier
        self.home = home
        self.directory = directory
        self.boot = boot
    }
}

extension Hello {
    init?(_ value: JSONValue) {
        guard let version = value["protocol"], let minimum = version.unsigned("minimum"), let maximum = version.unsigned("maximum"),
            minimum <= maximum, let build = value.string("build")
        else { return nil }
        self.build = build
        minimumVersion = minimum
        maximumVersion = maximum
        session = value.string("session")
        received = value.unsigned("received") ?? 0
        isAnew = value.bool("anew") ?? false
        // An executor uses nothing else of a proxy's hello, and an image has no code for what it does not use.
        #if !hasFeature(Embedded)
            capabilities = (value.array("capabilities") ?? []).compactMap { $0.string }
            epoch = value.string("epoch")
            history = value.unsigned("history")
            client = value.unsigned("client")
            host = value["host"].flatMap { HostFacts($0) }
            if let range = value["identifiers"], let first = range.unsigned("first"), let last = range.unsigned("last"), first <= last {
                identifiers = (first, last)
            }
            isInteractive = value.bool("interactive") ?? false
            process = value.unsigned("process")
            patienceSeconds = value.unsigned("patience_s")
        #endif
    }

    func writeMembers(to writer: inout JSONWriter) {
        writer.beginObject("protocol")
        writer.member("minimum", number: minimumVersion)
        writer.member("maximum", number: maximumVersion)
        writer.endObject()
        writer.member("build", string: build)
        writer.name("capabilities")
        writer.beginArray()
        for capability in capabilities { writer.string(capability) }
        writer.endArray()
        if let session {
            writer.member("session", string: session)
        }
        if let epoch {
            writer.member("epoch", string: epoch)
        }
        writer.member("history", number: history)
        if session != nil {
            writer.member("received", number: received)
        }
        #if !hasFeature(Embedded)
            writer.member("anew", flag: isAnew)
        #endif
        if let host {
            writer.name("host")
            host.write(to: &writer)
        }
        #if !hasFeature(Embedded)
            if let identifiers {
                writer.beginObject("identifiers")
                writer.member("first", number: identifiers.first)
                writer.member("last", number: identifiers.last)
                writer.endObject()
            }
            writer.member("client", number: client)
            writer.member("interactive", flag: isInteractive)
            writer.member("patience_s", number: patienceSeconds)
        #endif
        writer.member("process", number: process)
    }
}

extension HostFacts {
    /// Reads the facts; nil where one is missing.
    public init?(_ value: JSONValue) {
        guard let system = value.bytes("system"), let machine = value.bytes("machine"), let release = value.bytes("release"),
            let name = value.bytes("name"), let user = value.bytes("user"), let userIdentifier = value.unsigned("uid"),
            let home = value.bytes("home"), let directory = value.bytes("directory"), let boot = value.bytes("boot")
        else { return nil }
        self.init(
            system: system, machine: machine, release: release, name: name, user: user, userIdentifier: userIdentifier, home: home,
            directory: directory, boot: boot)
    }

    /// Writes the facts as an object.
    public func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writeMembers(to: &writer)
        writer.endObject()
    }

    /// Writes the facts as members of an object that is open.
    public func writeMembers(to writer: inout JSONWriter) {
        writer.member("system", bytes: system)
        writer.member("machine", bytes: machine)
        writer.member("release", bytes: release)
        writer.member("name", bytes: name)
        writer.member("user", bytes: user)
        writer.member("uid", number: userIdentifier)
        writer.member("home", bytes: home)
        writer.member("directory", bytes: directory)
        writer.member("boot", bytes: boot)
    }
}
