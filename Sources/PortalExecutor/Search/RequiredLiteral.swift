import CExecutorPlatform
import PortalWire

/// The longest text that is in every match of an expression: only lines that have it are worth a look.
struct RequiredLiteral {
    private static let longest = 64

    /// Empty where there is none.
    let bytes: [UInt8]
    /// Whether letters of either case are meant.
    let ignoresCase: Bool
    /// Whether a line that has it matches without another look.
    let isWhole: Bool

    init(_ node: RegexNode) {
        let found = RequiredLiteral.look(node)
        if let exact = found.exact, exact.count >= found.best.count {
            bytes = exact
        } else {
            bytes = found.best
        }
        ignoresCase = found.hasFolded
        isWhole = found.isPure && found.exact != nil && !(found.hasFolded && found.hasPlainLetter)
    }

    private struct Found {
        /// What every match is, exactly.
        var exact: [UInt8]?
        /// What every match has in it.
        var best: [UInt8] = []
        /// Whether no place is demanded.
        var isPure = true
        var hasFolded = false
        var hasPlainLetter = false

        mutating func keep(_ text: [UInt8]) {
            if text.count > best.count { best = text }
        }
    }

    private static func look(_ node: RegexNode) -> Found {
        var found = Found()
        switch node.kind {
        case .empty: found.exact = []
        case .place:
            found.exact = []
            found.isPure = false
        case .set:
            let bounds = node.set.bounds
            if bounds.count == 2, bounds[0] == bounds[1] {
                found.exact = utf8(bounds[0])
                let lower = bounds[0] | 0x20
                found.hasPlainLetter = lower >= 0x61 && lower <= 0x7A
            } else if bounds.count == 4, bounds[0] == bounds[1], bounds[2] == bounds[3], bounds[0] + 32 == bounds[2], bounds[0] >= 0x41,
                bounds[0] <= 0x5A
            {
                found.exact = [UInt8(bounds[2])]
                found.hasFolded = true
            }
        case .sequence:
            var run: [UInt8] = []
            var isExact = true
            for part in node.parts {
                let inner = look(part)
                found.isPure = found.isPure && inner.isPure
                found.hasFolded = found.hasFolded || inner.hasFolded
                found.hasPlainLetter = found.hasPlainLetter || inner.hasPlainLetter
                if let exact = inner.exact, run.count + exact.count <= longest {
                    run.add(exact)
                } else {
                    isExact = false
                    found.keep(run)
                    run = []
                    found.keep(inner.best)
                }
            }
            found.keep(run)
            if isExact { found.exact = run }
        case .choice: break
        case .loop:
            guard node.least > 0 else { break }
            let inner = look(node.parts[0])
            found.hasFolded = inner.hasFolded
            found.keep(inner.exact ?? inner.best)
        }
        return found
    }

    private static func utf8(_ scalar: UInt32) -> [UInt8] {
        if scalar < 0x80 { return [UInt8(scalar)] }
        let length = scalar < 0x800 ? 2 : scalar < 0x10000 ? 3 : 4
        var bytes: [UInt8] = []
        for index in (0..<length).reversed() {
            let six = UInt8(truncatingIfNeeded: scalar >> UInt32(6 * index))
            let isLead = index == length - 1
            bytes.add(isLead ? six | (length == 2 ? 0xC0 : length == 3 ? 0xE0 : 0xF0) : six & 0x3F | 0x80)
        }
        return bytes
    }
}
