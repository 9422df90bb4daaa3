import CExecutorPlatform
import PortalWire

/// The environment of a child: this process's own with the changes, and the marker by which it is found again.
func childEnvironment(changes: [(name: [UInt8], value: [UInt8]?)], marker: [UInt8]) -> [[UInt8]] {
    var entries: [[UInt8]] = []
    var index: Int32 = 0
    while let entry = platform_environment(index) {
        index += 1
        let variable = bytes(of: entry)
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

/// Where commands are looked for: PATH of an environment, or what systems commonly have.
func searchPath(in environment: [[UInt8]]) -> [UInt8] {
    for entry in environment where isNamed(entry, [UInt8]("PATH")[...]) { return Array(entry[5...]) }
    return [UInt8]("/usr/local/bin:/usr/bin:/bin")
}

private func isNamed(_ entry: [UInt8], _ name: ArraySlice<UInt8>) -> Bool {
    guard entry.count > name.count, entry[name.count] == 0x3D else { return false }
    return entry[0..<name.count] == name
}
