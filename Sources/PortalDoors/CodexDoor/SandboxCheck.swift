import DoorSupport
import Portal
import PortalWire

/// Calls about files are the executor's own doing, which no sandbox confines: what a policy allows of them is checked here, with the path as the
/// host resolves it.
///
/// Between the check and the call somebody there could exchange a directory for a link. That is as for every check of this kind, and needs a
/// program that may write there already.
extension HostAccess {
    /// Throws where a policy does not allow something of a path.
    /// - Parameter followsLast: Whether the call follows a link at the path's end.
    func check(_ policy: SandboxPolicy?, _ access: SandboxPolicy.Access, _ path: [UInt8], followsLast: Bool = true) async throws {
        guard let policy else { return }
        let workspace = try await workspace()
        // The path, what it is in, and the policy's own paths, in one trip.
        var ancestors = [path]
        while let parent = PathBytes.parent(ancestors[ancestors.count - 1]) { ancestors.append(parent) }
        let calls = (ancestors + policy.entries.map(\.path)).map { path in
            BatchCall(FilePathRequest.realPath) { FilePathRequest(path: path, directory: $1).write(to: &$0) }
        }
        let link = BatchCall(FilePathRequest.readLink) { FilePathRequest(path: path, directory: $1).write(to: &$0) }
        let outcomes = try await workspace.batch(calls + [link])
        guard outcomes.count == calls.count + 1 else { throw RemoteProcedureError.portal(target, "a batch has too few answers") }
        func resolved(_ index: Int) -> [UInt8]? { (try? outcomes[index].result.get())?.bytes("path") }
        let isLink = (try? outcomes[calls.count].result.get()) != nil
        let first = isLink && !followsLast ? 1 : 0
        if isLink, first == 0, resolved(0) == nil {
            throw RemoteProcedureError.refused("the sandbox does not allow \(text(path)): it is a symbolic link to nothing")
        }
        guard let found = (first..<ancestors.count).first(where: { resolved($0) != nil }), let real = resolved(found) else {
            throw RemoteProcedureError.refused("the sandbox does not allow \(text(path)): it cannot be resolved")
        }
        let rest = path.dropFirst(ancestors[found].count).drop { $0 == 0x2F }
        guard !rest.split(separator: 0x2F).contains(where: { $0.elementsEqual("..".utf8) }) else {
            throw RemoteProcedureError.refused("the sandbox does not allow \(text(path)): it cannot be resolved")
        }
        let whole = PathBytes.normalized(PathBytes.joined(real, Array(rest)))
        var actual = policy
        for index in policy.entries.indices {
            if let entry = resolved(ancestors.count + index) { actual.entries[index].path = entry }
        }
        guard actual.access(to: whole).rawValue >= access.rawValue else {
            let verb = access == .write ? "writing" : "reading"
            throw RemoteProcedureError.refused("the sandbox does not allow \(verb) \(text(path))")
        }
    }

    private func text(_ path: [UInt8]) -> String { String(decoding: path, as: UTF8.self) }
}
