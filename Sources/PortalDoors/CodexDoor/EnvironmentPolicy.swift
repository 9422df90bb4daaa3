import DoorSupport
import PortalWire

/// What of the host's login environment a command gets (`envPolicy`), and what is added to it (`env`).
struct EnvironmentPolicy: Sendable {
    enum Inheritance: Sendable {
        case all, core, none
    }

    /// What `core` keeps.
    private static let core: Set<String> = [
        "PATH", "SHELL", "TMPDIR", "TEMP", "TMP", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "LOGNAME", "USER",
    ]

    var inheritance = Inheritance.none
    var ignoresDefaultExclusions = true
    var exclusions: [String] = []
    var assignments: [(String, String)] = []
    var onlyIncluded: [String] = []
    var additions: [(String, String)] = []

    /// Reads `envPolicy` and `env` of `process/start`. Without a policy `env` is the whole environment.
    init(_ parameters: JSONValue) throws(RemoteProcedureError) {
        additions = try EnvironmentPolicy.variables(parameters["env"], "env")
        guard let policy = parameters["envPolicy"] else { return }
        switch policy.text("inherit") {
        case "all": inheritance = .all
        case "core": inheritance = .core
        case "none": inheritance = .none
        default: throw .parameter("envPolicy", "has an inherit that is not all, core or none")
        }
        ignoresDefaultExclusions = policy.bool("ignoreDefaultExcludes") ?? false
        exclusions = (policy.array("exclude") ?? []).compactMap(\.text)
        onlyIncluded = (policy.array("includeOnly") ?? []).compactMap(\.text)
        assignments = try EnvironmentPolicy.variables(policy["set"], "envPolicy.set")
    }

    private static func variables(_ value: JSONValue?, _ name: Literal) throws(RemoteProcedureError) -> [(String, String)] {
        guard let value else { return [] }
        guard let members = value.members else { throw .parameter(name, "is not an object") }
        var variables: [(String, String)] = []
        for member in members {
            guard let text = member.value.text, !member.name.isEmpty, !member.name.contains(0x3D), !member.name.contains(0),
                !text.utf8.contains(0)
            else { throw .parameter(name, "has a variable that cannot be one") }
            variables.append((String(decoding: member.name, as: UTF8.self), text))
        }
        return variables
    }

    /// Whether the names of the login's environment must be known. Where everything is inherited but some names, they need not be.
    var needsNames: Bool {
        inheritance != .all || !ignoresDefaultExclusions || !onlyIncluded.isEmpty
            || exclusions.contains { $0.contains("*") || $0.contains("?") }
    }

    /// What is changed in the login's environment: a nil value takes a name out.
    /// - Parameter names: The login's; they count only where `needsNames`.
    func changes(names: [String]) -> [(name: [UInt8], value: [UInt8]?)] {
        var result: [String: String?] = [:]
        for name in names where !inherits(name) { result[name] = .some(nil) }
        if !needsNames { for name in exclusions { result[name] = .some(nil) } }
        for (name, value) in assignments where isIncluded(name) { result[name] = value }
        for (name, value) in additions { result[name] = value }
        return result.sorted { $0.key < $1.key }.map { (name: Array($0.key.utf8), value: $0.value.map { Array($0.utf8) }) }
    }

    private func inherits(_ name: String) -> Bool {
        switch inheritance {
        case .none: return false
        case .core where !EnvironmentPolicy.core.contains(name): return false
        default: break
        }
        if !ignoresDefaultExclusions, ["*KEY*", "*SECRET*", "*TOKEN*"].contains(where: { EnvironmentPolicy.matches(name, $0) }) {
            return false
        }
        if exclusions.contains(where: { EnvironmentPolicy.matches(name, $0) }) { return false }
        return isIncluded(name)
    }

    private func isIncluded(_ name: String) -> Bool {
        onlyIncluded.isEmpty || onlyIncluded.contains { EnvironmentPolicy.matches(name, $0) }
    }

    /// Whether a name is one of a pattern with `*` and `?`, whatever the case of its letters.
    static func matches(_ name: String, _ pattern: String) -> Bool {
        let name = Array(name.lowercased().utf8)
        let pattern = Array(pattern.lowercased().utf8)
        var position = 0
        var index = 0
        var star: (index: Int, position: Int)?
        while position < name.count {
            if index < pattern.count, pattern[index] == UInt8(ascii: "*") {
                star = (index, position)
                index += 1
            } else if index < pattern.count, pattern[index] == UInt8(ascii: "?") || pattern[index] == name[position] {
                index += 1
                position += 1
            } else if let last = star {
                star = (last.index, last.position + 1)
                index = last.index + 1
                position = last.position + 1
            } else {
                return false
            }
        }
        return pattern[index...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
