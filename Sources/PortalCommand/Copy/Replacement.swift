import Portal
import PortalWire
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// New content for a path here: it is collected beside it and takes its place as one step.
final class Replacement: Sendable {
    /// What exists of the replacements under way, so that a program that is ended at once takes it away too.
    private static let temporaries = Mutex<Set<[UInt8]>>([])

    let file: LocalFile
    private let target: [UInt8]
    private let isKept: Bool

    /// - Parameters:
    ///   - path: What is to be replaced or made; links are followed.
    ///   - part: A name to collect in that is the same every time, and stays where the copy is cut; nil for one that goes away.
    /// - Throws: `PortalError`; `exists` where another copy uses the part.
    init(_ path: [UInt8], part: [UInt8]?) throws(PortalError) {
        target = LocalFiles.resolved(path)
        if let status = try? LocalFiles.status(target, follow: true), status.kind != .file {
            throw PortalError(
                status.kind == .directory ? .isADirectory : .invalid,
                "write \(Path.shown(path)): \(status.kind == .directory ? "it is a directory" : "it is there and no regular file")")
        }
        isKept = part != nil
        if let part {
            file = try LocalFile(Path.join(Path.parent(target), part), O_RDWR | O_CREAT | O_NOFOLLOW, action: "write")
            guard file.lock() else { throw PortalError(.exists, "write \(Path.shown(file.path)): another copy is writing it") }
        } else {
            file = try LocalFile(LocalFiles.temporaryName(beside: target), O_RDWR | O_CREAT | O_EXCL, action: "write")
            let name = file.path
            Replacement.temporaries.withLock { _ = $0.insert(name) }
        }
    }

    /// Puts the content in place.
    /// - Parameters:
    ///   - mode: The permissions of a new file; one that is there keeps its own, unless `overrides`.
    ///   - modified: The time of the last change to set; nil for now.
    func commit(mode: UInt32, overrides: Bool, modified: Int64?) throws(PortalError) {
        if let old = try? LocalFiles.status(target, follow: true) {
            file.setOwner(old.userIdentifier, old.groupIdentifier)
            try file.setMode(overrides ? mode : old.mode)
        } else {
            try file.setMode(mode)
        }
        if let modified { try file.setModified(modified) }
        let target = target
        guard LocalFiles.withPath(file.path, { from in LocalFiles.withPath(target) { rename(from, $0) } }) == 0 else {
            throw LocalFiles.failure("write", target)
        }
        forget()
    }

    /// Takes away what was collected, also a part.
    func discard() {
        _ = LocalFiles.withPath(file.path) { unlink($0) }
        forget()
    }

    /// As `discard`, but leaves a part to go on with.
    func giveUp() { if !isKept { discard() } }

    private func forget() {
        let name = file.path
        Replacement.temporaries.withLock { _ = $0.remove(name) }
    }

    /// Takes away everything that is under way, before the program ends in the middle of it.
    static func discardAll() {
        temporaries.withLock { names in
            for name in names { _ = LocalFiles.withPath(name) { unlink($0) } }
            names = []
        }
    }
}
