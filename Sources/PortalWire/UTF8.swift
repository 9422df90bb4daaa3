/// Checks bytes against RFC 3629 (no overlong forms, no surrogates, nothing above U+10FFFF).
public func isValidUTF8(_ bytes: [UInt8]) -> Bool {
    var index = 0
    let count = bytes.count
    while index < count {
        let lead = bytes[index]
        if lead < 0x80 {
            index += 1
            continue
        }
        var low: UInt8 = 0x80
        var high: UInt8 = 0xBF
        let following: Int
        switch lead {
        case 0xC2...0xDF: following = 1
        case 0xE0...0xEF:
            following = 2
            if lead == 0xE0 { low = 0xA0 }
            if lead == 0xED { high = 0x9F }
        case 0xF0...0xF4:
            following = 3
            if lead == 0xF0 { low = 0x90 }
            if lead == 0xF4 { high = 0x8F }
        default: return false
        }
        guard index + following < count else { return false }
        for offset in 1...following {
            let byte = bytes[index + offset]
            guard byte >= low && byte <= high else { return false }
            low = 0x80
            high = 0xBF
        }
        index += following + 1
    }
    return true
}
