import CExecutorPlatform
import PortalWire

/// What the hello says of this host.
func discoverHost() -> HostFacts {
    var names = [UInt8](repeating: 0, count: 512)
    let used = platform_uname(&names, names.count)
    let system = used > 0 ? strings(in: names[0..<Int(used)]) : []
    let user = platform_user_id()
    var name = variable("USER")
    var home = variable("HOME")
    if name == nil || home == nil {
        var account = [UInt8](repeating: 0, count: 1024)
        let length = platform_account(user, &account, account.count)
        if length > 0 {
            let fields = strings(in: account[0..<Int(length)])
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
    var directory = [UInt8](repeating: 0, count: 4096)
    let length = platform_working_directory(&directory, directory.count)
    return HostFacts(
        system: system.count > 0 ? system[0] : [], machine: system.count > 1 ? system[1] : [], release: system.count > 2 ? system[2] : [],
        name: system.count > 3 ? system[3] : [], user: name ?? [], userIdentifier: UInt64(user), home: home ?? [0x2F],
        directory: length > 0 ? Array(directory[0..<Int(length)]) : (home ?? [0x2F]), boot: bootIdentifier())
}

/// A variable of this process's environment; nil where it is not set or empty.
func variable(_ name: Literal) -> [UInt8]? {
    guard let value = platform_variable([UInt8](name) + [0]), value[0] != 0 else { return nil }
    return bytes(of: value)
}

private func bootIdentifier() -> [UInt8] {
    let descriptor = platform_open([UInt8]("/proc/sys/kernel/random/boot_id") + [0], UInt32(PLATFORM_OPEN_READ), 0)
    guard descriptor >= 0 else { return [] }
    defer { platform_close(descriptor) }
    var text = [UInt8](repeating: 0, count: 64)
    let count = platform_read(descriptor, &text, text.count)
    guard count > 0 else { return [] }
    return text[0..<Int(count)].filter { $0 > 0x20 }
}
