import CExecutorPlatform
import PortalWire

/// What the hello says of this host.
func discoverHost() -> HostFacts {
    let names = Buffer(512)
    let used = platform_uname(names.start, names.count)
    let system = used > 0 ? names.strings(Int(used)) : [[], [], [], []]
    let user = platform_user_id()
    var name = variable("USER")
    var home = variable("HOME")
    if name == nil || home == nil {
        let account = Buffer(1024)
        let length = platform_account(user, account.start, account.count)
        if length > 0 {
            let fields = account.strings(Int(length))
            name = name ?? fields[0]
            home = home ?? fields[1]
        }
    }
    if name == nil {
        var number: [UInt8] = []
        number.append(decimal: UInt64(user))
        name = number
    }
    // A home that is no absolute path cannot be what relative paths start from.
    if home?.first != 0x2F { home = [0x2F] }
    let directory = Buffer()
    let length = platform_working_directory(directory.start, directory.count)
    return HostFacts(
        system: system[0], machine: system[1], release: system[2], name: system[3], user: name ?? [], userIdentifier: UInt64(user),
        home: home ?? [0x2F],
        directory: length > 0 ? directory.bytes(Int(length)) : (home ?? [0x2F]), boot: bootIdentifier())
}

/// A variable of this process's environment; nil where it is not set or empty.
func variable(_ name: Literal) -> [UInt8]? {
    guard let value = platform_variable(name.terminated), value[0] != 0 else { return nil }
    return bytes(of: value)
}

private func bootIdentifier() -> [UInt8] {
    var text = smallFile([UInt8]("/proc/sys/kernel/random/boot_id")) ?? []
    while let last = text.last, last <= 0x20 { text.removeLast() }
    return text
}
