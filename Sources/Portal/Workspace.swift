import PortalProxy
import PortalWire

/// A directory on a host, with everything that can be done there.
///
///     let box = try await Workspace.connect("arm-box:/srv/app")
///     let source = try await box.read("src/main.rs")
///
/// Everything happens on the host or fails; nothing ever falls back to this machine. A task that is cancelled cancels what it asked for
/// there: a command's whole process tree is killed.
public struct Workspace: Sendable {
    /// The target as it was named.
    public let target: Target
    let connection: ProxyConnection
    /// The directory in which relative paths and commands start; nil for the home directory.
    let directory: [UInt8]?

    init(target: Target, connection: ProxyConnection) {
        self.target = target
        self.connection = connection
        directory = target.directory.map { Array($0.utf8) }
    }

    /// Reaches a workspace, and returns when the host answers.
    /// - Parameter target: `[user@]host[:directory]` or `ssh://[user@]host[:port][/directory]`.
    /// - Throws: `PortalError` with the code `invalid` for a text that is no target, or `disconnected` with the reason.
    public static func connect(_ target: String, options: ConnectionOptions = ConnectionOptions()) async throws(PortalError) -> Workspace {
        let workspace = try await open(target, options: options)
        _ = try await workspace.host()
        return workspace
    }

    /// Reaches the proxy only: the host is connected to by the first call, which then waits for it.
    /// - Throws: `PortalError` where there is no proxy and none can be started.
    public static func open(_ target: String, options: ConnectionOptions = ConnectionOptions()) async throws(PortalError) -> Workspace {
        let parsed: Target
        do throws(ProxyError) { parsed = try Target(target) } catch { throw PortalError(error) }
        return Workspace(target: parsed, connection: try await ProxyAccess.connect(parsed, options: options))
    }

    /// What the executor says of its host. Costs no round trip while there is a link.
    public func host() async throws(PortalError) -> HostFacts {
        let value = try await connection.start(OperationNames.proxyConnect) { _ in }.end()
        return try parsed(HostFacts(value), OperationNames.proxyConnect)
    }

    /// The proxy's own state. Does not connect to the host.
    public func status() async throws(PortalError) -> ProxyStatus {
        let value = try await connection.start(OperationNames.proxyStatus) { _ in }.end()
        return try parsed(ProxyStatus(value), OperationNames.proxyStatus)
    }

    /// Ends the proxy, and with it everything that runs on the host for any of its clients.
    /// - Returns: Nil where the session on the host has ended; where the host cannot be reached now, the seconds for which it may still keep
    ///   the session.
    @discardableResult
    public func stop() async throws(PortalError) -> UInt64? {
        try await connection.start(OperationNames.proxyStop) { _ in }.end().unsigned("lingers_s")
    }

    /// What a request made with JSON was answered with.
    public struct Answer: Sendable {
        /// The result's value.
        public var value: JSONValue
        /// What streamed as content.
        public var content: [UInt8] = []
        /// What a process printed on its standard output.
        public var output: [UInt8] = []
        /// What a process printed on its standard error.
        public var errors: [UInt8] = []
    }

    /// Makes a request with parameters as JSON; a member `data` is the request's own data. What streams is held in memory.
    /// - Throws: `PortalError`, also where the parameters are not a JSON object.
    public func call(_ operation: Literal, parameters: JSONValue) async throws(PortalError) -> Answer {
        guard case .object(let members) = parameters else { throw PortalError(.invalid, "the parameters are not a JSON object") }
        let data = parameters["data"]?.bytes ?? []
        let needsDirectory = parameters["cwd"] == nil
        let directory = directory
        let exchange = try await connection.start(operation, hasMore: !data.isEmpty) { writer in
            for member in members where !Workspace.reservedNames.contains(where: { member.name.equals($0) }) {
                writer.name(member.name)
                writer.value(member.value)
            }
            if needsDirectory, let directory {
                writer.name("cwd")
                writer.byteString(directory)
            }
        }
        let stream: StreamName = [UInt8](operation).starts(with: [UInt8]("process.")) ? .stdin : .content
        async let sending: Void = { if !data.isEmpty { await exchange.send(data, stream: stream, end: true) } }()
        var answer = Answer(value: .null)
        while let chunk = await exchange.next() {
            switch chunk.stream {
            case .stdout: answer.output += chunk.bytes
            case .stderr: answer.errors += chunk.bytes
            default: answer.content += chunk.bytes
            }
        }
        await sending
        answer.value = try await exchange.end()
        return answer
    }

    /// The members of a request's header that are the protocol's own, or this method's.
    private static let reservedNames: [Literal] = ["type", "id", "op", "more", "data"]

    /// Leaves the proxy; what this workspace has open is cancelled.
    public func close() { connection.close() }

    func parsed<Value>(_ value: Value?, _ operation: Literal) throws(PortalError) -> Value {
        guard let value else { throw PortalError(.internal, "the answer of \(operation) lacks something that it must have") }
        return value
    }
}
