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

    /// A path for a person.
    static func shown(_ path: [UInt8]) -> String { Printable.text(path) }

    private static func withoutTrailingSlashes(_ path: [UInt8]) -> ArraySlice<UInt8> {
        var end = path.endIndex
        while end > 1, path[end - 1] == UInt8(ascii: "/") { end -= 1 }
        return path[..<end]
    }
}
