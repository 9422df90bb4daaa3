import DoorSupport
import Portal
import PortalWire
import Synchronization

/// Directories that stand where a sandbox says that nothing may be made: only what is there can be kept from being written. An empty directory
/// is made there for as long as a confined command runs, as the agent's own sandbox does.
final class Placeholders: Sendable {
    private let host: HostAccess
    /// Those that were made here, and how many commands need each.
    private let users = Mutex<[[UInt8]: Int]>([:])

    init(host: HostAccess) { self.host = host }

    /// Makes what is missing of some paths.
    /// - Returns: What is to be released when the command has ended.
    func hold(_ paths: [[UInt8]]) async throws(RemoteProcedureError) -> [[UInt8]] {
        guard !paths.isEmpty else { return [] }
        let looks = paths.map { BatchCall.status(of: RemotePath(bytes: $0), follow: false) }
        let outcomes = try await host.within(host.deadlines.short, "preparing the sandbox") { try await $0.batch(looks) }
        var held: [[UInt8]] = []
        for (path, outcome) in zip(paths, outcomes) {
            // One that is there may be another command's placeholder, which must stay for this one too.
            let isShared = users.withLock { users -> Bool in
                guard let count = users[path] else { return false }
                users[path] = count + 1
                return true
            }
            if isShared {
                held.append(path)
                continue
            }
            switch outcome.result {
            case .success(let value):
                guard FileStatus(value)?.kind != .symlink else {
                    await release(held)
                    throw .refused("portal does not enforce a sandbox that keeps a symbolic link: \(String(decoding: path, as: UTF8.self))")
                }
            case .failure(let error) where error.code == .notFound:
                do throws(RemoteProcedureError) {
                    try await host.within(host.deadlines.short, "preparing the sandbox") { workspace in
                        try await workspace.makeDirectory(RemotePath(bytes: path), mode: 0o555)
                    }
                } catch {
                    await release(held)
                    throw .refused(
                        "portal cannot enforce this sandbox: \(String(decoding: path, as: UTF8.self)) is missing, and cannot be made: \(error.message)"
                    )
                }
                users.withLock { $0[path, default: 0] += 1 }
                held.append(path)
            case .failure(let error):
                await release(held)
                throw RemoteProcedureError(error, target: host.target)
            }
        }
        return held
    }

    /// A command that needed them has ended.
    func release(_ paths: [[UInt8]]) async {
        let unused = users.withLock { users in
            paths.filter { path in
                guard let count = users[path] else { return false }
                users[path] = count > 1 ? count - 1 : nil
                return count == 1
            }
        }
        await remove(unused)
    }

    /// The agent goes.
    func removeAll() async {
        await remove(
            users.withLock { users in
                defer { users = [:] }
                return Array(users.keys)
            })
    }

    private func remove(_ paths: [[UInt8]]) async {
        guard !paths.isEmpty else { return }
        // One that is not empty any more is somebody's, and stays.
        let calls = paths.map { BatchCall.remove(RemotePath(bytes: $0)) }
        _ = try? await host.within(host.deadlines.short, "tidying up after the sandbox") { try await $0.batch(calls) }
    }
}
