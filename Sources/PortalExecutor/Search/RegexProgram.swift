import PortalWire

/// A regular expression made into instructions over bytes. It never changes, so workers share it.
final class RegexProgram {
    /// What counted repetitions and classes may come to.
    private static let mostInstructions = 30_000

    enum Operation: UInt8 {
        /// Goes on if the next byte is between the two.
        case bytes
        /// Goes on at both.
        case split
        /// Goes on if the place is one.
        case place
        case match
    }

    struct Instruction {
        var operation: Operation
        /// Of bytes; for a place, its raw value is the low one.
        var low: UInt8 = 0
        var high: UInt8 = 0
        var next: UInt16 = 0
        var other: UInt16 = 0
    }

    private(set) var instructions: [Instruction] = []
    private(set) var start: UInt16 = 0
    /// Whether the line's start, or what word is before, makes a difference.
    private(set) var usesLineStart = false
    private(set) var usesWords = false
    /// Bytes that no instruction tells apart have the same number here.
    private(set) var classes = [UInt8](repeating: 0, count: 256)
    private(set) var classCount = 1

    /// - Throws: `invalid` where it is too large.
    init(_ node: RegexNode) throws(OperationError) {
        let match = try add(Instruction(operation: .match))
        start = try compile(node, match)
        countClasses()
    }

    /// Whether a byte belongs to a word.
    static func isWord(_ byte: UInt8) -> Bool {
        let lower = byte | 0x20
        return lower >= 0x61 && lower <= 0x7A || byte >= 0x30 && byte <= 0x39 || byte == 0x5F
    }

    @inline(never)
    private func add(_ instruction: Instruction) throws(OperationError) -> UInt16 {
        guard instructions.count < RegexProgram.mostInstructions else {
            throw OperationError(.invalid, literal: "the pattern is too large: its repetitions and classes come to more than 30000 states")
        }
        instructions.append(instruction)
        return UInt16(instructions.count - 1)
    }

    private func split(_ next: UInt16, _ other: UInt16) throws(OperationError) -> UInt16 {
        try add(Instruction(operation: .split, next: next, other: other))
    }

    /// Compiles from the end to the start: where a part goes on is known when it is made.
    private func compile(_ node: RegexNode, _ next: UInt16) throws(OperationError) -> UInt16 {
        switch node.kind {
        case .empty: return next
        case .set: return try compile(node.set, next)
        case .place:
            if node.place == .lineStart { usesLineStart = true } else if node.place != .lineEnd { usesWords = true }
            return try add(Instruction(operation: .place, low: node.place.rawValue, next: next))
        case .sequence:
            var at = next
            for part in node.parts.reversed() { at = try compile(part, at) }
            return at
        case .choice:
            var at = try compile(node.parts[node.parts.count - 1], next)
            for part in node.parts.dropLast().reversed() { at = try split(try compile(part, next), at) }
            return at
        case .loop:
            var at = next
            if node.most < 0 {
                at = try split(next, next)
                let loop = at
                instructions[Int(loop)].other = try compile(node.parts[0], loop)
            } else if node.most > node.least {
                for _ in node.least..<node.most { at = try split(next, try compile(node.parts[0], at)) }
            }
            for _ in 0..<node.least {
                at = try compile(node.parts[0], at)
                // What takes no instruction needs no repeating.
                if at == next { break }
            }
            return at
        }
    }

    // MARK: Scalars as bytes

    private func compile(_ set: CodeSet, _ next: UInt16) throws(OperationError) -> UInt16 {
        // The parts of one set that are the same are made once.
        let first = instructions.count
        var heads: [UInt16] = []
        var index = 0
        while index < set.bounds.count {
            try compile(set.bounds[index], set.bounds[index + 1], next, first, &heads)
            index += 2
        }
        // Nothing is in it: a byte that is none.
        guard var at = heads.last else { return try add(Instruction(operation: .bytes, low: 1, high: 0, next: next)) }
        for head in heads.dropLast().reversed() { at = try split(head, at) }
        return at
    }

    /// The byte sequences of a range: cut until each has the same first bytes, or all of them.
    private func compile(
        _ low: UInt32, _ high: UInt32, _ next: UInt16, _ first: Int, _ heads: inout [UInt16]
    ) throws(OperationError) {
        guard low <= high else { return }
        // Surrogates have no encoding.
        if low <= 0xDFFF, high >= 0xD800 {
            if low < 0xD800 { try compile(low, 0xD7FF, next, first, &heads) }
            if high > 0xDFFF { try compile(0xE000, high, next, first, &heads) }
            return
        }
        for limit: UInt32 in [0x7F, 0x7FF, 0xFFFF] where low <= limit && high > limit {
            try compile(low, limit, next, first, &heads)
            return try compile(limit + 1, high, next, first, &heads)
        }
        let length = low <= 0x7F ? 1 : low <= 0x7FF ? 2 : low <= 0xFFFF ? 3 : 4
        for index in 1..<Swift.max(length, 1) {
            let mask = UInt32(1) << UInt32(6 * index) - 1
            guard low & ~mask != high & ~mask else { continue }
            if low & mask != 0 {
                try compile(low, low | mask, next, first, &heads)
                return try compile((low | mask) + 1, high, next, first, &heads)
            }
            if high & mask != mask {
                try compile(low, (high & ~mask) - 1, next, first, &heads)
                return try compile(high & ~mask, high, next, first, &heads)
            }
        }
        var at = next
        for index in 0..<length {
            let shift = UInt32(6 * index)
            let isLead = index == length - 1
            let mark: UInt32 = !isLead ? 0x80 : length == 1 ? 0 : length == 2 ? 0xC0 : length == 3 ? 0xE0 : 0xF0
            let mask: UInt32 = isLead ? 0x7F : 0x3F
            at = try bytes(UInt8(low >> shift & mask | mark), UInt8(high >> shift & mask | mark), at, first)
        }
        heads.append(at)
    }

    private func bytes(_ low: UInt8, _ high: UInt8, _ next: UInt16, _ first: Int) throws(OperationError) -> UInt16 {
        for index in first..<instructions.count {
            let made = instructions[index]
            if made.operation == .bytes, made.low == low, made.high == high, made.next == next { return UInt16(index) }
        }
        return try add(Instruction(operation: .bytes, low: low, high: high, next: next))
    }

    // MARK: Classes

    private func countClasses() {
        // Where a class may begin.
        var begins = [Bool](repeating: false, count: 257)
        begins[0x0A] = true
        begins[0x0B] = true
        for instruction in instructions where instruction.operation == .bytes && instruction.low <= instruction.high {
            begins[Int(instruction.low)] = true
            begins[Int(instruction.high) + 1] = true
        }
        if usesWords {
            for byte in 1..<256 where RegexProgram.isWord(UInt8(byte)) != RegexProgram.isWord(UInt8(byte - 1)) { begins[byte] = true }
        }
        var number = 0
        for byte in 0..<256 {
            if byte > 0, begins[byte] { number += 1 }
            classes[byte] = UInt8(number)
        }
        classCount = number + 1
    }
}
