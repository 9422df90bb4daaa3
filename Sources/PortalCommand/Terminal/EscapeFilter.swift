/// What is typed into a session, with the escapes at the start of a line taken out: ssh's, where they are the same.
struct EscapeFilter {
    /// What to do with a stretch of the input, in its order.
    enum Event: Equatable {
        /// These bytes are for the other side.
        case send([UInt8])
        /// `~.`: leave; what runs there is ended, or goes on where it is only attached to.
        case leave
        /// `~^Z`: stop this program, with the terminal as it was.
        case suspend
        /// `~?`: say which escapes there are.
        case help
    }

    private static let escape = UInt8(ascii: "~")
    private var isAtLineStart = true
    private var isEscaping = false

    /// Takes the next bytes that were typed.
    mutating func take(_ bytes: [UInt8]) -> [Event] {
        var events: [Event] = []
        var pending: [UInt8] = []
        func flush() {
            if !pending.isEmpty { events.append(.send(pending)) }
            pending = []
        }
        for byte in bytes {
            if isEscaping {
                isEscaping = false
                switch byte {
                case UInt8(ascii: "."):
                    flush()
                    events.append(.leave)
                    isAtLineStart = true
                    continue
                case 0x1A:
                    flush()
                    events.append(.suspend)
                    isAtLineStart = true
                    continue
                case UInt8(ascii: "?"):
                    flush()
                    events.append(.help)
                    isAtLineStart = true
                    continue
                case EscapeFilter.escape: break  // `~~` is one of them.
                default: pending.append(EscapeFilter.escape)
                }
            } else if byte == EscapeFilter.escape, isAtLineStart {
                isEscaping = true
                isAtLineStart = false
                continue
            }
            pending.append(byte)
            isAtLineStart = byte == 0x0D || byte == 0x0A
        }
        flush()
        return events
    }

    /// The end of the input: an escape that was begun was none.
    mutating func end() -> [Event] {
        defer { isEscaping = false }
        return isEscaping ? [.send([EscapeFilter.escape])] : []
    }
}
