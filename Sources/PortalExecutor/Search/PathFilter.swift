import CExecutorPlatform
import PortalWire

/// Which entries of a tree a request wants: its globs, its file types, the ignore files, hidden names. In ripgrep's order of precedence.
///
/// It is made before the walk and never changes, so workers share it.
final class PathFilter {
    var hidden = false
    /// Whether the ignore files count.
    var ignores = true
    /// Whether Git's files count only inside a repository.
    var requiresRepository = true
    /// Globs that decide before anything else, and show even what is ignored.
    var overrides = IgnoreRules()
    /// Names of files that are wanted, where `hasTypes`.
    var types = IgnoreRules()
    /// Globs that what the other rules let through must match, too.
    var patterns = IgnoreRules()
    /// What the user's Git ignores everywhere.
    private var excludes = IgnoreRules()
    private var isLoaded = false

    /// Reads what is the user's own, once, before the first path is asked about.
    func load(home: [UInt8]) {
        guard !isLoaded else { return }
        isLoaded = true
        if ignores { excludes = globalExcludes(home: home) }
    }

    /// Whether an entry below a walk's root is wanted. A directory that is not is not entered.
    /// - Parameters:
    ///   - path: Absolute and without links.
    ///   - name: Where its last component begins.
    func wants(_ path: [UInt8], name: Int, isDirectory: Bool, level: IgnoreLevel?, root: WalkRoot) -> Bool {
        switch overrides.verdict(path, from: root.globOffset, name: name, isDirectory: isDirectory) {
        case .ignored: return false
        case .wanted: return true
        case .none: if overrides.hasWanted, !isDirectory { return false }
        }
        var isWanted = false
        if ignores {
            let verdict =
                level?.verdict(
                    path, name: name, isDirectory: isDirectory, requiresRepository: requiresRepository, excludes: excludes,
                    excludesOffset: root.globOffset)
                ?? (requiresRepository ? .none : excludes.verdict(path, from: root.globOffset, name: name, isDirectory: isDirectory))
            if verdict == .ignored { return false }
            isWanted = verdict == .wanted
        }
        if !types.isEmpty, !isDirectory {
            guard types.verdict(path, from: name, name: name, isDirectory: false) == .wanted else { return false }
            isWanted = true
        }
        return isWanted || hidden || path[name] != 0x2E
    }

    /// Whether the request's own patterns, if it has any, match an entry that is wanted otherwise.
    func matchesPatterns(_ path: [UInt8], name: Int, isDirectory: Bool, root: WalkRoot) -> Bool {
        if patterns.isEmpty { return true }
        switch patterns.verdict(path, from: root.globOffset, name: name, isDirectory: isDirectory) {
        case .ignored: return false
        case .wanted: return true
        case .none: return !patterns.hasWanted
        }
    }
}

/// Where a walk begins.
final class WalkRoot {
    let path: HostPath
    /// The directory to which globs are relative.
    private let globDirectory: HostPath
    /// As the request named it, or empty: what is found in it is named from here.
    let named: [UInt8]
    /// Absolute, without links and without a slash at the end; known once a worker has begun with it.
    private(set) var real: [UInt8] = []
    /// Where, in absolute paths below it, the part begins to which globs are applied.
    private(set) var globOffset = 0

    init(path: HostPath, globDirectory: HostPath, named: [UInt8]) {
        self.path = path
        self.globDirectory = globDirectory
        self.named = named
    }

    /// - Returns: 0, or the negated errno.
    func resolve() -> Int32 {
        let buffer = Buffer()
        let directoryCount = platform_real_path(globDirectory.terminated, buffer.start, buffer.count)
        let directory = directoryCount > 1 ? buffer.bytes(Int(directoryCount)) : []
        let count = platform_real_path(path.terminated, buffer.start, buffer.count)
        guard count >= 0 else { return Int32(count) }
        real = count == 1 ? [] : buffer.bytes(Int(count))
        // What is not below the directory has only its absolute path.
        let isBelow =
            directoryCount > 0 && real.starts(with: directory) && (real.count == directory.count || real[directory.count] == 0x2F)
        globOffset = isBelow ? directory.count + 1 : 1
        return 0
    }

    /// How the answer names a path below it.
    @inline(never)
    func display(_ absolute: [UInt8]) -> [UInt8] {
        guard absolute.count > real.count else { return named }
        var shown = named
        if !shown.isEmpty, shown.last != 0x2F { shown.add(0x2F) }
        shown.add(absolute.part(from: real.count + 1))
        return shown
    }
}
