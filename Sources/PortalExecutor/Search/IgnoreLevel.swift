import CExecutorPlatform
import PortalWire

/// The ignore files of one directory and of all above it. A directory without any shares its parent's.
///
/// It never changes once it is made, so workers share it.
final class IgnoreLevel {
    private let parent: IgnoreLevel?
    /// Where, in an absolute path below the directory, the part begins that is relative to it.
    private let offset: Int
    /// `.rgignore`, `.ignore`, `.gitignore` and `.git/info/exclude`, the stronger first.
    private let files: (IgnoreRules, IgnoreRules, IgnoreRules, IgnoreRules)
    /// Whether this is the root of a repository: Git's files above it do not count below.
    private let isRepository: Bool
    /// Whether this or a directory above is the root of a repository.
    private let isInRepository: Bool

    private init(
        parent: IgnoreLevel?, offset: Int, files: (IgnoreRules, IgnoreRules, IgnoreRules, IgnoreRules), isRepository: Bool
    ) {
        self.parent = parent
        self.offset = offset
        self.files = files
        self.isRepository = isRepository
        isInRepository = isRepository || parent?.isInRepository == true
    }

    /// The level of a directory (an absolute path without a slash at its end) below the one of its parent; nil where nothing is said up to here.
    static func of(directory: [UInt8], parent: IgnoreLevel?) -> IgnoreLevel? {
        let isRepository = exists(directory, "/.git")
        let custom = rules(directory, "/.rgignore")
        let plain = rules(directory, "/.ignore")
        let git = rules(directory, "/.gitignore")
        if !isRepository, custom.isEmpty, plain.isEmpty, git.isEmpty { return parent }
        let exclude = isRepository ? rules(directory, "/.git/info/exclude") : IgnoreRules()
        return IgnoreLevel(
            parent: parent, offset: directory.count + 1, files: (custom, plain, git, exclude), isRepository: isRepository)
    }

    /// The level of a directory with everything above it, up to the root of the file system.
    static func of(withParents directory: [UInt8]) -> IgnoreLevel? {
        var level = of(directory: [], parent: nil)
        for index in directory.indices where index > 0 && directory[index] == 0x2F {
            level = of(directory: directory.part(0, index), parent: level)
        }
        // A root of the file system has been looked at.
        return directory.isEmpty ? level : of(directory: directory, parent: level)
    }

    /// What the files say of a path, the user's own excludes included: of each kind of file the nearest that says anything counts, and a
    /// stronger kind is before a weaker one, however near that is.
    func verdict(
        _ path: [UInt8], name: Int, isDirectory: Bool, requiresRepository: Bool, excludes: IgnoreRules, excludesOffset: Int
    ) -> IgnoreRules.Verdict {
        let usesGit = !requiresRepository || isInRepository
        var custom = IgnoreRules.Verdict.none
        var plain = custom
        var git = custom
        var exclude = custom
        var sawRepository = false
        var next: IgnoreLevel? = self
        while let level = next {
            if custom == .none { custom = level.files.0.verdict(path, from: level.offset, name: name, isDirectory: isDirectory) }
            if plain == .none { plain = level.files.1.verdict(path, from: level.offset, name: name, isDirectory: isDirectory) }
            if usesGit, !sawRepository {
                if git == .none { git = level.files.2.verdict(path, from: level.offset, name: name, isDirectory: isDirectory) }
                if exclude == .none { exclude = level.files.3.verdict(path, from: level.offset, name: name, isDirectory: isDirectory) }
            }
            // Where repositories do not matter, they are no border either.
            if requiresRepository, level.isRepository { sawRepository = true }
            next = level.parent
        }
        if custom != .none { return custom }
        if plain != .none { return plain }
        if git != .none { return git }
        if exclude != .none { return exclude }
        return usesGit ? excludes.verdict(path, from: excludesOffset, name: name, isDirectory: isDirectory) : .none
    }

    @inline(never)
    private static func rules(_ directory: [UInt8], _ name: Literal) -> IgnoreRules {
        var path = directory
        path.append(name)
        guard let text = smallFile(path) else { return IgnoreRules() }
        return IgnoreRules(text: text)
    }

    private static func exists(_ directory: [UInt8], _ name: Literal) -> Bool {
        var path = directory
        path.append(name)
        path.add(0)
        var status = platform_status()
        return platform_stat(path, 1, &status) == 0
    }
}

/// The content of a file that is expected to be small, cut after a mebibyte; nil where it cannot be read.
func smallFile(_ path: [UInt8]) -> [UInt8]? {
    let descriptor = platform_open(terminated(path), UInt32(PLATFORM_OPEN_READ), 0)
    guard descriptor >= 0 else { return nil }
    defer { platform_close(descriptor) }
    var status = platform_status()
    // A FIFO of this name is not waited for.
    guard platform_stat_descriptor(descriptor, &status) == 0, status.kind == FileKind.file.rawValue else { return nil }
    var text: [UInt8] = []
    let buffer = Buffer()
    while text.count < 1 << 20 {
        let count = platform_read(descriptor, buffer.start, buffer.count)
        guard count > 0 else { return count == 0 ? text : nil }
        text.add(buffer.bytes(Int(count)))
    }
    return text
}

/// What the user's Git ignores everywhere: the file that `core.excludesFile` names in `~/.gitconfig` or `~/.config/git/config`, else
/// `~/.config/git/ignore`.
func globalExcludes(home: [UInt8]) -> IgnoreRules {
    var configuration = home
    configuration.append("/.config")
    if let other = variable("XDG_CONFIG_HOME") { configuration = other }
    var own = home
    own.append("/.gitconfig")
    var file = excludesFile(own, home: home)
    if file == nil {
        var shared = configuration
        shared.append("/git/config")
        file = excludesFile(shared, home: home)
    }
    if file == nil {
        configuration.append("/git/ignore")
        file = configuration
    }
    guard let file, let text = smallFile(file) else { return IgnoreRules() }
    return IgnoreRules(text: text)
}

/// The value of `excludesFile` in a configuration of Git's, whatever section it is in, as ripgrep reads it.
private func excludesFile(_ path: [UInt8], home: [UInt8]) -> [UInt8]? {
    guard let text = smallFile(path) else { return nil }
    let key = [UInt8]("excludesfile")
    var index = 0
    while index < text.count {
        var end = index
        while end < text.count, text[end] != 0x0A { end += 1 }
        var at = index
        index = end + 1
        while at < end, text[at] <= 0x20 { at += 1 }
        guard end - at > key.count, (0..<key.count).allSatisfy({ text[at + $0] | 0x20 == key[$0] }) else { continue }
        at += key.count
        while at < end, text[at] <= 0x20 { at += 1 }
        guard at < end, text[at] == 0x3D else { continue }
        at += 1
        while at < end, text[at] <= 0x20 || text[at] == 0x22 { at += 1 }
        while end > at, text[end - 1] <= 0x20 || text[end - 1] == 0x22 { end -= 1 }
        guard at < end else { continue }
        let value = text.part(at, end)
        return value.first == 0x7E ? home + value.part(from: 1) : value
    }
    return nil
}
