import CExecutorPlatform
import PortalWire

/// A path of this host, absolute, without NUL; `terminated` is what system calls take.
struct HostPath: Sendable {
    let bytes: [UInt8]
    var terminated: [UInt8] { PortalExecutor.terminated(bytes) }

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// A request's path: as it is where it is absolute, else from its directory, which itself starts from home. Nothing is looked up.
    init(_ path: [UInt8], directory: [UInt8]?, home: [UInt8]) {
        if path.first == 0x2F {
            bytes = path
        } else if let directory {
            bytes = joined(HostPath(directory, directory: nil, home: home).bytes, path)
        } else {
            bytes = joined(home, path)
        }
    }

    /// The directory that holds it.
    var parent: HostPath {
        guard let slash = bytes.lastIndex(of: 0x2F) else { return HostPath([0x2E]) }
        return HostPath(slash == 0 ? [0x2F] : bytes.part(0, slash))
    }

    /// The last component, as something in `parent`; slashes behind it are left out by `withoutSlashes`.
    var name: [UInt8] {
        let start = bytes.lastIndex(of: 0x2F).map { $0 + 1 } ?? 0
        return start == bytes.count ? [0x2E] : bytes.part(from: start)
    }

    /// The path without the slashes at its end.
    var withoutSlashes: HostPath {
        var count = bytes.count
        while count > 1, bytes[count - 1] == 0x2F { count -= 1 }
        return HostPath(bytes.part(0, count))
    }

    /// Whether its last component is empty, `.` or `..`: no file can have such a name.
    var namesDirectory: Bool {
        let name = name
        return name.equals(".") || name.equals("..")
    }

    /// Where the symbolic links at the end of the path lead, whether something is there or not.
    /// - Throws: ELOOP's error after forty of them, as the kernel.
    func followingLinks(_ verb: Literal) throws(OperationError) -> HostPath {
        var path = self
        let buffer = Buffer()
        for _ in 0..<40 {
            let count = platform_read_link(path.terminated, buffer.start, buffer.count)
            // Not a link, or nothing there: whatever uses the path says which.
            guard count > 0 else { return path }
            let target = buffer.bytes(Int(count))
            path = target.first == 0x2F ? HostPath(target) : HostPath(joined(path.parent.bytes, target))
        }
        throw OperationError(.invalid, verb, bytes, "too many symbolic links")
    }
}

/// With the NUL that ends a string in C.
@inline(never)
func terminated(_ bytes: [UInt8]) -> [UInt8] {
    var text = bytes
    text.add(0)
    return text
}

/// What system calls take for an absolute path that has no slash at its end: the root's is empty.
@inline(never)
func rooted(_ path: [UInt8]) -> [UInt8] { terminated(path.isEmpty ? [0x2F] : path) }

/// The path of an entry of a directory.
@inline(never)
func joined(_ directory: [UInt8], _ name: [UInt8]) -> [UInt8] {
    var path = directory
    path.add(0x2F)
    path.add(name)
    return path
}

extension OpenRequest {
    /// The path that a request's parameters name.
    @inline(never)
    final func hostPath(_ path: [UInt8], _ directory: [UInt8]?) -> HostPath {
        HostPath(path, directory: directory, home: session.facts.home)
    }
}
