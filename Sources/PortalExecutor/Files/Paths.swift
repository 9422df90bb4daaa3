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
            bytes = HostPath(directory, directory: nil, home: home).bytes + [0x2F] + path
        } else {
            bytes = home + [0x2F] + path
        }
    }

    /// The directory that holds it.
    var parent: HostPath {
        guard let slash = bytes.lastIndex(of: 0x2F) else { return HostPath([0x2E]) }
        return HostPath(slash == 0 ? [0x2F] : Array(bytes[..<slash]))
    }

    /// The last component, as something in `parent`; slashes behind it are left out by `withoutSlashes`.
    var name: [UInt8] {
        let start = bytes.lastIndex(of: 0x2F).map { $0 + 1 } ?? 0
        return start == bytes.count ? [0x2E] : Array(bytes[start...])
    }

    /// The path without the slashes at its end.
    var withoutSlashes: HostPath {
        var count = bytes.count
        while count > 1, bytes[count - 1] == 0x2F { count -= 1 }
        return HostPath(Array(bytes[..<count]))
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
        var buffer = [UInt8](repeating: 0, count: Limits.pathLength + 1)
        for _ in 0..<40 {
            let count = platform_read_link(path.terminated, &buffer, buffer.count)
            // Not a link, or nothing there: whatever uses the path says which.
            guard count > 0 else { return path }
            let target = Array(buffer[0..<Int(count)])
            path = target.first == 0x2F ? HostPath(target) : HostPath(path.parent.bytes + [0x2F] + target)
        }
        throw OperationError(.invalid, verb, bytes, "too many symbolic links")
    }
}

extension OpenRequest {
    /// The path that a request's parameters name.
    @inline(never)
    final func hostPath(_ path: [UInt8], _ directory: [UInt8]?) -> HostPath {
        HostPath(path, directory: directory, home: session.facts.home)
    }
}
