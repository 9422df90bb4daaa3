/// Writes one JSON text into a byte buffer. It keeps the commas; the caller keeps the brackets paired.
public struct JSONWriter {
    /// What was written so far.
    public private(set) var bytes: [UInt8]
    private var needsComma = false

    /// A writer that appends to bytes it is given.
    public init(appendingTo bytes: [UInt8] = []) { self.bytes = bytes }

    @inline(never)
    private mutating func separate() {
        if needsComma { bytes.add(0x2C) }
        needsComma = true
    }

    /// `{`
    @inline(never)
    public mutating func beginObject() {
        separate()
        bytes.add(0x7B)
        needsComma = false
    }

    /// `}`
    @inline(never)
    public mutating func endObject() {
        bytes.add(0x7D)
        needsComma = true
    }

    /// `}` of an object that is a line of content, with the line's end.
    @inline(never)
    public mutating func endLine() {
        bytes.add(0x7D)
        bytes.add(0x0A)
        needsComma = false
    }

    /// `[`
    @inline(never)
    public mutating func beginArray() {
        separate()
        bytes.add(0x5B)
        needsComma = false
    }

    /// `]`
    @inline(never)
    public mutating func endArray() {
        bytes.add(0x5D)
        needsComma = true
    }

    /// The name of a member; its value is written next. Names are ASCII without anything that needs an escape.
    @inline(never)
    public mutating func name(_ name: Literal) {
        separate()
        bytes.add(0x22)
        bytes.append(name)
        bytes.add(0x22)
        bytes.add(0x3A)
        needsComma = false
    }

    /// The name of a member, as bytes.
    public mutating func name(_ name: [UInt8]) {
        string(name)
        bytes.add(0x3A)
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
    @inline(never)
    public mutating func integer(_ value: Int64) {
        separate()
        bytes.append(decimal: value)
    }

    /// A number, which must be at most `Int64.max`: greater ones are written as that.
    @inline(never)
    public mutating func integer(_ value: UInt64) {
        separate()
        bytes.append(decimal: Swift.min(value, UInt64(Int64.max)))
    }

    /// A string literal that needs no escape.
    public mutating func string(_ value: Literal) {
        separate()
        bytes.add(0x22)
        bytes.append(value)
        bytes.add(0x22)
    }

    /// A string; the bytes must be UTF-8 (`text(_:)` takes any).
    @inline(never)
    public mutating func string(_ value: [UInt8]) {
        separate()
        bytes.add(0x22)
        value.withUnsafeBufferPointer { text in
            // What needs no escape, which is nearly all, is copied in whole runs.
            var start = 0
            for index in 0..<text.count {
                let byte = text[index]
                if byte >= 0x20, byte != 0x22, byte != 0x5C, byte != 0x7F { continue }
                append(text, from: start, to: index)
                start = index + 1
                escape(byte)
            }
            append(text, from: start, to: text.count)
        }
        bytes.add(0x22)
    }

    @inline(never)
    private mutating func append(_ text: UnsafeBufferPointer<UInt8>, from start: Int, to end: Int) {
        if start < end { bytes.append(contentsOf: UnsafeBufferPointer(rebasing: text[start..<end])) }
    }

    private mutating func escape(_ byte: UInt8) {
        switch byte {
        case 0x22, 0x5C:
            bytes.add(0x5C)
            bytes.add(byte)
        case 0x0A: bytes.append("\\n")
        case 0x0D: bytes.append("\\r")
        case 0x09: bytes.append("\\t")
        default:
            bytes.append("\\u00")
            bytes.add(0x30 + (byte >> 4))
            let low = byte & 15
            bytes.add(low < 10 ? 0x30 + low : 0x57 + low)
        }
    }

    /// A byte string: a JSON string, or `{"b64":"…"}` where the bytes are not UTF-8.
    @inline(never)
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
            bytes.add(text)
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

// A member in one call, so that each use is one call in an image too.
extension JSONWriter {
    /// A member that is an object, which is begun.
    @inline(never)
    public mutating func beginObject(_ name: Literal) {
        self.name(name)
        beginObject()
    }

    /// A string literal that needs no escape.
    @inline(never)
    public mutating func member(_ name: Literal, string: Literal) {
        self.name(name)
        self.string(string)
    }

    /// A string, which must be UTF-8.
    @inline(never)
    public mutating func member(_ name: Literal, string: [UInt8]) {
        self.name(name)
        self.string(string)
    }

    /// Text for a person.
    @inline(never)
    public mutating func member(_ name: Literal, text: [UInt8]) {
        self.name(name)
        self.text(text)
    }

    /// A byte string; nothing where there is none.
    @inline(never)
    public mutating func member(_ name: Literal, bytes: [UInt8]?) {
        guard let bytes else { return }
        self.name(name)
        byteString(bytes)
    }

    /// A number, which must be at most `Int64.max`.
    @inline(never)
    public mutating func member(_ name: Literal, number: UInt64) {
        self.name(name)
        integer(number)
    }

    /// A number, which must be at most `Int64.max`; nothing where there is none.
    @inline(never)
    public mutating func member(_ name: Literal, number: UInt64?) {
        if let number { member(name, number: number) }
    }

    /// A number with a sign.
    @inline(never)
    public mutating func member(_ name: Literal, signed number: Int64) {
        self.name(name)
        integer(number)
    }

    /// A flag; nothing where it is not set.
    @inline(never)
    public mutating func member(_ name: Literal, flag: Bool) {
        guard flag else { return }
        self.name(name)
        bool(true)
    }
}
