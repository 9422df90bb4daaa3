import Portal
import PortalWire

/// Paths on the host as models give them: with `~`, relative to the workspace, or absolute.
enum HostPath {
    private static let slash = UInt8(ascii: "/")
    private static let period = UInt8(ascii: ".")
    private static let tilde = UInt8(ascii: "~")

    /// The absolute path that is meant, without `.` and empty components. `..` stays: what it means is known to the host only.
    static func absolute(_ path: [UInt8], from directory: [UInt8], home: [UInt8]) -> [UInt8] {
        var whole = path
        if path.first == tilde, path.count == 1 || path[1] == slash {
            whole = home + [slash] + path.dropFirst()
        } else if path.first != slash {
            whole = directory + [slash] + path
        }
        let components = whole.split(separator: slash).filter { !($0.count == 1 && $0.first == period) }
        return components.isEmpty ? [slash] : components.reduce(into: []) { $0 += [slash] + $1 }
    }

    /// The path from a directory where it is in that; `.` for the directory itself. Nil where it is not in it.
    static func relative(_ path: [UInt8], to directory: [UInt8]) -> [UInt8]? {
        if path == directory { return [period] }
        let prefix = directory == [slash] ? directory : directory + [slash]
        guard path.starts(with: prefix), path.count > prefix.count else { return nil }
        let rest = Array(path[prefix.count...])
        return rest.split(separator: slash).contains { $0.elementsEqual([period, period]) } ? nil : rest
    }

    /// The directory that a path is in.
    static func parent(_ path: [UInt8]) -> [UInt8] {
        guard let end = path.lastIndex(of: slash), end > 0 else { return [slash] }
        return Array(path[..<end])
    }

    /// The lower-case name behind the last period of the last component; empty where there is none.
    static func suffix(_ path: [UInt8]) -> String {
        let name = path[(path.lastIndex(of: slash).map { $0 + 1 } ?? 0)...]
        guard let end = name.lastIndex(of: period) else { return "" }
        return String(decoding: name[(end + 1)...], as: UTF8.self).lowercased()
    }

    static func text(_ path: [UInt8]) -> String { String(decoding: path, as: UTF8.self) }
}

extension ToolHost.Place {
    /// The absolute path that is meant by a parameter.
    /// - Throws: `ToolError` for what can be no path.
    func path(_ given: [UInt8]) throws(ToolError) -> [UInt8] {
        guard !given.isEmpty else { throw ToolError("The path is empty.") }
        guard !given.contains(0) else { throw ToolError("The path has a NUL byte.") }
        return HostPath.absolute(given, from: root, home: facts.home)
    }

    /// The path from the workspace where it is in it, else the path itself.
    func shown(_ path: [UInt8]) -> [UInt8] { HostPath.relative(path, to: root) ?? path }

    /// Refuses a path that leaves the workspace, with all links on the way to it resolved by the host. What does not exist yet is judged by the
    /// directory that it would be in. This guards against mistakes, and not against a program there that exchanges directories meanwhile.
    func confine(_ path: [UInt8]) async throws {
        // The root first, then the path and what it is in, so that one trip tells all.
        var steps = [path]
        while steps[steps.count - 1] != [UInt8(ascii: "/")] { steps.append(HostPath.parent(steps[steps.count - 1])) }
        let outcomes = try await workspace.batch(
            ([root] + steps).map(ToolHost.Place.realPath) + steps.map { .status(of: RemotePath(bytes: $0), follow: false) })
        guard outcomes.count == 1 + 2 * steps.count, let root = ToolHost.Place.path(of: outcomes[0]) else {
            throw ToolError("The workspace \(HostPath.text(root)) cannot be found on the host, and nothing outside of it may be used.")
        }
        for index in steps.indices {
            if let real = ToolHost.Place.path(of: outcomes[1 + index]) {
                guard HostPath.relative(real, to: root) == nil else { return }
                break
            }
            // It is there, and leads nowhere: what is written through such a link could be anywhere.
            if case .success = outcomes[1 + steps.count + index].result { break }
        }
        throw ToolError(
            "\(HostPath.text(path)) is outside of the workspace \(HostPath.text(self.root)), to which this session is confined.")
    }

    private static func realPath(_ path: [UInt8]) -> BatchCall {
        BatchCall(FilePathRequest.realPath) { writer, _ in FilePathRequest(path: path).write(to: &writer) }
    }

    private static func path(of outcome: BatchOutcome) -> [UInt8]? {
        guard case .success(let value) = outcome.result else { return nil }
        return value.bytes("path")
    }
}
