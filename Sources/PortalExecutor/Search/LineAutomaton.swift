import CExecutorPlatform

/// Runs a program over text, and makes the states that it comes through into a table as it goes: each byte costs one look-up, or where the table lacks
/// the state, one step of the program with all of its threads at once. So the time is linear in the text whatever the pattern is. When the table is
/// full it is emptied. Each worker has its own.
///
/// What is told is whether a line matches, and not where: then the order of threads means nothing, and a state is just a set.
final class LineAutomaton {
    /// So many, and a little less than 16 bits can number.
    private static let tableEntries = 65_000
    private static let keptMembers = 64 * 1024
    private static let slots = 8192

    private static let unknown: UInt16 = 0
    private static let matched: UInt16 = 1
    private static let initial = UInt16(PLATFORM_FIRST_STATE)

    private struct State {
        var start: Int32
        var count: Int32
        var isLineStart: Bool
        var isAfterWord: Bool
    }

    private let program: RegexProgram
    private let count: Int
    private let stride: Int
    private let mostStates: Int
    private let table: UnsafeMutablePointer<UInt16>
    private let classes: UnsafeMutablePointer<UInt8>
    private let code: UnsafeMutablePointer<RegexProgram.Instruction>
    private let hashes: UnsafeMutablePointer<UInt16>
    /// Three lists and two sets of instructions' numbers.
    private let stack: UnsafeMutablePointer<UInt16>
    private let following: UnsafeMutablePointer<UInt16>
    private let seen: UnsafeMutablePointer<UInt32>
    private let taken: UnsafeMutablePointer<UInt32>
    private var generation: UInt32 = 0
    private var states: [State] = []
    private var members: [UInt16] = []
    private var emptied = 0
    /// Steps of the program, in instructions looked at.
    private(set) var work: UInt64 = 0

    init(_ program: RegexProgram) {
        self.program = program
        count = program.instructions.count
        stride = program.classCount
        mostStates = min(LineAutomaton.tableEntries / stride, LineAutomaton.slots / 2)
        table = UnsafeMutablePointer<UInt16>.allocate(capacity: mostStates * stride)
        classes = UnsafeMutablePointer<UInt8>.allocate(capacity: 256)
        classes.initialize(from: program.classes, count: 256)
        code = UnsafeMutablePointer<RegexProgram.Instruction>.allocate(capacity: count)
        code.initialize(from: program.instructions, count: count)
        hashes = UnsafeMutablePointer<UInt16>.allocate(capacity: LineAutomaton.slots)
        stack = UnsafeMutablePointer<UInt16>.allocate(capacity: count * 2 + 2)
        following = UnsafeMutablePointer<UInt16>.allocate(capacity: count + 1)
        seen = UnsafeMutablePointer<UInt32>.allocate(capacity: count * 2)
        seen.initialize(repeating: 0, count: count * 2)
        taken = seen + count
        empty()
    }

    deinit {
        table.deallocate()
        classes.deallocate()
        code.deallocate()
        hashes.deallocate()
        stack.deallocate()
        following.deallocate()
        seen.deallocate()
    }

    /// Forgets every state but the one at a line's start, which always has the same number.
    private func empty() {
        emptied += 1
        states.removeAll(keepingCapacity: true)
        members.removeAll(keepingCapacity: true)
        hashes.initialize(repeating: 0, count: LineAutomaton.slots)
        following[0] = program.start
        _ = state(count: 1, isLineStart: program.usesLineStart, isAfterWord: false)
    }

    /// Whether a line matches, its line feed left out.
    func matches(_ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> Bool {
        var state = LineAutomaton.initial
        return run(&state, start, end) != nil || step(state, 0x0A) == LineAutomaton.matched
    }

    /// A place in the first line that matches, or its line feed; nil where none does. The text begins with a line; where the last one has no line feed,
    /// that it may end there is not looked at.
    func find(_ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UnsafePointer<UInt8>? {
        var state = LineAutomaton.initial
        return run(&state, start, end)
    }

    /// Where a match is known, or nil at the end.
    private func run(_ state: inout UInt16, _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> UnsafePointer<UInt8>? {
        var at = start
        while true {
            at = platform_run_automaton(table, classes, &state, at, end)!
            if at == end { return nil }
            let following = step(state, at[0])
            if following == LineAutomaton.matched { return at }
            state = following
            at += 1
        }
    }

    /// The state after a byte.
    private func step(_ number: UInt16, _ byte: UInt8) -> UInt16 {
        let entry = Int(number - LineAutomaton.initial) + Int(classes[Int(byte)])
        if table[entry] != LineAutomaton.unknown { return table[entry] }
        let state = states[Int(number - LineAutomaton.initial) / stride]
        let isWord = RegexProgram.isWord(byte)
        generation &+= 1
        if generation == 0 {
            seen.update(repeating: 0, count: count * 2)
            generation = 1
        }
        var followingCount = 0
        var depth = 0
        var hasMatched = false
        for index in 0..<Int(state.count) {
            push(members[Int(state.start) + index], &depth)
            while depth > 0 {
                depth -= 1
                let instruction = code[Int(stack[depth])]
                work &+= 1
                switch instruction.operation {
                case .match: hasMatched = true
                case .split:
                    push(instruction.other, &depth)
                    push(instruction.next, &depth)
                case .place:
                    if holds(instruction.low, state, isWord, byte) { push(instruction.next, &depth) }
                case .bytes:
                    if byte >= instruction.low, byte <= instruction.high { take(instruction.next, &followingCount) }
                }
            }
        }
        if hasMatched {
            table[entry] = LineAutomaton.matched
            return LineAutomaton.matched
        }
        if byte == 0x0A {
            table[entry] = LineAutomaton.initial
            return LineAutomaton.initial
        }
        // A match may begin anywhere.
        take(program.start, &followingCount)
        let before = emptied
        let next = self.state(count: followingCount, isLineStart: false, isAfterWord: program.usesWords && isWord)
        // Where the table was emptied, the row is another's now.
        if emptied == before { table[entry] = next }
        return next
    }

    @inline(never)
    private func push(_ number: UInt16, _ depth: inout Int) {
        guard seen[Int(number)] != generation else { return }
        seen[Int(number)] = generation
        stack[depth] = number
        depth += 1
    }

    @inline(never)
    private func take(_ number: UInt16, _ count: inout Int) {
        guard taken[Int(number)] != generation else { return }
        taken[Int(number)] = generation
        following[count] = number
        count += 1
    }

    private func holds(_ place: UInt8, _ state: State, _ isWord: Bool, _ byte: UInt8) -> Bool {
        switch RegexNode.Place(rawValue: place) {
        case .lineStart: state.isLineStart
        case .lineEnd: byte == 0x0A
        case .border: state.isAfterWord != isWord
        case .noBorder: state.isAfterWord == isWord
        case .wordStart: !state.isAfterWord && isWord
        case .wordEnd: state.isAfterWord && !isWord
        case .noWordBefore: !state.isAfterWord
        case .noWordAfter: !isWord
        case nil: false
        }
    }

    /// The number of the state whose members are the first of `following`; a new one where there is none like it.
    private func state(count: Int, isLineStart: Bool, isAfterWord: Bool) -> UInt16 {
        var hash: UInt32 = isLineStart ? 1 : isAfterWord ? 2 : 3
        for index in 0..<count { hash = (hash ^ UInt32(following[index])) &* 16_777_619 }
        var slot = Int((hash ^ hash >> 15) % UInt32(LineAutomaton.slots))
        while hashes[slot] != 0 {
            let number = hashes[slot]
            let known = states[Int(number - LineAutomaton.initial) / stride]
            if known.count == Int32(count), known.isLineStart == isLineStart, known.isAfterWord == isAfterWord {
                var index = 0
                while index < count, members[Int(known.start) + index] == following[index] { index += 1 }
                if index == count { return number }
            }
            slot = (slot + 1) % LineAutomaton.slots
        }
        if states.count == mostStates || members.count > LineAutomaton.keptMembers {
            let saved = Array(UnsafeBufferPointer(start: following, count: count))
            empty()
            following.update(from: saved, count: count)
            return state(count: count, isLineStart: isLineStart, isAfterWord: isAfterWord)
        }
        let number = UInt16(states.count * stride) + LineAutomaton.initial
        hashes[slot] = number
        (table + states.count * stride).initialize(repeating: LineAutomaton.unknown, count: stride)
        states.append(State(start: Int32(members.count), count: Int32(count), isLineStart: isLineStart, isAfterWord: isAfterWord))
        for index in 0..<count { members.append(following[index]) }
        return number
    }
}
