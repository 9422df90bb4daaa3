import DoorSupport
import PortalWire

/// Where a directory here stands for one there: the agent names every path as if it were here.
public struct PathMap: Sendable {
    /// Prefixes here, and what they are there: absolute paths without a slash at their ends. The first that fits counts.
    public var prefixes: [(here: [UInt8], there: [UInt8])]

    /// Makes a map; an empty one changes nothing.
    public init(_ prefixes: [(here: [UInt8], there: [UInt8])] = []) {
        self.prefixes = prefixes.map { (here: PathMap.trimmed($0.here), there: PathMap.trimmed($0.there)) }
    }

    private static func trimmed(_ path: [UInt8]) -> [UInt8] {
        var path = path
        while path.last == UInt8(ascii: "/") { path.removeLast() }
        return path
    }

    /// The path there of one here.
    func there(_ path: [UInt8]) -> [UInt8] {
        for prefix in prefixes {
            if let moved = PathMap.moved(path, from: prefix.here, to: prefix.there) { return moved }
        }
        return path
    }

    /// The path here of one there.
    func here(_ path: [UInt8]) -> [UInt8] {
        for prefix in prefixes {
            if let moved = PathMap.moved(path, from: prefix.there, to: prefix.here) { return moved }
        }
        return path
    }

    private static func moved(_ path: [UInt8], from: [UInt8], to: [UInt8]) -> [UInt8]? {
        guard path.starts(with: from), path.count == from.count || path[from.count] == UInt8(ascii: "/") else { return nil }
        let moved = to + path[from.count...]
        return moved.isEmpty ? [UInt8(ascii: "/")] : moved
    }
}

/// `file:` URIs (RFC 8089), as which the agent writes every path.
enum FileURI {
    /// The path of a URI; nil for what is none of this machine's kind of `file:` URIs.
    static func path(_ uri: [UInt8]) -> [UInt8]? {
        let scheme = Array("file://".utf8)
        guard uri.starts(with: scheme) else { return nil }
        var rest = uri[scheme.count...]
        let local = Array("localhost/".utf8)
        if rest.starts(with: local) { rest = rest.dropFirst(local.count - 1) }
        guard rest.first == UInt8(ascii: "/") else { return nil }
        var path: [UInt8] = []
        path.reserveCapacity(rest.count)
        var index = rest.startIndex
        while index < rest.endIndex {
            var byte = rest[index]
            index += 1
            if byte == UInt8(ascii: "%") {
                guard index + 1 < rest.endIndex, let high = digit(rest[index]), let low = digit(rest[index + 1]) else { return nil }
                byte = high << 4 | low
                index += 2
            }
            guard byte != 0 else { return nil }
            path.append(byte)
        }
        while path.count > 1, path.last == UInt8(ascii: "/") { path.removeLast() }
        return path
    }

    /// The URI of an absolute path.
    static func uri(_ path: [UInt8]) -> [UInt8] {
        var uri = Array("file://".utf8)
        for byte in path {
            if isPlain(byte) {
                uri.append(byte)
            } else {
                uri.append(UInt8(ascii: "%"))
                for nibble in [byte >> 4, byte & 15] { uri.append(nibble < 10 ? 0x30 + nibble : 0x37 + nibble) }
            }
        }
        return uri
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "/-._~!$&'()*+,;=:@[]|".utf8.contains(byte)
        }
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}

/// Paths as bytes.
enum PathBytes {
    /// The directory that a path is in; nil for the root.
    static func parent(_ path: [UInt8]) -> [UInt8]? {
        guard path.count > 1, let slash = path.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        return slash == 0 ? [UInt8(ascii: "/")] : Array(path[..<slash])
    }

    /// The last component.
    static func name(_ path: [UInt8]) -> [UInt8] {
        guard let slash = path.lastIndex(of: UInt8(ascii: "/")) else { return path }
        return Array(path[(slash + 1)...])
    }

    static func joined(_ directory: [UInt8], _ name: [UInt8]) -> [UInt8] {
        directory.last == UInt8(ascii: "/") ? directory + name : directory + [UInt8(ascii: "/")] + name
    }

    /// Whether a path is another one or below it. Both are absolute and have neither `.` nor `..`.
    static func isBelow(_ path: [UInt8], _ ancestor: [UInt8]) -> Bool {
        ancestor == [UInt8(ascii: "/")] || (path.starts(with: ancestor) && (path.count == ancestor.count || path[ancestor.count] == 0x2F))
    }

    /// The path without `.`, `..` and empty components, taken as text.
    static func normalized(_ path: [UInt8]) -> [UInt8] {
        var components: [ArraySlice<UInt8>] = []
        for component in path.split(separator: UInt8(ascii: "/")) where !component.elementsEqual(".".utf8) {
            if component.elementsEqual("..".utf8) { _ = components.popLast() } else { components.append(component) }
        }
        return [UInt8(ascii: "/")] + Array(components.joined(separator: [UInt8(ascii: "/")]))
    }
}
