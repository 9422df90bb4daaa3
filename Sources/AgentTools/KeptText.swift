/// What a command printed, as far as a model is shown it: the beginning and the end, however much is between them.
struct KeptText: Sendable {
    /// A model is shown at most so many characters.
    static let shownCharacters = 30_000
    /// Bytes of the beginning, and of the end, that are enough for half of those characters each.
    private static let half = 64 * 1024

    private var head: [UInt8] = []
    private var tail: [UInt8] = []
    /// Bytes that were added in all.
    private(set) var count: UInt64 = 0

    mutating func add(_ bytes: [UInt8]) {
        count += UInt64(bytes.count)
        let room = min(bytes.count, KeptText.half - head.count)
        head += bytes[..<room]
        tail += bytes[room...]
        // Cut seldom, so that each byte is moved once.
        if tail.count > 2 * KeptText.half { tail.removeFirst(tail.count - KeptText.half) }
    }

    /// So many bytes are not kept by the host any more.
    mutating func skip(_ bytes: UInt64) { count += bytes }

    /// What is shown.
    struct Shown: Sendable {
        var text: String
        /// What is missing in the middle: bytes, counted from the first one that was added.
        var cut: Range<UInt64>?
    }

    /// The text, with a line in place of what is too much.
    /// - Parameter note: What is said of the bytes that are left out.
    func shown(_ note: (_ cut: Range<UInt64>) -> String) -> Shown {
        let kept = UInt64(head.count + tail.count)
        if kept == count {
            let whole = head + tail
            let characters = whole.reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
            if characters <= KeptText.shownCharacters { return Shown(text: KeptText.trimmed(whole), cut: nil) }
        }
        let most = KeptText.shownCharacters / 2
        let whole = kept == count
        let beginning = KeptText.prefix(whole ? head + tail : head, characters: most)
        let ending = KeptText.suffix(whole ? head + tail : tail, characters: most)
        let cut = UInt64(beginning.count)..<(count - UInt64(ending.count))
        let text = KeptText.trimmed(Array(beginning)) + "\n\n" + note(cut) + "\n\n" + KeptText.trimmed(Array(ending))
        return Shown(text: text, cut: cut)
    }

    private static func prefix(_ bytes: [UInt8], characters: Int) -> ArraySlice<UInt8> {
        var left = characters
        for index in bytes.indices where bytes[index] & 0xC0 != 0x80 {
            if left == 0 { return bytes[..<index] }
            left -= 1
        }
        return bytes[...]
    }

    private static func suffix(_ bytes: [UInt8], characters: Int) -> ArraySlice<UInt8> {
        var left = characters
        for index in bytes.indices.reversed() where bytes[index] & 0xC0 != 0x80 {
            left -= 1
            if left == 0 { return bytes[index...] }
        }
        return bytes[...]
    }

    /// Without empty lines before it and white space behind it.
    static func trimmed(_ bytes: [UInt8]) -> String {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || 0x09...0x0D ~= byte }
        var end = bytes.count
        while end > 0, isSpace(bytes[end - 1]) { end -= 1 }
        var start = 0
        var index = 0
        while index < end, isSpace(bytes[index]) {
            index += 1
            if bytes[index - 1] == 0x0A { start = index }
        }
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }
}

/// Text that comes in pieces which may be cut within a character.
struct TextPieces: Sendable {
    private var rest: [UInt8] = []

    /// The text that is whole now.
    mutating func take(_ bytes: [UInt8]) -> String {
        let all = rest + bytes
        var end = all.count
        // A character that begins in the last three bytes may not be all there.
        for back in 1...3 where back <= all.count {
            let byte = all[all.count - back]
            if byte & 0xC0 == 0x80 { continue }
            let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
            if length > back { end = all.count - back }
            break
        }
        rest = Array(all[end...])
        return String(decoding: all[..<end], as: UTF8.self)
    }
}
