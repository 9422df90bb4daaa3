/// Writes one JSON text into a byte buffer. It keeps the commas; the caller keeps the brackets paired.
public struct JSONWriter {
    /// What was written so far.
    public private(set) var bytes: [UInt8]
    private var needsComma = false

    /// A writer that appends to bytes it is given.
    public init(appendingTo bytes: [UInt8] = []) { self.bytes = bytes }

    private mutating func separate() {
        if needsComma { bytes.append(0x2C) }
        needsComma = true
    }

    /// `{`
    public mutating func beginObject() {
        separate()
        bytes.append(0x7B)
        needsComma = false
    }

    /// `}`
    public mutating func endObject() {
        bytes.append(0x7D)
        needsComma = true
    }

    /// `[`
    public mutating func beginArray() {
        separate()
        bytes.append(0x5B)
        needsComma = false
    }

    /// `]`
    public mutating func endArray() {
        bytes.append(0x5D)
        needsComma = true
    }

    /// The name of a member; its value is written next. Names are ASCII without anything that needs an escape.
    public mutating func name(_ name: StaticString) {
        separate()
        bytes.append(0x22)
        bytes.append(name)
        bytes.append(0x22)
        bytes.append(0x3A)
        needsComma = false
    }

    /// The name of a member, as bytes.
    public mutating func name(_ name: [UInt8]) {
        string(name)
        bytes.append(0x3A)
        needsComma = false
    }

    /// `null`
    public mutating func null() {
        separate()
        bytes.append("null")
    }

    /// `true` or `false`
    public mutating func bool(_ value: Bool) {
        separate()
        if value { bytes.append("true") } else { bytes.append("false") }
    }

    /// A number.
    public mutating func integer(_ value: Int64) {
        separate()
        bytes.append(decimal: value)
    }

    /// A number, which must be at most `Int64.max`: greater ones are written as that.
    public mutating func integer(_ value: UInt64) {
        separate()
        bytes.append(decimal: Swift.min(value, UInt64(Int64.max)))
    }

    /// A string literal that needs no escape.
    public mutating func string(_ value: StaticString) {
        separate()
        bytes.append(0x22)
        bytes.append(value)
        bytes.append(0x22)
    }

    /// A string; the bytes must be UTF-8 (`text(_:)` takes any).
    public mutating func string(_ value: [UInt8]) {
        separate()
        bytes.append(0x22)
        for byte in value {
            switch byte {
            case 0x22, 0x5C:
                bytes.append(0x5C)
                bytes.append(byte)
            case 0x0A: bytes.append("\\n")
            case 0x0D: bytes.append("\\r")
            case 0x09: bytes.append("\\t")
            case 0..<0x20, 0x7F:
                bytes.append("\\u00")
                bytes.append(0x30 + (byte >> 4))
                let low = byte & 15
                bytes.append(low < 10 ? 0x30 + low : 0x57 + low)
            default: bytes.append(byte)
            }
        }
        bytes.append(0x22)
    }

    /// A byte string: a JSON string, or `{"b64":"…"}` where the bytes are not UTF-8.
    public mutating func byteString(_ value: [UInt8]) {
        if isValidUTF8(value) {
            string(value)
        } else {
            beginObject()
            name("b64")
            string(Base64.encode(value))
            endObject()
        }
    }

    /// Text for a person: what is not UTF-8 in it is replaced by `?`.
    public mutating func text(_ value: [UInt8]) {
        if isValidUTF8(value) {
            string(value)
        } else {
            string(value.map { $0 < 0x80 ? $0 : 0x3F })
        }
    }

    /// A parsed value, written again.
    public mutating func value(_ value: JSONValue) {
        switch value {
        case .null: null()
        case .bool(let bool): self.bool(bool)
        case .integer(let integer): self.integer(integer)
        case .number(let text):
            separate()
            bytes.append(contentsOf: text)
        case .string(let text): string(text)
        case .array(let elements):
            beginArray()
            for element in elements { self.value(element) }
            endArray()
        case .object(let members):
            beginObject()
            self.members(of: members)
            endObject()
        }
    }

    /// The members of an object, without its braces.
    public mutating func members(of members: [JSONMember]) {
        for member in members {
            name(member.name)
            value(member.value)
        }
    }
}
