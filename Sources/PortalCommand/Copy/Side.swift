import Portal
import PortalWire

/// Where a copy comes from or goes to. Paths are bytes of that side.
enum Side: Sendable {
    /// This machine.
    case here
    /// A host, as the user named it.
    case there(Workspace, target: String)

    /// A path as the user would write it, for messages.
    func shown(_ path: [UInt8]) -> String {
        switch self {
        case .here: Path.shown(path)
        case .there(_, let target): "\(target):\(Path.shown(path))"
        }
    }

    func status(_ path: [UInt8], follow: Bool) async throws(PortalError) -> FileStatus {
        switch self {
        case .here: try await Blocking.run { () throws(PortalError) in try LocalFiles.status(path, follow: follow) }
        case .there(let workspace, _): try await workspace.status(of: RemotePath(bytes: path), follow: follow)
        }
    }

    func list(_ path: [UInt8]) async throws(PortalError) -> [DirectoryEntry] {
        switch self {
        case .here: try await Blocking.run { () throws(PortalError) in try LocalFiles.list(path) }
        case .there(let workspace, _): try await workspace.list(RemotePath(bytes: path))
        }
    }

    /// Makes a directory, or takes one that is there.
    /// - Returns: Whether it was made.
    func makeDirectory(_ path: [UInt8], mode: UInt32) async throws(PortalError) -> Bool {
        do throws(PortalError) {
            switch self {
            case .here: try await Blocking.run { () throws(PortalError) in try LocalFiles.makeDirectory(path, mode: mode) }
            case .there(let workspace, _): try await workspace.makeDirectory(RemotePath(bytes: path), mode: mode)
            }
            return true
        } catch  where error.code == .exists {
            guard try await status(path, follow: true).kind == .directory else {
                throw PortalError(.notADirectory, "it is there and no directory")
            }
            return false
        }
    }

    /// Makes a symbolic link, in the place of a file or a link that is there.
    func makeLink(_ path: [UInt8], target: [UInt8]) async throws(PortalError) {
        switch self {
        case .here: try await Blocking.run { () throws(PortalError) in try LocalFiles.makeLink(path, target: target) }
        case .there(let workspace, _):
            do throws(PortalError) {
                try await workspace.symbolicLink(RemotePath(bytes: path), to: RemotePath(bytes: target))
            } catch  where error.code == .exists {
                // Beside it first, so that the old one is there until the new one is.
                let temporary = LocalFiles.temporaryName(beside: path)
                try await workspace.symbolicLink(RemotePath(bytes: temporary), to: RemotePath(bytes: target))
                do throws(PortalError) {
                    try await workspace.rename(RemotePath(bytes: temporary), to: RemotePath(bytes: path))
                } catch {
                    try? await workspace.remove(RemotePath(bytes: temporary))
                    throw error
                }
            }
        }
    }

    /// Sets permissions and the time of the last change, where they are given; of a link, only the time.
    func setAttributes(_ path: [UInt8], mode: UInt32?, modified: Int64?, isLink: Bool = false) async throws(PortalError) {
        switch self {
        case .here:
            try await Blocking.run { () throws(PortalError) in
                try LocalFiles.setAttributes(path, mode: mode, modified: modified, isLink: isLink)
            }
        case .there(let workspace, _):
            if let mode, !isLink { try await workspace.setMode(mode, of: RemotePath(bytes: path)) }
            if let modified { try await workspace.setTimes(of: RemotePath(bytes: path), modified: modified, follow: !isLink) }
        }
    }
}
