import TestSupport

/// A random pattern, as a text and as what it means: whether a line matches is found by going every way through it.
struct PatternOracle {
    /// What must be around a match.
    enum Demand { case none, word, line }

    private indirect enum Node {
        case empty
        /// Scalars, and whether all others are meant.
        case set(Set<Unicode.Scalar>, isNegated: Bool)
        case lineStart, lineEnd, border, noBorder
        case sequence([Node])
        case choice([Node])
        case loop(Node, least: Int, most: Int?)
    }

    private(set) var text: String
    private var node: Node
    private let ignoresCase: Bool
    private let demand: Demand

    private static let alphabet: [Unicode.Scalar] = ["a", "b", "B", "c", "_", " ", "1", "-", "ä", "Ä", "я"]

    init(_ random: inout SeededRandom, ignoresCase: Bool, demand: Demand) {
        self.ignoresCase = ignoresCase
        self.demand = demand
        (node, text) = (.empty, "")
        (node, text) = make(&random, depth: 3)
    }

    // MARK: Making

    private func make(_ random: inout SeededRandom, depth: Int) -> (Node, String) {
        switch random.below(depth > 0 ? 10 : 4) {
        case 0...2:
            let scalar = random.pick(PatternOracle.alphabet)
            return (set([scalar]), scalar == "-" ? "\\-" : String(scalar))
        case 3: return place(&random)
        case 4, 5:
            let parts = (0..<1 + random.below(4)).map { _ in make(&random, depth: depth - 1) }
            return (.sequence(parts.map(\.0)), parts.map { "(?:\($0.1))" }.joined())
        case 6:
            let parts = (0..<2 + random.below(2)).map { _ in make(&random, depth: depth - 1) }
            return (.choice(parts.map(\.0)), "(\(parts.map(\.1).joined(separator: "|")))")
        case 7:
            let part = make(&random, depth: depth - 1)
            let least = random.below(3)
            let most = random.below(2) == 0 ? nil : least + random.below(3)
            var mark = "{\(least),\(most.map(String.init) ?? "")}"
            switch (least, most) {
            case (0, nil): mark = "*"
            case (1, nil): mark = "+"
            case (0, 1): mark = "?"
            case (_, least): mark = "{\(least)}"
            default: break
            }
            return (.loop(part.0, least: least, most: most), "(\(part.1))\(mark)\(random.below(4) == 0 ? "?" : "")")
        default: return characters(&random)
        }
    }

    private func place(_ random: inout SeededRandom) -> (Node, String) {
        switch random.below(5) {
        case 0: return (.lineStart, "^")
        case 1: return (.lineEnd, "$")
        case 2: return (.border, "\\b")
        case 3: return (.noBorder, "\\B")
        default: return (.empty, "()")
        }
    }

    private func characters(_ random: inout SeededRandom) -> (Node, String) {
        let isNegated = random.below(3) == 0
        switch random.below(5) {
        case 0: return (.set([], isNegated: true), ".")
        case 1: return (.set(PatternOracle.scalars(0x30...0x39), isNegated: isNegated), isNegated ? "\\D" : "\\d")
        case 2:
            let word = PatternOracle.scalars(0...0x7F).filter(PatternOracle.isWord)
            // Unlike a class in brackets, its other side is a set by itself: of it the other cases are added.
            guard ignoresCase, isNegated else { return (.set(Set(word), isNegated: isNegated), isNegated ? "\\W" : "\\w") }
            return (.set(Set(word), isNegated: true), "\\W")
        default:
            let low = random.pick(PatternOracle.alphabet)
            let high = random.pick(PatternOracle.alphabet)
            let other = random.pick(PatternOracle.alphabet.filter { $0 != "-" })
            let range = min(low.value, high.value)...max(low.value, high.value)
            let text = "[\(isNegated ? "^" : "")\(escaped(range.lowerBound))-\(escaped(range.upperBound))\(other)]"
            return (set(PatternOracle.scalars(range).union([other]), isNegated: isNegated), text)
        }
    }

    private func escaped(_ scalar: UInt32) -> String { scalar == 0x2D ? "\\-" : String(Unicode.Scalar(scalar)!) }

    private static func scalars(_ range: ClosedRange<UInt32>) -> Set<Unicode.Scalar> { Set(range.compactMap(Unicode.Scalar.init)) }

    private func set(_ scalars: Set<Unicode.Scalar>, isNegated: Bool = false) -> Node {
        guard ignoresCase else { return .set(scalars, isNegated: isNegated) }
        return .set(scalars.union(scalars.compactMap(PatternOracle.otherCase)), isNegated: isNegated)
    }

    private static func otherCase(_ scalar: Unicode.Scalar) -> Unicode.Scalar? {
        let changed = scalar.properties.isUppercase ? scalar.properties.lowercaseMapping : scalar.properties.uppercaseMapping
        guard changed.unicodeScalars.count == 1, let other = changed.unicodeScalars.first, other != scalar else { return nil }
        // The engine knows ASCII, Latin-1, Greek and Cyrillic; of these ranges only Latin-1's two oddities lead out of them.
        return scalar.value == 0xB5 || scalar.value == 0xFF ? nil : other
    }

    private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || (0x30...0x39).contains(scalar.value) || (0x41...0x5A).contains(scalar.value)
            || (0x61...0x7A).contains(scalar.value)
    }

    /// A line that it may match.
    func line(_ random: inout SeededRandom) -> String {
        String(String.UnicodeScalarView((0..<random.below(9)).map { _ in random.pick(PatternOracle.alphabet) }))
    }

    // MARK: Matching

    func matches(_ line: String) -> Bool {
        let scalars = Array(line.unicodeScalars)
        func isWordAt(_ index: Int) -> Bool { scalars.indices.contains(index) && PatternOracle.isWord(scalars[index]) }
        for start in 0...scalars.count {
            let ends = self.ends(node, [start], scalars)
            switch demand {
            case .none: if !ends.isEmpty { return true }
            case .line: if start == 0, ends.contains(scalars.count) { return true }
            case .word: if !isWordAt(start - 1), ends.contains(where: { !isWordAt($0) }) { return true }
            }
        }
        return false
    }

    /// Where a match can end that begins at one of some places.
    private func ends(_ node: Node, _ starts: Set<Int>, _ line: [Unicode.Scalar]) -> Set<Int> {
        func isBorder(_ place: Int) -> Bool {
            (place > 0 && PatternOracle.isWord(line[place - 1])) != (place < line.count && PatternOracle.isWord(line[place]))
        }
        switch node {
        case .empty: return starts
        case .set(let scalars, let isNegated):
            return Set(starts.filter { $0 < line.count && scalars.contains(line[$0]) != isNegated }.map { $0 + 1 })
        case .lineStart: return starts.intersection([0])
        case .lineEnd: return starts.intersection([line.count])
        case .border: return starts.filter(isBorder)
        case .noBorder: return starts.filter { !isBorder($0) }
        case .sequence(let parts): return parts.reduce(starts) { ends($1, $0, line) }
        case .choice(let parts): return parts.reduce(into: []) { $0.formUnion(ends($1, starts, line)) }
        case .loop(let part, let least, let most):
            var current = starts
            for _ in 0..<least { current = ends(part, current, line) }
            var all = current
            // More rounds than there are places lead nowhere new.
            for _ in 0..<min(most.map { $0 - least } ?? Int.max, line.count + 1) {
                current = ends(part, current, line)
                all.formUnion(current)
            }
            return all
        }
    }
}
