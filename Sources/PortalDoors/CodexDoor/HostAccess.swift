import DoorSupport
import Portal
import PortalWire
import Synchronization

/// The host as the door's calls reach it: a workspace that is being opened since the start, and deadlines.
final class HostAccess: Sendable {
    let target: String
    let deadlines: CallDeadlines
    let map: PathMap
    let connected: ConnectedTime
    private let opening: Task<Result<Workspace, PortalError>, Never>
    private let names = Mutex<[String]?>(nil)

    init(
        target: String, map: PathMap, deadlines: CallDeadlines, connected: ConnectedTime,
        opening: Task<Result<Workspace, PortalError>, Never>
    ) {
        self.target = target
        self.map = map
        self.deadlines = deadlines
        self.connected = connected
        self.opening = opening
    }

    /// The workspace, when the host has been reached.
    func workspace() async throws(PortalError) -> Workspace { try await opening.value.get() }

    /// Makes calls to the host, for so many connected seconds.
    func within<Value: Sendable>(
        _ seconds: Double, _ what: String, _ body: @escaping @Sendable (Workspace) async throws -> Value
    ) async throws(RemoteProcedureError) -> Value {
        let (target, connected) = (target, connected)
        connected.begin()
        defer { connected.end() }
        let end = await first { () async -> Result<Value, RemoteProcedureError> in
            do {
                return .success(try await body(try await self.workspace()))
            } catch let error as PortalError {
                return .failure(RemoteProcedureError(error, target: target))
            } catch let error as RemoteProcedureError {
                return .failure(error)
            } catch {
                return .failure(.portal(target, "\(error)"))
            }
        } before: {
            await connected.pass(seconds: seconds)
        }
        guard let end else {
            throw .portal(target, "\(what) has no answer since \(Int(seconds)) s, though the host is connected; it was given up")
        }
        return try end.get()
    }

    /// The path there that a parameter names.
    func path(_ parameters: JSONValue, _ name: Literal = "path") throws(RemoteProcedureError) -> [UInt8] {
        guard let uri = parameters.string(name) else { throw .parameter(name, "is missing") }
        guard let path = FileURI.path(uri) else {
            throw .parameter(name, "is no file: URI of a path: \(String(decoding: uri, as: UTF8.self))")
        }
        return map.there(path)
    }

    /// A path there as the agent names it.
    func uri(_ path: [UInt8]) -> JSONValue { .string(FileURI.uri(map.here(path))) }

    /// The names in the environment of the login there. They are asked for once.
    func environmentNames() async throws(RemoteProcedureError) -> [String] {
        if let known = names.withLock({ $0 }) { return known }
        let result = try await within(deadlines.start, "reading the environment") { workspace in
            try await workspace.run(RemoteCommand("cat", ["/proc/self/environ"]))
        }
        // The executor's own mark is no variable of the login, and stays.
        let found = result.output.split(separator: 0).map { String(decoding: $0.prefix { $0 != 0x3D }, as: UTF8.self) }
            .filter { $0 != "PORTAL_PROCESS" }
        names.withLock { $0 = found }
        return found
    }
}
