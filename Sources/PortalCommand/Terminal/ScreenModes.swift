/// What programs on the other side have switched on in this terminal: a full-screen program that is left, or killed, does not switch it off
/// itself. Follows DEC's private modes in the output, and knows which of them a shell cannot live with.
struct ScreenModes {
    /// The modes that matter, with what they are where no program changed them.
    private static let defaults: [(mode: Int, isOn: Bool)] = [
        (1, false),  // Cursor keys send something else.
        (25, true),  // The cursor is visible.
        (9, false), (1000, false), (1001, false), (1002, false), (1003, false), (1005, false), (1006, false), (1015, false),  // Mouse.
        (1004, false),  // Focus is reported.
        (2004, false),  // Pasted text is marked.
        (47, false), (1047, false), (1049, false),  // The other screen; last, so that the rest is set on it.
    ]

    private enum State { case text, escape, bracket, parameters }
    private var state = State.text
    private var numbers: [Int] = [0]
    private var changed: [Int] = []
    private var hasKeypad = false
    private var lastByte: UInt8 = 0x0A

    /// Whether the output ended within a line.
    var isMidLine: Bool { lastByte != 0x0A }

    /// Looks at the next output.
    mutating func take(_ bytes: [UInt8]) {
        if let last = bytes.last { lastByte = last }
        for byte in bytes {
            switch state {
            case .text: if byte == 0x1B { state = .escape }
            case .escape:
                if byte == UInt8(ascii: "=") { hasKeypad = true }
                if byte == UInt8(ascii: ">") { hasKeypad = false }
                if byte == UInt8(ascii: "c") { (changed, hasKeypad) = ([], false) }  // Everything is reset.
                state = byte == UInt8(ascii: "[") ? .bracket : byte == 0x1B ? .escape : .text
            case .bracket:
                numbers = [0]
                state = byte == UInt8(ascii: "?") ? .parameters : byte == 0x1B ? .escape : .text
            case .parameters:
                switch byte {
                case UInt8(ascii: "0")...UInt8(ascii: "9"):
                    numbers[numbers.count - 1] = min(numbers[numbers.count - 1] * 10 + Int(byte - 0x30), 100_000)
                case UInt8(ascii: ";"): if numbers.count < 16 { numbers.append(0) }
                case UInt8(ascii: "h"), UInt8(ascii: "l"):
                    for number in numbers { set(number, isOn: byte == UInt8(ascii: "h")) }
                    state = .text
                default: state = byte == 0x1B ? .escape : .text
                }
            }
        }
    }

    private mutating func set(_ mode: Int, isOn: Bool) {
        guard let known = ScreenModes.defaults.first(where: { $0.mode == mode }) else { return }
        changed.removeAll { $0 == mode }
        if isOn != known.isOn { changed.append(mode) }
    }

    /// What makes the terminal as it was before; empty where nothing is left to undo.
    var undoing: [UInt8] {
        var text = ""
        for (mode, isOn) in ScreenModes.defaults where changed.contains(mode) { text += "\u{1B}[?\(mode)\(isOn ? "h" : "l")" }
        if hasKeypad { text += "\u{1B}>" }
        return text.isEmpty ? [] : Array((text + "\u{1B}[0m").utf8)
    }
}
