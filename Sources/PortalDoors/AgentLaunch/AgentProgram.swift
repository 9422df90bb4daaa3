#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A program on this machine, and the names by which it is known.
public struct AgentProgram: Sendable {
    /// Where it is found: what is run.
    public let path: String
    /// As it was typed, each link that leads to the file, and the file.
    public let names: [String]

    /// Finds what a shell would find.
    /// - Parameter searchPath: As PATH has it.
    /// - Throws: `AgentLaunchError` with the status 127 where there is none, and 126 where it cannot be run.
    public init(_ word: String, searchPath: String) throws(AgentLaunchError) {
        var found: String?
        var isThere = false
        let candidates =
            word.contains("/")
            ? [word]
            : searchPath.split(separator: ":", omittingEmptySubsequences: false).map { $0.isEmpty ? "./\(word)" : "\($0)/\(word)" }
        for candidate in candidates {
            var status = stat()
            guard stat(candidate, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            isThere = true
            if access(candidate, X_OK) == 0 {
                found = candidate
                break
            }
        }
        guard let found else {
            throw isThere
                ? AgentLaunchError("\(word) is not a program that you may run", status: 126)
                : AgentLaunchError("there is no program \(word) on this machine, where the agent itself runs", status: 127)
        }
        path = found
        names = [word] + AgentProgram.links(from: found)
    }

    /// The path, and whatever it leads to.
    private static func links(from path: String) -> [String] {
        var names = [path]
        while names.count < 40 {
            var buffer = [CChar](repeating: 0, count: 4096)
            let last = names[names.count - 1]
            let length = readlink(last, &buffer, buffer.count - 1)
            guard length > 0 else { break }
            let target = String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let folder = last.lastIndex(of: "/").map { String(last[...$0]) } ?? ""
            names.append(target.hasPrefix("/") ? target : folder + target)
        }
        // The directories may be links too: those of npm are.
        if let whole = realpath(path, nil) {
            names.append(String(cString: whole))
            free(whole)
        }
        return names
    }
}
