/// What a JSON text may have.
public struct JSONBounds: Sendable {
    /// The deepest nesting of arrays and objects.
    public var depth = Limits.depth
    /// The most values, counted through all levels.
    public var values = Limits.values
    /// Whether an escaped half of a surrogate pair is taken for U+FFFD, and no error: programs in JavaScript write such.
    public var replacesLoneSurrogates = false

    /// Those of a header.
    public init() {}
}

/// Parses one JSON text (RFC 8259) from bytes, with bounded depth and a bounded number of values.
public struct JSONParser {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let bounds: JSONBounds
    private var position = 0
    private var remainingValues: Int

    private init(_ bytes: UnsafeBufferPointer<UInt8>, _ bounds: JSONBounds) {
        self.bytes = bytes
        self.bounds = bounds
        remainingValues = bounds.values
    }

    /// Parses bytes that hold one value and nothing else but white space.
    /// - Throws: `WireError.json`, `.depth`, `.values` or `.utf8`.
    public static func parse(_ bytes: UnsafeBufferPointer<UInt8>, _ bounds: JSONBounds = JSONBounds()) throws(WireError) -> JSONValue {
        var parser = JSONParser(bytes, bounds)
        let value = try parser.value(depth: 0)
        parser.skipWhitespace()
        guard parser.position == bytes.count else { throw parser.failure }
        return value
    }

    /// Parses an array of bytes; see the other form.
    public static func parse(_ bytes: [UInt8], _ bounds: JSONBounds = JSONBounds()) throws(WireError) -> JSONValue {
        let result: Result<JSONValue, WireError> = bytes.withUnsafeBufferPointer { buffer in
            do throws(WireError) { return .success(try parse(buffer, bounds)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    private var failure: WireError { .json(offset: position) }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipWhitespace() {
        while let byte = current, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func expect(_ literal: Literal) throws(WireError) {
        for byte in literal.bytes {
            guard current == byte else { throw failure }
            position += 1
        }
    }

    private mutating func value(depth: Int) throws(WireError) -> JSONValue {
        guard remainingValues > 0 else { throw .values }
        remainingValues -= 1
        skipWhitespace()
        guard let byte = current else { throw failure }
        switch byte {
        case 0x7B: return try object(depth: depth + 1)
        case 0x5B: return try array(depth: depth + 1)
        case 0x22: return .string(try string())
        case 0x74:
            try expect("true")
            return .bool(true)
        case 0x66:
            try expect("false")
            return .bool(false)
        case 0x6E:
            try expect("null")
            return .null
        default: return try number()
        }
    }

    private mutating func object(depth: Int) throws(WireError) -> JSONValue {
        guard depth <= bounds.depth else { throw .depth }
        position += 1
        var members: [JSONMember] = []
        skipWhitespace()
        if current == 0x7D {
            position += 1
            return .object(members)
        }
        while true {
            skipWhitespace()
            guard current == 0x22 else { throw failure }
            let name = try string()
            skipWhitespace()
            guard current == 0x3A else { throw failure }
            position += 1
            members.append(JSONMember(name: name, value: try value(depth: depth)))
            skipWhitespace()
            switch current {
            case 0x2C: position += 1
            case 0x7D:
                position += 1
                return .object(members)
            default: throw failure
            }
        }
    }

    private mutating func array(depth: Int) throws(WireError) -> JSONValue {
        guard depth <= bounds.depth else { throw .depth }
        position += 1
        var elements: [JSONValue] = []
        skipWhitespace()
        if current == 0x5D {
            position += 1
            return .array(elements)
        }
        while true {
            elements.append(try value(depth: depth))
            skipWhitespace()
            switch current {
            case 0x2C: position += 1
            case 0x5D:
                position += 1
                return .array(elements)
            default: throw failure
            }
        }
    }

    private mutating func number() throws(WireError) -> JSONValue {
        let start = position
        let negative = current == 0x2D
        if negative { position += 1 }
        guard let first = current, isDigit(first) else { throw failure }
        var magnitude: UInt64 = 0
        var isInteger = true
        if first == 0x30 {
            position += 1
            if let next = current, isDigit(next) { throw failure }
        }
        while let byte = current, isDigit(byte) {
            let (product, overflow) = magnitude.multipliedReportingOverflow(by: 10)
            let (sum, carry) = product.addingReportingOverflow(UInt64(byte - 0x30))
            if overflow || carry { isInteger = false }
            magnitude = sum
            position += 1
        }
        if current == 0x2E {
            isInteger = false
            position += 1
            try digits()
        }
        if current == 0x65 || current == 0x45 {
            isInteger = false
            position += 1
            if current == 0x2B || current == 0x2D { position += 1 }
            try digits()
        }
        if isInteger {
            if !negative, magnitude <= UInt64(Int64.max) { return .integer(Int64(magnitude)) }
            if negative, magnitude <= UInt64(Int64.max) { return .integer(-Int64(magnitude)) }
            if negative, magnitude == UInt64(Int64.max) + 1 { return .integer(Int64.min) }
        }
        return .number(Array(UnsafeBufferPointer(rebasing: bytes[start..<position])))
    }

    private mutating func digits() throws(WireError) {
        guard let byte = current, isDigit(byte) else { throw failure }
        while let byte = current, isDigit(byte) { position += 1 }
    }

    private func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    private mutating func string() throws(WireError) -> [UInt8] {
        position += 1
        let start = position
        // Most strings have no escape: they are taken in one copy.
        while let byte = current, byte != 0x22, byte != 0x5C, byte >= 0x20 { position += 1 }
        var text = Array(UnsafeBufferPointer(rebasing: bytes[start..<position]))
        while true {
            guard let byte = current, byte >= 0x20 else { throw failure }
            position += 1
            if byte == 0x22 { break }
            if byte == 0x5C { try escape(into: &text) } else { text.add(byte) }
        }
        guard isValidUTF8(text) else { throw .utf8 }
        return text
    }

    private mutating func escape(into text: inout [UInt8]) throws(WireError) {
        guard let byte = current else { throw failure }
        position += 1
        switch byte {
        case 0x22, 0x5C, 0x2F: text.add(byte)
        case 0x62: text.add(0x08)
        case 0x66: text.add(0x0C)
        case 0x6E: text.add(0x0A)
        case 0x72: text.add(0x0D)
        case 0x74: text.add(0x09)
        case 0x75:
            append(scalar: try escapedScalar(), to: &text)
        default: throw failure
        }
    }

    private mutating func escapedScalar() throws(WireError) -> UInt32 {
        let unit = try hexadecimalUnit()
        guard unit >= 0xD800 && unit < 0xE000 else { return unit }
        let behind = position
        if unit < 0xDC00 {
            do throws(WireError) {
                try expect("\\u")
                let low = try hexadecimalUnit()
                if low >= 0xDC00 && low < 0xE000 { return 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00) }
            } catch {
                if !bounds.replacesLoneSurrogates { throw error }
            }
        }
        guard bounds.replacesLoneSurrogates else { throw failure }
        position = behind
        return 0xFFFD
    }

    private mutating func hexadecimalUnit() throws(WireError) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current else { throw failure }
            switch byte {
            case 0x30...0x39: unit = unit << 4 | UInt32(byte - 0x30)
            case 0x41...0x46: unit = unit << 4 | UInt32(byte - 0x41 + 10)
            case 0x61...0x66: unit = unit << 4 | UInt32(byte - 0x61 + 10)
            default: throw failure
            }
            position += 1
        }
        return unit
    }

    private func append(scalar: UInt32, to text: inout [UInt8]) {
        switch scalar {
        case 0..<0x80: text.add(UInt8(scalar))
        case 0x80..<0x800:
            text.add(UInt8(0xC0 | scalar >> 6))
            text.add(UInt8(0x80 | scalar & 63))
        case 0x800..<0x10000:
            text.add(UInt8(0xE0 | scalar >> 12))
            text.add(UInt8(0x80 | scalar >> 6 & 63))
            text.add(UInt8(0x80 | scalar & 63))
        default:
            text.add(UInt8(0xF0 | scalar >> 18))
            text.add(UInt8(0x80 | scalar >> 12 & 63))
            text.add(UInt8(0x80 | scalar >> 6 & 63))
            text.add(UInt8(0x80 | scalar & 63))
        }
    }
}
