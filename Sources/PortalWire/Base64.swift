/// Base64 with padding (RFC 4648, section 4), for byte strings that are not UTF-8.
public enum Base64 {
    /// Encodes bytes; the result is ASCII.
    public static func encode(_ bytes: [UInt8]) -> [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity((bytes.count + 2) / 3 * 4)
        var index = 0
        while index < bytes.count {
            let first = UInt32(bytes[index])
            let second = index + 1 < bytes.count ? UInt32(bytes[index + 1]) : 0
            let third = index + 2 < bytes.count ? UInt32(bytes[index + 2]) : 0
            let group = first << 16 | second << 8 | third
            text.add(digit(group >> 18))
            text.add(digit(group >> 12))
            text.add(index + 1 < bytes.count ? digit(group >> 6) : 0x3D)
            text.add(index + 2 < bytes.count ? digit(group) : 0x3D)
            index += 3
        }
        return text
    }

    /// Decodes; nil where a character is not of the alphabet or the padding is wrong.
    public static func decode(_ text: [UInt8]) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 4 * 3)
        var index = 0
        while index < text.count {
            let isLast = index + 4 == text.count
            let padding = isLast ? (text[index + 3] == 0x3D ? (text[index + 2] == 0x3D ? 2 : 1) : 0) : 0
            var group: UInt32 = 0
            for offset in 0..<4 {
                group <<= 6
                if offset >= 4 - padding { continue }
                guard let value = value(text[index + offset]) else { return nil }
                group |= value
            }
            bytes.add(UInt8(truncatingIfNeeded: group >> 16))
            if padding < 2 { bytes.add(UInt8(truncatingIfNeeded: group >> 8)) }
            if padding < 1 { bytes.add(UInt8(truncatingIfNeeded: group)) }
            index += 4
        }
        return bytes
    }

    private static func digit(_ bits: UInt32) -> UInt8 {
        let value = UInt8(truncatingIfNeeded: bits & 63)
        switch value {
        case 0..<26: return 0x41 + value
        case 26..<52: return 0x61 + value - 26
        case 52..<62: return 0x30 + value - 52
        case 62: return 0x2B
        default: return 0x2F
        }
    }

    private static func value(_ digit: UInt8) -> UInt32? {
        switch digit {
        case 0x41...0x5A: return UInt32(digit - 0x41)
        case 0x61...0x7A: return UInt32(digit - 0x61 + 26)
        case 0x30...0x39: return UInt32(digit - 0x30 + 52)
        case 0x2B: return 62
        case 0x2F: return 63
        default: return nil
        }
    }
}
