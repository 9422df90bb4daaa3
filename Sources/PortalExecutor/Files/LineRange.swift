import CExecutorPlatform
import PortalWire

/// Picks a range of lines out of a file that goes by in pieces, and counts all of them.
struct LineRange {
    private let first: UInt64
    private let wanted: UInt64
    private var toSkip: UInt64
    private var toTake: UInt64
    private var toCount = UInt64.max
    private var last: UInt8 = 0x0A
    private var lastTaken: UInt8 = 0x0A

    init(first: UInt64?, count: UInt64?) {
        self.first = first ?? 1
        wanted = count ?? UInt64.max
        toSkip = self.first - 1
        toTake = wanted
    }

    /// Whether lines of the range go by, or the end of the file is all that is still looked for.
    var isTaking: Bool { toSkip == 0 && toTake > 0 }

    /// What of the next bytes is in the range.
    mutating func take(_ bytes: [UInt8]) -> [UInt8] {
        guard let end = bytes.last else { return bytes }
        last = end
        var (start, stop) = (0, 0)
        bytes.withUnsafeBufferPointer {
            start = platform_pass_lines($0.baseAddress, $0.count, &toSkip)
            stop = start
            if toSkip == 0 { stop += platform_pass_lines($0.baseAddress! + start, $0.count - start, &toTake) }
            if toTake == 0 { _ = platform_pass_lines($0.baseAddress! + stop, $0.count - stop, &toCount) }
        }
        if stop > start { lastTaken = bytes[stop - 1] }
        return bytes.part(start, stop)
    }

    /// What the result says, at the end of the file. A last line may have no line feed.
    var result: FileReadResult.Lines {
        let taken = wanted - toTake
        return FileReadResult.Lines(
            first: first, count: taken + (lastTaken == 0x0A ? 0 : 1),
            total: (first - 1 - toSkip) + taken + (UInt64.max - toCount) + (last == 0x0A ? 0 : 1))
    }
}
