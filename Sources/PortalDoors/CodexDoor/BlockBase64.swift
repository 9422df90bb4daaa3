/// Base64 (RFC 4648, section 4) of whole files: a patch of 20 MB is 27 MB of it, three times.
enum BlockBase64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let values: [UInt8] = {
        var values = [UInt8](repeating: 0xFF, count: 256)
        for (value, digit) in alphabet.enumerated() { values[Int(digit)] = UInt8(value) }
        return values
    }()

    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: (bytes.count + 2) / 3 * 4) { text, count in
            bytes.withUnsafeBufferPointer { bytes in
                alphabet.withUnsafeBufferPointer { alphabet in
                    var index = 0
                    var position = 0
                    while index &+ 2 < bytes.count {
                        let group = UInt32(bytes[index]) << 16 | UInt32(bytes[index &+ 1]) << 8 | UInt32(bytes[index &+ 2])
                        text[position] = alphabet[Int(group >> 18)]
                        text[position &+ 1] = alphabet[Int(group >> 12 & 63)]
                        text[position &+ 2] = alphabet[Int(group >> 6 & 63)]
                        text[position &+ 3] = alphabet[Int(group & 63)]
                        index &+= 3
                        position &+= 4
                    }
                    if index < bytes.count {
                        let hasTwo = index &+ 1 < bytes.count
                        let group = UInt32(bytes[index]) << 16 | (hasTwo ? UInt32(bytes[index &+ 1]) << 8 : 0)
                        text[position] = alphabet[Int(group >> 18)]
                        text[position &+ 1] = alphabet[Int(group >> 12 & 63)]
                        text[position &+ 2] = hasTwo ? alphabet[Int(group >> 6 & 63)] : 0x3D
                        text[position &+ 3] = 0x3D
                        position &+= 4
                    }
                    count = position
                }
            }
        }
    }

    /// Nil for what is no base64 with padding.
    static func decode(_ text: [UInt8]) -> [UInt8]? {
        guard text.count % 4 == 0 else { return nil }
        if text.isEmpty { return [] }
        let padding = text[text.count - 1] != 0x3D ? 0 : text[text.count - 2] == 0x3D ? 2 : 1
        var isGood = true
        let bytes = [UInt8](unsafeUninitializedCapacity: text.count / 4 * 3) { bytes, count in
            text.withUnsafeBufferPointer { text in
                values.withUnsafeBufferPointer { values in
                    let end = text.count &- padding
                    var position = 0
                    var index = 0
                    while index < text.count {
                        var group: UInt32 = 0
                        var all: UInt8 = 0
                        for offset in 0..<4 {
                            let value = index &+ offset < end ? values[Int(text[index &+ offset])] : 0
                            all |= value
                            group = group << 6 | UInt32(value & 63)
                        }
                        if all == 0xFF { isGood = false }
                        bytes[position] = UInt8(truncatingIfNeeded: group >> 16)
                        bytes[position &+ 1] = UInt8(truncatingIfNeeded: group >> 8)
                        bytes[position &+ 2] = UInt8(truncatingIfNeeded: group)
                        position &+= 3
                        index &+= 4
                    }
                    count = position &- padding
                }
            }
        }
        return isGood ? bytes : nil
    }
}
