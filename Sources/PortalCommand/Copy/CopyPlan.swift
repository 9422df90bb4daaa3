import Portal
import PortalWire

/// What the arguments of `portal cp` mean, by the rules of cp: into a directory that is there, else under the name given.
struct CopyPlan {
    var sources: [(side: Side, item: CopyItem)]
    var destination: Side

    /// - Parameter isRecursive: Directories are copied with what is in them, and links as links.
    /// - Throws: `PortalError` about the destination where nothing can be copied at all; a source that is not there is passed to `missing`.
    static func make(
        sources: [(Side, [UInt8])], to destination: (side: Side, path: [UInt8]), isRecursive: Bool,
        missing: (_ error: PortalError, _ source: String) -> Void
    ) async throws(PortalError) -> CopyPlan {
        let (side, path) = destination
        let there: FileStatus?
        do throws(PortalError) { there = try await side.status(path, follow: true) } catch {
            guard error.code == .notFound else { throw error }
            there = nil
        }
        let intoDirectory = there?.kind == .directory
        let demandsDirectory = sources.count > 1 || path.last == UInt8(ascii: "/")
        var plan = CopyPlan(sources: [], destination: side)
        for (sourceSide, source) in sources {
            let status: FileStatus
            do throws(PortalError) { status = try await sourceSide.status(source, follow: !isRecursive) } catch {
                if error.code == .disconnected || error.code == .cancelled { throw error }
                missing(error, sourceSide.shown(source))
                continue
            }
            guard status.kind != .directory || isRecursive else {
                missing(PortalError(.isADirectory, "it is a directory; -r copies directories"), sourceSide.shown(source))
                continue
            }
            guard intoDirectory || !demandsDirectory || (status.kind == .directory && sources.count == 1) else {
                throw PortalError(.notADirectory, "it is no directory")
            }
            let name = Path.name(source)
            // `directory/.` means what is in it, as everywhere.
            let isUnnamed = name.isEmpty || name == Array(".".utf8) || name == Array("..".utf8)
            let target = intoDirectory && !isUnnamed ? Path.join(path, name) : path
            if try await isInside(target, of: status, from: (sourceSide, source), on: side) {
                missing(PortalError(.invalid, "it cannot be copied onto or into itself"), sourceSide.shown(source))
                continue
            }
            plan.sources.append((sourceSide, CopyItem(source: source, destination: target, status: status)))
        }
        return plan
    }

    /// Whether a destination is the source itself or lies in it, both being on one host.
    private static func isInside(
        _ target: [UInt8], of source: FileStatus, from: (side: Side, path: [UInt8]), on side: Side
    ) async throws(PortalError) -> Bool {
        guard case .there(let ours, _) = side, case .there(let theirs, _) = from.side, ours.target.name == theirs.target.name else {
            return false
        }
        var path = target
        while true {
            if let status = try? await side.status(path, follow: true), status.device == source.device, status.inode == source.inode {
                return true
            }
            let parent = Path.parent(path)
            guard source.kind == .directory, parent != path, parent != Array(".".utf8) else { return false }
            path = parent
        }
    }
}
