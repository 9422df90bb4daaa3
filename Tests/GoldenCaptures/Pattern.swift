import PortalWire

/// What a capture expects of a JSON value: the value itself, with some strings that stand for what varies.
public enum Pattern {
    /// Why a value does not match, or nil where it does. Objects have the same members in any order, unless the pattern has a member `...`.
    public static func mismatch(_ pattern: JSONValue, _ value: JSONValue?, home: String, at place: String = "") -> String? {
        guard let value else { return "\(place) is missing" }
        switch (pattern, value) {
        case (.string(let expected), _):
            switch String(decoding: expected, as: UTF8.self) {
            case "<any>": return nil
            case "<number>": if value.unsigned != nil { return nil }
            case "<text>": if value.bytes != nil { return nil }
            case "<hex>":
                if let digits = value.string, !digits.isEmpty,
                    digits.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) })
                {
                    return nil
                }
            case let text: if value.string == Array(text.replacing("$HOME", with: home).utf8) { return nil }
            }
        case (.null, .null): return nil
        case (.bool(let expected), .bool(let actual)) where expected == actual: return nil
        case (.integer(let expected), .integer(let actual)) where expected == actual: return nil
        case (.array(let expected), .array(let actual)) where expected.count == actual.count:
            for (index, element) in expected.enumerated() {
                if let problem = mismatch(element, actual[index], home: home, at: "\(place)[\(index)]") { return problem }
            }
            return nil
        case (.object(let expected), .object(let actual)):
            let isOpen = expected.contains { isRest($0.name) }
            for member in expected where !isRest(member.name) {
                let name = String(decoding: member.name, as: UTF8.self)
                if let problem = mismatch(member.value, actual.first { $0.name == member.name }?.value, home: home, at: "\(place).\(name)")
                {
                    return problem
                }
            }
            for member in actual where !isOpen && !expected.contains(where: { $0.name == member.name }) {
                return "\(place).\(String(decoding: member.name, as: UTF8.self)) is one too many"
            }
            return nil
        default: break
        }
        return "\(place) is \(text(value)), not \(text(pattern))"
    }

    /// A value that matches the pattern.
    public static func sample(_ pattern: JSONValue) -> JSONValue {
        switch pattern {
        case .string(let text):
            switch String(decoding: text, as: UTF8.self) {
            case "<number>": .integer(7)
            case "<hex>": .string(Array("00ff".utf8))
            default: pattern
            }
        case .array(let elements): .array(elements.map(sample))
        case .object(let members): .object(members.filter { !isRest($0.name) }.map { JSONMember(name: $0.name, value: sample($0.value)) })
        default: pattern
        }
    }

    /// A value as JSON text.
    public static func text(_ value: JSONValue) -> String {
        var writer = JSONWriter()
        writer.value(value)
        return String(decoding: writer.bytes, as: UTF8.self)
    }

    private static func isRest(_ name: [UInt8]) -> Bool { name == Array("...".utf8) }
}
