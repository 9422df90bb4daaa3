import CExecutorPlatform
import PortalWire

/// An environment: entries one behind the other, each ended by NUL, as the C part takes them. Not an array of arrays: nearly every use is a
/// copy of it all.
typealias Environment = [UInt8]

/// This process's own environment.
func ownEnvironment() -> Environment {
    var entries: Environment = []
    var index: Int32 = 0
    while let entry = platform_environment(index) {
        index += 1
        entries.add(bytes(of: entry))
        entries.add(0)
    }
    return entries
}

/// An environment with changes: entries, and names of which the entries go.
func changed(_ base: Environment, _ changes: Environment) -> Environment {
    let result = Buffer(base.count + changes.count)
    return result.bytes(platform_environment_change(base, base.count, changes, changes.count, result.start))
}
