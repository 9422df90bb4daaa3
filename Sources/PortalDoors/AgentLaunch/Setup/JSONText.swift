import DoorSupport
import PortalWire

/// A JSON file that is changed in one place and stays as it is in all others: spaces, order, and the comments and last commas that some agents
/// allow.
struct JSONText {
    /// The file.
    private(set) var bytes: [UInt8]

    /// A value, and where it stands.
    private struct Node {
        var range: Range<Int>
        var members: [(name: String, start: Int, value: Node)] = []
        var elements: [Node] = []
        var isObject = false
        var isArray = false
    }

    /// - Throws: `AgentLaunchError` where it is no JSON object.
    init(_ bytes: [UInt8], path: String) throws(AgentLaunchError) {
        self.bytes = bytes
        var reader = Reader(bytes: bytes)
        guard let root = reader.document(), root.isObject else {
            throw AgentLaunchError("\(path) is no JSON object: nothing of it is changed")
        }
    }

    /// What a new file begins with.
    static let empty = Array("{}\n".utf8)

    /// Whether nothing is in it.
    var isEmpty: Bool { root.members.isEmpty && !bytes.contains(UInt8(ascii: "/")) }

    /// The value at a path of names, or nil.
    func value(_ path: [String]) -> JSONValue? {
        guard let node = node(path) else { return nil }
        return try? JSONParser.parse(JSONText.plain(Array(bytes[node.range])))
    }

    /// Sets a member, and makes the objects that it is in.
    mutating func set(_ path: [String], _ value: JSONValue) {
        if let node = node(path) {
            bytes.replaceSubrange(node.range, with: Self.text(value, depth: path.count))
            return
        }
        // The innermost object that is there gets a member that has all the rest.
        var depth = path.count - 1
        while depth > 0, node(Array(path[..<depth]))?.isObject != true { depth -= 1 }
        var inner = value
        for name in path[(depth + 1)...].reversed() { inner = .object([(name, inner)]) }
        // Something that is no object is in the way: it is replaced.
        if let other = node(Array(path[...depth])) {
            bytes.replaceSubrange(other.range, with: Self.text(inner, depth: depth + 1))
            return
        }
        guard let object = node(Array(path[..<depth])) else { return }
        insert(object, depth: depth) { JSONValue.text(path[depth]).encoded + Array(": ".utf8) + Self.text(inner, depth: $0) }
    }

    /// Adds strings to an array that lacks them, and makes the array.
    /// - Returns: Those that were added.
    mutating func add(_ path: [String], _ strings: [String]) -> [String] {
        let known = Set((value(path)?.array ?? []).compactMap(\.text))
        let missing = strings.filter { !known.contains($0) }
        guard let array = node(path), array.isArray else {
            if !missing.isEmpty { set(path, .array(missing.map { .text($0) })) }
            return missing
        }
        for string in missing {
            guard let array = node(path) else { break }
            insert(array, depth: path.count) { _ in JSONValue.text(string).encoded }
        }
        return missing
    }

    /// Removes a member; objects that have nothing left are removed with it.
    mutating func remove(_ path: [String]) {
        guard let name = path.last, let object = node(path.dropLast()),
            let index = object.members.firstIndex(where: { $0.name == name })
        else { return }
        let members = object.members.map { (start: $0.start, end: $0.value.range.upperBound) }
        cut(members, at: index, in: object)
        if object.members.count == 1, path.count > 1 { remove(path.dropLast()) }
    }

    /// Removes strings from an array, and the array where nothing is left in it.
    mutating func remove(_ path: [String], elements strings: [String]) {
        for string in strings {
            guard let array = node(path),
                let index = array.elements.firstIndex(where: {
                    (try? JSONParser.parse(Array(bytes[$0.range])))?.text == string
                })
            else { continue }
            if array.elements.count == 1 { return remove(path) }
            cut(array.elements.map { (start: $0.range.lowerBound, end: $0.range.upperBound) }, at: index, in: array)
        }
    }

    // MARK: Places

    private var root: Node {
        var reader = Reader(bytes: bytes)
        return reader.document() ?? Node(range: 0..<0, isObject: true)
    }

    private func node(_ path: [String]) -> Node? {
        var node = root
        for name in path {
            guard let member = node.members.first(where: { $0.name == name }) else { return nil }
            node = member.value
        }
        return node
    }

    /// Puts something behind what is in an object or array.
    private mutating func insert(_ container: Node, depth: Int, _ text: (_ depth: Int) -> [UInt8]) {
        let items =
            container.isObject
            ? container.members.map { (start: $0.start, end: $0.value.range.upperBound) }
            : container.elements.map { (start: $0.range.lowerBound, end: $0.range.upperBound) }
        let inside = Self.indent(depth + 1)
        guard let last = items.last else {
            let content = [UInt8(ascii: "\n")] + inside + text(depth + 1) + [UInt8(ascii: "\n")] + Self.indent(depth)
            bytes.replaceSubrange((container.range.lowerBound + 1)..<(container.range.upperBound - 1), with: content)
            return
        }
        let space = bytes[(container.range.lowerBound + 1)..<items[0].start]
        let isOnLines = space.contains(UInt8(ascii: "\n"))
        let separator = isOnLines ? [UInt8(ascii: "\n")] + Array(space.suffix(while: { $0 == 0x20 || $0 == 0x09 })) : [UInt8(ascii: " ")]
        bytes.insert(contentsOf: [UInt8(ascii: ",")] + separator + text(depth + 1), at: last.end)
    }

    /// Takes out one of several, with the comma that belongs to it.
    private mutating func cut(_ items: [(start: Int, end: Int)], at index: Int, in container: Node) {
        if items.count == 1 {
            bytes.removeSubrange((container.range.lowerBound + 1)..<(container.range.upperBound - 1))
        } else if index > 0 {
            bytes.removeSubrange(items[index - 1].end..<items[index].end)
        } else {
            bytes.removeSubrange(items[0].start..<items[1].start)
        }
    }

    // MARK: Text

    private static func indent(_ depth: Int) -> [UInt8] { Array(repeating: 0x20, count: depth * 2) }

    /// A value on lines of its own, except for what is short.
    private static func text(_ value: JSONValue, depth: Int) -> [UInt8] {
        let encoded = value.encoded
        func lines(_ open: String, _ items: [[UInt8]], _ close: String) -> [UInt8] {
            var text = Array(open.utf8)
            for (index, item) in items.enumerated() {
                text += (index > 0 ? Array(",\n".utf8) : Array("\n".utf8)) + indent(depth + 1) + item
            }
            return text + Array("\n".utf8) + indent(depth) + Array(close.utf8)
        }
        if case .object(let members) = value, !members.isEmpty {
            return lines("{", members.map { JSONValue.string($0.name).encoded + Array(": ".utf8) + text($0.value, depth: depth + 1) }, "}")
        }
        if case .array(let elements) = value, encoded.count > 100 {
            return lines("[", elements.map { text($0, depth: depth + 1) }, "]")
        }
        if case .array(let elements) = value {
            return Array("[".utf8) + Array(elements.map(\.encoded).joined(separator: Array(", ".utf8))) + Array("]".utf8)
        }
        return encoded
    }

    /// Without comments and last commas.
    private static func plain(_ bytes: [UInt8]) -> [UInt8] {
        var reader = Reader(bytes: bytes)
        return reader.plain()
    }

    // MARK: Reading

    /// Finds where values stand. It takes more than JSON: `//` and `/* */` comments, and a comma behind the last.
    private struct Reader {
        let bytes: [UInt8]
        var position = 0
        var depth = 0

        init(bytes: [UInt8]) { self.bytes = bytes }

        mutating func document() -> Node? {
            if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
            skipSpace()
            guard let node = value() else { return nil }
            skipSpace()
            return position == bytes.count ? node : nil
        }

        /// The same values as JSON itself.
        mutating func plain() -> [UInt8] {
            var text: [UInt8] = []
            while position < bytes.count {
                let start = position
                if bytes[position] == UInt8(ascii: "\"") {
                    guard string() else { return bytes }
                    text += bytes[start..<position]
                    continue
                }
                skipSpace()
                if position > start {
                    text.append(0x20)
                    continue
                }
                if bytes[position] == UInt8(ascii: "}") || bytes[position] == UInt8(ascii: "]") {
                    while text.last == 0x20 { text.removeLast() }
                    if text.last == UInt8(ascii: ",") { text.removeLast() }
                }
                text.append(bytes[position])
                position += 1
            }
            return text
        }

        private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

        private mutating func skipSpace() {
            while let byte = next {
                if byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D {
                    position += 1
                } else if byte == UInt8(ascii: "/"), position + 1 < bytes.count, bytes[position + 1] == UInt8(ascii: "/") {
                    while let byte = next, byte != 0x0A { position += 1 }
                } else if byte == UInt8(ascii: "/"), position + 1 < bytes.count, bytes[position + 1] == UInt8(ascii: "*") {
                    position += 2
                    while position + 1 < bytes.count, !(bytes[position] == UInt8(ascii: "*") && bytes[position + 1] == UInt8(ascii: "/")) {
                        position += 1
                    }
                    position = min(bytes.count, position + 2)
                } else {
                    return
                }
            }
        }

        private mutating func value() -> Node? {
            let start = position
            switch next {
            case UInt8(ascii: "{"): return container(start, UInt8(ascii: "}"), isObject: true)
            case UInt8(ascii: "["): return container(start, UInt8(ascii: "]"), isObject: false)
            case UInt8(ascii: "\""): return string() ? Node(range: start..<position) : nil
            default:
                while let byte = next, !",]} \t\r\n/".utf8.contains(byte) { position += 1 }
                guard position > start, (try? JSONParser.parse(Array(bytes[start..<position]))) != nil else { return nil }
                return Node(range: start..<position)
            }
        }

        private mutating func container(_ start: Int, _ end: UInt8, isObject: Bool) -> Node? {
            guard depth < 200 else { return nil }
            depth += 1
            defer { depth -= 1 }
            var node = Node(range: start..<start, isObject: isObject, isArray: !isObject)
            position += 1
            while true {
                skipSpace()
                if next == end { break }
                let first = position
                var name = ""
                if isObject {
                    guard next == UInt8(ascii: "\""), string(), let text = try? JSONParser.parse(Array(bytes[first..<position])).text else {
                        return nil
                    }
                    name = text
                    skipSpace()
                    guard next == UInt8(ascii: ":") else { return nil }
                    position += 1
                    skipSpace()
                }
                guard let value = value() else { return nil }
                if isObject { node.members.append((name, first, value)) } else { node.elements.append(value) }
                skipSpace()
                if next == UInt8(ascii: ",") { position += 1 } else if next != end { return nil }
            }
            position += 1
            node.range = start..<position
            return node
        }

        private mutating func string() -> Bool {
            position += 1
            while let byte = next {
                position += byte == UInt8(ascii: "\\") ? 2 : 1
                if byte == UInt8(ascii: "\"") { return true }
            }
            return false
        }
    }
}

extension ArraySlice where Element == UInt8 {
    /// The end of it that has only such elements.
    fileprivate func suffix(while isSuch: (UInt8) -> Bool) -> ArraySlice<UInt8> {
        var start = endIndex
        while start > startIndex, isSuch(self[start - 1]) { start -= 1 }
        return self[start...]
    }
}
