import PortalWire

// Values of JSON as a door writes and reads them: with texts, where the wire has bytes.

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    /// A string.
    public init(stringLiteral text: String) { self = .text(text) }
    /// `true` or `false`
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// A number.
    public init(integerLiteral value: Int64) { self = .integer(value) }
    /// An array.
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    /// An object with the members in the order in which they stand.
    public init(dictionaryLiteral members: (String, JSONValue)...) { self = .object(members) }

    /// A string.
    public static func text(_ text: String) -> JSONValue { .string(Array(text.utf8)) }

    /// A string of bytes from the host; what is not UTF-8 in it is replaced by U+FFFD.
    public static func text(_ bytes: [UInt8]) -> JSONValue {
        isValidUTF8(bytes) ? .string(bytes) : .text(String(decoding: bytes, as: UTF8.self))
    }

    /// An object with the members in their order. Where there are none, the wire's own `object` is meant.
    @_disfavoredOverload public static func object(_ members: [(String, JSONValue)]) -> JSONValue {
        let named: [JSONMember] = members.map { JSONMember(name: Array($0.0.utf8), value: $0.1) }
        return .object(named)
    }

    /// The string's text, or nil.
    public var text: String? { string.map { String(decoding: $0, as: UTF8.self) } }

    /// The text of a member; nil where there is none or it is something else.
    public func text(_ name: Literal) -> String? { self[name]?.text }

    /// The members of an object, or nil.
    public var members: [JSONMember]? {
        if case .object(let members) = self { return members }
        return nil
    }

    /// The value as JSON, on one line.
    public var encoded: [UInt8] {
        var writer = JSONWriter()
        writer.value(self)
        return writer.bytes
    }
}
