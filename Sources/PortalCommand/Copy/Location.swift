import Portal

/// A side of a copy: a path here, or `host:path`.
enum Location: Equatable {
    /// A path on this machine.
    case here([UInt8])
    /// A path on a host, relative to the home directory there.
    case there(target: String, path: [UInt8])

    /// Reads an argument as scp does: a colon before the first slash makes it a host's, so `./a:b` is a path here.
    /// - Throws: `PortalError` with the code `invalid` for an empty path.
    init(_ argument: [UInt8]) throws(PortalError) {
        guard !argument.isEmpty else { throw PortalError(.invalid, "an empty name is no path") }
        let slash = UInt8(ascii: "/")
        if argument.starts(with: "ssh://".utf8) {
            let end = argument[6...].firstIndex(of: slash) ?? argument.endIndex
            let path = end + 1 < argument.count ? Array(argument[end...]) : [UInt8(ascii: ".")]
            self = .there(target: String(decoding: argument[..<end], as: UTF8.self), path: path)
            return
        }
        let firstSlash = argument.firstIndex(of: slash) ?? argument.endIndex
        var start = argument[..<firstSlash].lastIndex(of: UInt8(ascii: "@")).map { $0 + 1 } ?? 0
        // A numeric address has colons of its own, between brackets.
        if start < firstSlash, argument[start] == UInt8(ascii: "[") {
            start = argument[start..<firstSlash].firstIndex(of: UInt8(ascii: "]")) ?? start
        }
        guard start < firstSlash, let colon = argument[start..<firstSlash].firstIndex(of: UInt8(ascii: ":")), colon > 0 else {
            self = .here(argument)
            return
        }
        let path = colon + 1 < argument.count ? Array(argument[(colon + 1)...]) : [UInt8(ascii: ".")]
        self = .there(target: String(decoding: argument[..<colon], as: UTF8.self), path: path)
    }

    /// The path, on whichever side.
    var path: [UInt8] {
        switch self {
        case .here(let path), .there(_, let path): path
        }
    }
}
