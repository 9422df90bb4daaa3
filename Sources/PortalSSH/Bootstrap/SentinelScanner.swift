/// Finds the beginning of what is meant for us in whatever a login prints.
///
/// Two things are looked for, both with this connection's random token and bytes that no text has:
/// `01 02 "portal " TOKEN " " text 03 0A`, a line of the bootstrap script, and `00 01 02 "portal " TOKEN 03 0A`, the executor's opening,
/// behind which the frames begin.
struct SentinelScanner: Sendable {
    enum Event: Sendable, Equatable {
        /// The text of a line of the bootstrap script.
        case line([UInt8])
        /// The executor's opening, and the bytes behind it.
        case opened(rest: [UInt8])
    }

    /// The executor's opening bytes for a token.
    static func opening(token: String) -> [UInt8] { [0, 1, 2] + Array("portal \(token)".utf8) + [3, 10] }

    static let noiseLimit = 4096
    /// A longer line of the script is noise.
    static let lineLimit = 8192

    private let marker: [UInt8]
    /// Bytes not yet decided about.
    private var pending: [UInt8] = []
    private var isPrecededByZero = false
    /// What was printed that was not for us: its last 4 KiB.
    private(set) var noise: [UInt8] = []

    init(token: String) {
        marker = [1, 2] + Array("portal \(token)".utf8)
    }

    /// Takes bytes in and returns what they complete. Nothing may be fed after `.opened`.
    mutating func feed(_ bytes: some Sequence<UInt8>) -> [Event] {
        pending += bytes
        var events: [Event] = []
        while true {
            guard let start = pending.firstIndex(of: 1) else {
                drop(pending.count)
                return events
            }
            drop(start)
            let common = zip(pending, marker).prefix { $0 == $1 }.count
            if common < marker.count {
                // Cut in the middle of what may become the marker: wait.
                if common == pending.count { return events }
                drop(1)
                continue
            }
            guard pending.count > marker.count else { return events }
            switch pending[marker.count] {
            case 3 where isPrecededByZero:
                guard pending.count > marker.count + 1 else { return events }
                guard pending[marker.count + 1] == 10 else {
                    drop(1)
                    continue
                }
                let rest = Array(pending[(marker.count + 2)...])
                pending = []
                return events + [.opened(rest: rest)]
            case 0x20:
                guard let end = pending.firstIndex(of: 3) else {
                    if pending.count <= SentinelScanner.lineLimit { return events }
                    drop(1)
                    continue
                }
                events.append(.line(Array(pending[(marker.count + 1)..<end])))
                pending.removeFirst(end + 1)
                isPrecededByZero = false
            default: drop(1)
            }
        }
    }

    private mutating func drop(_ count: Int) {
        guard count > 0 else { return }
        isPrecededByZero = pending[count - 1] == 0
        noise += pending[..<count]
        if noise.count > SentinelScanner.noiseLimit { noise.removeFirst(noise.count - SentinelScanner.noiseLimit) }
        pending.removeFirst(count)
    }
}
