/// A JSON value as the wire has it. Strings are bytes that were checked to be UTF-8; numbers that are not integers of 64 bits are kept as
/// their text, since nothing in the protocol uses them.
public indirect enum JSONValue: Sendable {
    /// `null`
    case null
    /// `true` or `false`
    case bool(Bool)
    /// An integer of 64 bits.
    case integer(Int64)
    /// Any other number, as its text.
    case number([UInt8])
    /// A string, unescaped.
    case string([UInt8])
    /// An array.
    case array([JSONValue])
    /// An object; members stay in the order in which they came, and the first of two equal names counts.
    case object([JSONMember])

    /// The member of an object; nil where there is none, it is null, or this is no object.
    public subscript(name: Literal) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        for member in members where member.name.equals(name) {
            if case .null = member.value { return nil }
            return member.value
        }
        return nil
    }

    /// The boolean, or nil.
    public var bool: Bool? {
        if case .bool(let value) = self { return value }
        return nil
    }

    /// The integer, or nil.
    public var integer: Int64? {
        if case .integer(let value) = self { return value }
        return nil
    }

    /// The integer where it is not negative, or nil.
    public var unsigned: UInt64? {
        if case .integer(let value) = self, value >= 0 { return UInt64(value) }
        return nil
    }

    /// The string's bytes, or nil.
    public var string: [UInt8]? {
        if case .string(let value) = self { return value }
        return nil
    }

    /// The elements, or nil.
    public var array: [JSONValue]? {
        if case .array(let value) = self { return value }
        return nil
    }

    /// A byte string: a JSON string, or `{"b64":"…"}` where the bytes are not UTF-8.
    public var bytes: [UInt8]? {
        if let text = string { return text }
        guard let encoded = string("b64") else { return nil }
        return Base64.decode(encoded)
    }
}

// Members of a kind, each one call: with `value["name"]?.kind` every reader of a message has its own copy of the checks between the two.
extension JSONValue {
    /// The boolean of a member; nil where there is none or it is something else.
    @inline(never)
    public func bool(_ name: Literal) -> Bool? { self[name]?.bool }

    /// The integer of a member; nil where there is none or it is something else.
    @inline(never)
    public func integer(_ name: Literal) -> Int64? { self[name]?.integer }

    /// The integer of a member where it is not negative; nil where there is none or it is something else.
    @inline(never)
    public func unsigned(_ name: Literal) -> UInt64? { self[name]?.unsigned }

    /// The string of a member; nil where there is none or it is something else.
    @inline(never)
    public func string(_ name: Literal) -> [UInt8]? { self[name]?.string }

    /// The byte string of a member; nil where there is none or it is something else.
    @inline(never)
    public func bytes(_ name: Literal) -> [UInt8]? { self[name]?.bytes }

    /// The elements of a member; nil where there is none or it is something else.
    @inline(never)
    public func array(_ name: Literal) -> [JSONValue]? { self[name]?.array }
}

/// One member of a JSON object.
public struct JSONMember: Sendable {
    /// The name, unescaped UTF-8.
    public var name: [UInt8]
    /// The value.
    public var value: JSONValue

    /// Makes a member.
    public init(name: [UInt8], value: JSONValue) {
        self.name = name
        self.value = value
    }
}
