import CExecutorPlatform
import PortalWire

/// This process's own environment.
func ownEnvironment() -> [[UInt8]] {
    var entries: [[UInt8]] = []
    var index: Int32 = 0
    while let entry = platform_environment(index) {
        index += 1
        entries.append(bytes(of: entry))
    }
    return entries
}

/// The environment of a child: the given one with the changes, and the marker by which it is found again.
func childEnvironment(_ base: [[UInt8]], changes: [(name: [UInt8], value: [UInt8]?)], marker: [UInt8]) -> [[UInt8]] {
    var entries: [[UInt8]] = []
    for variable in base {
        if isNamed(variable, marker.prefix { $0 != 0x3D }) || changes.contains(where: { isNamed(variable, $0.name[...]) }) { continue }
        entries.append(variable)
    }
    for (position, change) in changes.enumerated() {
        // The first of two equal names counts, as in every object of the protocol.
        guard let value = change.value, !changes[..<position].contains(where: { $0.name == change.name }) else { continue }
        entries.append(change.name + [0x3D] + value)
    }
    entries.append(marker)
    return entries
}

/// The value of a name in an environment; nil where it is not there.
func value(of name: StaticString, in environment: [[UInt8]]) -> [UInt8]? {
    let name = [UInt8](name)
    for entry in environment where isNamed(entry, name[...]) { return Array(entry[(name.count + 1)...]) }
    return nil
}

/// Where commands are looked for: PATH of an environment, or what systems commonly have.
func searchPath(in environment: [[UInt8]]) -> [UInt8] { value(of: "PATH", in: environment) ?? [UInt8]("/usr/local/bin:/usr/bin:/bin") }

func isNamed(_ entry: [UInt8], _ name: ArraySlice<UInt8>) -> Bool {
    guard entry.count > name.count, entry[name.count] == 0x3D else { return false }
    return entry[0..<name.count] == name
}
