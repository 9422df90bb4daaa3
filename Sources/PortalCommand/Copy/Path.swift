/// Paths as bytes, on either side: nothing is normalised, as the kernel's own rules are the only ones.
enum Path {
    /// An entry's path in its directory.
    static func join(_ directory: [UInt8], _ name: [UInt8]) -> [UInt8] {
        if directory.isEmpty { return name }
        return directory.last == UInt8(ascii: "/") ? directory + name : directory + [UInt8(ascii: "/")] + name
    }

    /// The last component, without slashes behind it; empty for the root.
    static func name(_ path: [UInt8]) -> [UInt8] {
        let trimmed = withoutTrailingSlashes(path)
        guard let slash = trimmed.lastIndex(of: UInt8(ascii: "/")) else { return Array(trimmed) }
        return Array(trimmed[(slash + 1)...])
    }

    /// The directory that a path's last component is in.
    static func parent(_ path: [UInt8]) -> [UInt8] {
        let trimmed = withoutTrailingSlashes(path)
        guard let slash = trimmed.lastIndex(of: UInt8(ascii: "/")) else { return [UInt8(ascii: ".")] }
        return slash == 0 ? [UInt8(ascii: "/")] : Array(trimmed[..<slash])
    }

    /// A path for a person: control characters, which could play with the terminal, and bytes that are no UTF-8 are shown as `?`.
    static func shown(_ path: [UInt8]) -> String {
        let text = String(decoding: path, as: UTF8.self)
        return String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { $0.value < 0x20 || 0x7F..<0xA0 ~= $0.value || $0.value == 0xFFFD ? "?" : $0 }))
    }

    private static func withoutTrailingSlashes(_ path: [UInt8]) -> ArraySlice<UInt8> {
        var end = path.endIndex
        while end > 1, path[end - 1] == UInt8(ascii: "/") { end -= 1 }
        return path[..<end]
    }
}
