#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A directory for one run of an agent, which nobody else can enter, and which is gone afterwards.
///
/// Where portal is killed in a way that leaves it no time, the next run removes it: each holds a lock in it, which the agent inherits, so that
/// the lock is free only when both are gone.
public struct PrivateDirectory: Sendable {
    /// The absolute path.
    public let path: String
    /// The lock, for the agent to inherit.
    public let lock: CInt
    private static let lockName = "lock"

    /// Makes one in a directory that is the user's alone, and removes what runs that were killed have left there.
    public init(in parent: String) throws(AgentLaunchError) {
        guard mkdir(parent, 0o700) == 0 || errno == EEXIST else { throw PrivateDirectory.failure("make", parent) }
        PrivateDirectory.removeForgotten(in: parent)
        let digits = String(UInt64.random(in: 0...UInt64.max), radix: 36)
        path = "\(parent)/\(digits)"
        guard mkdir(path, 0o700) == 0 else { throw PrivateDirectory.failure("make", path) }
        lock = open("\(path)/\(PrivateDirectory.lockName)", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else { throw PrivateDirectory.failure("lock", path) }
    }

    /// Puts there what was prepared.
    public func fill(_ preparation: Preparation) throws(AgentLaunchError) {
        for (name, content) in preparation.files {
            try makeParents(of: name)
            let place = "\(path)/\(name)"
            let file = open(place, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard file >= 0 else { throw PrivateDirectory.failure("make", place) }
            defer { close(file) }
            guard writeAll(Array(content.utf8), to: file) else { throw PrivateDirectory.failure("write", place) }
        }
        if let standIn = preparation.standIn {
            var place = ""
            for part in standIn.split(separator: "/") {
                place += "/\(part)"
                guard mkdir(place, 0o700) == 0 || errno == EEXIST || Files.isDirectory(place) else {
                    throw PrivateDirectory.failure("make", place)
                }
            }
        }
        if let overlay = preparation.overlay {
            for name in [""] + overlay.folders where mkdir("\(overlay.original)/\(name)", 0o700) != 0 && errno != EEXIST {
                throw PrivateDirectory.failure("make", "\(overlay.original)/\(name)")
            }
        }
        for (name, target) in preparation.links {
            try makeParents(of: name)
            guard symlink(target, "\(path)/\(name)") == 0 else { throw PrivateDirectory.failure("make", "\(path)/\(name)") }
        }
    }

    /// Moves what the agent made in the overlay to where it belongs, and removes everything.
    public func remove(_ overlay: Preparation.Overlay?) {
        if let overlay { keep(overlay) }
        Files.removeTree(path)
        close(lock)
    }

    /// What the agent has made or replaced in a directory that stands for one of the user's is the user's.
    private func keep(_ overlay: Preparation.Overlay) {
        for name in Files.entries(of: "\(path)/\(overlay.name)") where !overlay.own.contains(name) && !CodexPreparation.isDatabase(name) {
            let made = "\(path)/\(overlay.name)/\(name)"
            var status = stat()
            guard lstat(made, &status) == 0, status.st_mode & S_IFMT != S_IFLNK else { continue }
            Files.move(made, to: "\(overlay.original)/\(name)")
        }
    }

    private func makeParents(of name: String) throws(AgentLaunchError) {
        var place = path
        for part in name.split(separator: "/").dropLast() {
            place += "/\(part)"
            guard mkdir(place, 0o700) == 0 || errno == EEXIST else { throw PrivateDirectory.failure("make", place) }
        }
    }

    private static func removeForgotten(in parent: String) {
        for name in Files.entries(of: parent) {
            let lock = open("\(parent)/\(name)/\(lockName)", O_RDWR | O_CLOEXEC | O_NOFOLLOW)
            guard lock >= 0 else { continue }
            defer { close(lock) }
            if flock(lock, LOCK_EX | LOCK_NB) == 0 { Files.removeTree("\(parent)/\(name)") }
        }
    }

    private static func failure(_ what: String, _ path: String) -> AgentLaunchError {
        AgentLaunchError("cannot \(what) \(path): \(String(cString: strerror(errno)))")
    }
}
