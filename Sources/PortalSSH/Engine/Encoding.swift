/// RFC 4648 base64 of the bytes; `padded: false` leaves out the trailing `=` as ssh's fingerprints do.
func base64(_ bytes: some Collection<UInt8>, padded: Bool = true) -> String {
    let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    var text: [UInt8] = []
    var bits = 0
    var count = 0
    for byte in bytes {
        bits = bits << 8 | Int(byte)
        count += 8
        while count >= 6 {
            count -= 6
            text.append(alphabet[bits >> count & 63])
        }
        bits &= (1 << count) - 1
    }
    if count > 0 { text.append(alphabet[bits << (6 - count) & 63]) }
    if padded { while text.count % 4 != 0 { text.append(UInt8(ascii: "=")) } }
    return String(decoding: text, as: UTF8.self)
}

/// The bytes of base64 text, nil when it is not base64. White space is skipped.
func decodeBase64(_ text: some Sequence<UInt8>) -> [UInt8]? {
    var bytes: [UInt8] = []
    var bits = 0
    var count = 0
    for character in text {
        let value: Int
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = Int(character) - 65
        case UInt8(ascii: "a")...UInt8(ascii: "z"): value = Int(character) - 97 + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): value = Int(character) - 48 + 52
        case UInt8(ascii: "+"): value = 62
        case UInt8(ascii: "/"): value = 63
        case UInt8(ascii: "="), 0x0A, 0x0D, 0x20, 0x09: continue
        default: return nil
        }
        bits = (bits << 6 | value) & 0xFFFF
        count += 6
        if count >= 8 {
            count -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> count))
        }
    }
    return bytes
}

/// Reads the length-prefixed strings that keys, agents and signatures are made of (RFC 4251).
struct SSHReader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    mutating func byte() -> UInt8? { rest.popFirst() }

    mutating func number() -> Int? {
        guard rest.count >= 4 else { return nil }
        let value = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
        rest = rest.dropFirst(4)
        return value
    }

    mutating func string() -> [UInt8]? {
        guard let count = number(), count <= rest.count else { return nil }
        defer { rest = rest.dropFirst(count) }
        return Array(rest.prefix(count))
    }

    mutating func skip(_ count: Int) -> Void? {
        guard count <= rest.count else { return nil }
        rest = rest.dropFirst(count)
        return ()
    }
}

/// Appends in the form that `SSHReader` reads.
struct SSHWriter {
    private(set) var bytes: [UInt8] = []

    mutating func number(_ value: Int) {
        for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
    }

    mutating func string(_ value: [UInt8]) {
        number(value.count)
        bytes += value
    }
}

/// The name of a public key's type: the first string of its blob.
func keyType(ofBlob blob: [UInt8]) -> String {
    var reader = SSHReader(blob)
    return reader.string().map { String(decoding: $0, as: UTF8.self) } ?? ""
}
