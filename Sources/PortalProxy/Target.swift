import PortalSSH

/// What the user names: `[user@]host[:directory]`, the host being an alias of ssh_config, or `ssh://[user@]host[:port][/directory]`.
public struct Target: Sendable, Hashable {
    /// The account, host and port.
    let address: HostAddress
    /// The directory on the host; relative ones start at the home directory. Nil for the home directory.
    public let directory: String?

    /// Parses a target.
    /// - Throws: `ProxyError` with the code `invalidTarget`, and what is wrong with the text.
    public init(_ text: String) throws(ProxyError) {
        let bytes = Array(text.utf8)
        var authorityEnd = bytes.endIndex
        var directoryStart: Int?
        if bytes.starts(with: "ssh://".utf8) {
            if let slash = bytes[6...].firstIndex(of: UInt8(ascii: "/")) {
                authorityEnd = slash
                directoryStart = slash
            }
        } else {
            // Behind the user, and behind the brackets of a numeric address, the first colon begins the directory.
            let firstSlash = bytes.firstIndex(of: UInt8(ascii: "/")) ?? bytes.endIndex
            let hostStart = bytes[..<firstSlash].lastIndex(of: UInt8(ascii: "@")).map { $0 + 1 } ?? 0
            var search = hostStart
            if hostStart < bytes.endIndex, bytes[hostStart] == UInt8(ascii: "[") {
                search = bytes[hostStart...].firstIndex(of: UInt8(ascii: "]")) ?? hostStart
            }
            if let colon = bytes[search...].firstIndex(of: UInt8(ascii: ":")) {
                authorityEnd = colon
                directoryStart = colon + 1
            }
        }
        do {
            address = try HostAddress(parsing: String(decoding: bytes[..<authorityEnd], as: UTF8.self))
        } catch {
            throw ProxyError(.invalidTarget, error.message + " A directory follows as :directory, or /directory behind ssh://.")
        }
        guard !bytes.contains(0) else { throw ProxyError(.invalidTarget, "the target has a NUL byte") }
        let directory = directoryStart.map { String(decoding: bytes[$0...], as: UTF8.self) } ?? ""
        self.directory =
            directory.isEmpty || directory == "/" && bytes.starts(with: "ssh://".utf8) && authorityEnd + 1 == bytes.count
            ? nil : directory
    }

    init(address: HostAddress) {
        self.address = address
        directory = nil
    }

    /// The target without its directory, as a person reads it; parsing it gives the same host again.
    public var name: String {
        address.port == nil ? address.description : "ssh://\(address.description)"
    }

    /// The same host, without a directory.
    var withoutDirectory: Target { Target(address: address) }
}
