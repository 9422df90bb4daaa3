/// A set of Unicode scalars, as pairs of a first and a last one.
struct CodeSet: Sendable {
    static let last: UInt32 = 0x10FFFF

    /// In order and apart from each other, once normalized.
    private(set) var bounds: [UInt32] = []

    init() {}

    init(_ first: UInt32, _ last: UInt32) { bounds = [first, last] }

    /// The set of ASCII's members of a text of ranges: "azAZ" is the letters.
    init(_ pairs: StaticString) {
        let text = [UInt8](pairs)
        for index in text.indices where index & 1 == 0 { insert(UInt32(text[index]), UInt32(text[index + 1])) }
        normalize()
    }

    var isEmpty: Bool { bounds.isEmpty }

    @inline(never)
    mutating func insert(_ first: UInt32, _ last: UInt32) {
        bounds.append(first)
        bounds.append(last)
    }

    mutating func insert(_ other: CodeSet) { bounds.append(contentsOf: other.bounds) }

    /// Puts the ranges in order and joins those that touch.
    @inline(never)
    mutating func normalize() {
        var index = 2
        // Sets are written by hand: few ranges, most of them in order.
        while index < bounds.count {
            var at = index
            while at > 0, bounds[at] < bounds[at - 2] {
                bounds.swapAt(at, at - 2)
                bounds.swapAt(at + 1, at - 1)
                at -= 2
            }
            index += 2
        }
        var joined: [UInt32] = []
        index = 0
        while index < bounds.count {
            if let end = joined.last, bounds[index] <= end + 1 {
                joined[joined.count - 1] = Swift.max(end, bounds[index + 1])
            } else {
                joined.append(bounds[index])
                joined.append(bounds[index + 1])
            }
            index += 2
        }
        bounds = joined
    }

    /// All that is not in it; it must be normalized, and is.
    @inline(never)
    mutating func invert() {
        var other: [UInt32] = []
        var next: UInt32 = 0
        var index = 0
        while index < bounds.count {
            if bounds[index] > next {
                other.append(next)
                other.append(bounds[index] - 1)
            }
            next = bounds[index + 1] + 1
            index += 2
        }
        if next <= CodeSet.last {
            other.append(next)
            other.append(CodeSet.last)
        }
        bounds = other
    }

    mutating func intersect(_ other: CodeSet) {
        var rest = other
        rest.invert()
        remove(rest)
    }

    mutating func remove(_ other: CodeSet) {
        invert()
        insert(other)
        normalize()
        invert()
    }

    /// Letters whose other case is so far away: ASCII, Latin-1, Greek, Cyrillic. The first two of each row are upper case.
    private static let cases: [UInt32] = [
        0x41, 0x5A, 32, 0xC0, 0xD6, 32, 0xD8, 0xDE, 32, 0x391, 0x3A1, 32, 0x3A3, 0x3AB, 32, 0x400, 0x40F, 80, 0x410, 0x42F, 32,
    ]

    /// Adds the other case of every letter in it.
    mutating func foldCase() {
        let plain = bounds
        var index = 0
        while index < plain.count {
            var row = 0
            while row < CodeSet.cases.count {
                let first = CodeSet.cases[row]
                let last = CodeSet.cases[row + 1]
                let distance = CodeSet.cases[row + 2]
                let low = Swift.max(plain[index], first)
                let high = Swift.min(plain[index + 1], last)
                if low <= high { insert(low + distance, high + distance) }
                let lowerLow = Swift.max(plain[index], first + distance)
                let lowerHigh = Swift.min(plain[index + 1], last + distance)
                if lowerLow <= lowerHigh { insert(lowerLow - distance, lowerHigh - distance) }
                row += 3
            }
            index += 2
        }
        normalize()
    }
}
