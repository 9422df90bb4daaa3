import DoorSupport
import PortalWire

/// What the agent wants a call to be confined to. It relies on its executor to enforce it, and does not check: what is not understood here is
/// refused, and never left out.
struct SandboxPolicy: Sendable, Equatable {
    enum Access: Int, Sendable {
        case none, read, write
    }

    struct Entry: Sendable, Equatable {
        var path: [UInt8]
        var access: Access
    }

    /// Absolute paths there; of two that hold for a path the longer one counts, and of two for the same the one that allows more.
    var entries: [Entry]
    var network: Bool

    /// What every host has for programs to run: `minimal`.
    private static let minimal = ["/bin", "/sbin", "/usr", "/etc", "/lib", "/lib32", "/lib64", "/nix/store", "/run/current-system/sw"]
    /// Devices that are no file of anybody's; programs take it for granted that they can be written.
    private static let devices = [
        "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty", "/dev/ptmx", "/dev/pts",
    ]

    /// Reads the member `sandbox` of a call's parameters; nil where nothing is confined.
    init?(_ parameters: JSONValue, map: PathMap) throws(RemoteProcedureError) {
        guard let sandbox = parameters["sandbox"] else { return nil }
        guard let permissions = sandbox["permissions"], let type = permissions.text("type") else {
            throw .refused("portal does not understand this sandbox: it has no permissions")
        }
        if type == "disabled" { return nil }
        guard type == "managed" else { throw .refused("portal does not enforce a sandbox of the type \(type)") }
        switch permissions.text("network") {
        case "restricted", nil: network = false
        case "enabled": network = true
        case .some(let other): throw .refused("portal does not enforce the network permission \(other)")
        }
        let context = SandboxContext(sandbox, map: map)
        guard let files = permissions["file_system"] ?? permissions["fileSystem"] else {
            throw .refused("portal does not understand this sandbox: it says nothing of files")
        }
        let kind = files.text("type") ?? files.text("kind") ?? "restricted"
        entries = []
        switch kind {
        case "unrestricted": entries = [Entry(path: [0x2F], access: .write)]
        case "restricted":
            guard let list = files.array("entries") else { throw .refused("portal does not understand this sandbox: it has no entries") }
            for value in list { entries += try SandboxPolicy.entries(value, context) }
        default: throw .refused("portal does not enforce file permissions of the kind \(kind)")
        }
    }

    private static func entries(_ value: JSONValue, _ context: SandboxContext) throws(RemoteProcedureError) -> [Entry] {
        let access: Access
        switch value.text("access") {
        case "read": access = .read
        case "write": access = .write
        case "none", "deny": throw .refused("portal does not enforce entries of a sandbox that forbid reading; use a mode without them")
        default: throw .refused("portal does not understand an entry of this sandbox: its access")
        }
        guard let path = value["path"], let type = path.text("type") else {
            throw .refused("portal does not understand an entry of this sandbox: its path")
        }
        let paths: [[UInt8]]
        switch type {
        case "path":
            guard let text = path.string("path"), let found = context.path(text) else {
                throw .refused("portal does not understand an entry of this sandbox: its path is no file: URI")
            }
            paths = [found]
        case "special":
            guard let special = path["value"] else { throw .refused("portal does not understand an entry of this sandbox: its place") }
            paths = try self.paths(special, context)
        default: throw .refused("portal does not enforce entries of a sandbox of the type \(type)")
        }
        return paths.map { Entry(path: PathBytes.normalized($0), access: access) }
    }

    private static func paths(_ special: JSONValue, _ context: SandboxContext) throws(RemoteProcedureError) -> [[UInt8]] {
        let kind = special.text("kind") ?? ""
        let places: [[UInt8]]
        switch kind {
        case "root": places = [[0x2F]]
        case "minimal": places = minimal.map { Array($0.utf8) }
        case "current_working_directory": places = context.directory.map { [$0] } ?? []
        case "project_roots": places = context.roots
        case "tmpdir": places = context.temporaryDirectories
        case "slash_tmp": places = [Array("/tmp".utf8)]
        default: throw .refused("portal does not know the place \(kind) of this sandbox")
        }
        guard let part = special.string("subpath") else { return places }
        guard part.first != 0x2F else { throw .refused("portal does not understand a place of this sandbox: its subpath is absolute") }
        return places.map { PathBytes.joined($0, part) }
    }

    /// What may be done with a path. It has no links in it.
    func access(to path: [UInt8]) -> Access {
        var best: Entry?
        for entry in entries where PathBytes.isBelow(path, entry.path) {
            if let found = best, (found.path.count, found.access.rawValue) >= (entry.path.count, entry.access.rawValue) { continue }
            best = entry
        }
        return best?.access ?? .none
    }

    /// The same for the host's kernel.
    func confinement() throws(RemoteProcedureError) -> ProcessSandbox {
        let writable = entries.filter { $0.access == .write }.map(\.path)
        var sandbox = ProcessSandbox()
        sandbox.network = network
        for entry in entries where entry.access == .read && !writable.contains(entry.path) {
            if writable.contains(where: { PathBytes.isBelow(entry.path, $0) }) {
                guard !writable.contains(where: { PathBytes.isBelow($0, entry.path) }) else {
                    throw .refused("portal does not enforce a sandbox in which a writable path is in a read-only one of a writable one")
                }
                sandbox.allow(.keep, entry.path)
            } else {
                sandbox.allow(.read, entry.path)
            }
        }
        for path in writable + SandboxPolicy.devices.map({ Array($0.utf8) }) { sandbox.allow(.write, path) }
        return sandbox
    }
}

/// What the places of a sandbox's entries are relative to.
private struct SandboxContext {
    let map: PathMap
    var directory: [UInt8]?
    var roots: [[UInt8]] = []
    var temporaryDirectories: [[UInt8]] = []

    init(_ sandbox: JSONValue, map: PathMap) {
        self.map = map
        // Newer ones have an object of these two, older ones the two themselves.
        let context = sandbox["policyContext"] ?? sandbox
        directory = context.string("cwd").flatMap { path($0) }
        roots = (context.array("workspaceRoots") ?? []).compactMap { $0.string }.compactMap { path($0) }
        if roots.isEmpty, let directory { roots = [directory] }
        temporaryDirectories = (sandbox.array("temporaryDirectories") ?? []).compactMap { $0.string }.compactMap { path($0) }
    }

    func path(_ uri: [UInt8]) -> [UInt8]? { FileURI.path(uri).map { map.there($0) } }
}
