import CExecutorPlatform
import PortalWire

/// What is looked for, compiled once for all workers.
final class SearchPattern {
    let program: RegexProgram
    let literal: RequiredLiteral

    /// - Throws: `invalid`, with where and why.
    init(_ request: SearchGrepRequest) throws(OperationError) {
        var node =
            request.fixed
            ? try RegexParser.literal(request.pattern, ignoresCase: request.ignoreCase)
            : try RegexParser.parse(request.pattern, ignoresCase: request.ignoreCase)
        if request.line {
            node = RegexNode.of(.sequence, [RegexNode(place: .lineStart), node, RegexNode(place: .lineEnd)])
        } else if request.word {
            node = RegexNode.of(.sequence, [RegexNode(place: .noWordBefore), node, RegexNode(place: .noWordAfter)])
        }
        program = try RegexProgram(node)
        literal = RequiredLiteral(node)
    }
}

/// Finds lines that match; each worker has its own. Where every match has some text in it, lines without that are never looked at by the automaton.
final class LineMatcher {
    private let automaton: LineAutomaton
    private var literal = platform_literal()
    private let text: UnsafeMutablePointer<UInt8>
    private let isWhole: Bool
    private let hasLiteral: Bool

    init(_ pattern: SearchPattern) {
        automaton = LineAutomaton(pattern.program)
        let bytes = pattern.literal.bytes
        hasLiteral = !bytes.isEmpty
        isWhole = pattern.literal.isWhole
        text = UnsafeMutablePointer<UInt8>.allocate(capacity: bytes.count + 1)
        text.initialize(from: bytes + [0], count: bytes.count + 1)
        guard hasLiteral else { return }
        literal.bytes = UnsafePointer(text)
        literal.length = bytes.count
        literal.ignore_case = pattern.literal.ignoresCase ? 1 : 0
        platform_prepare_literal(&literal)
    }

    deinit { text.deallocate() }

    /// Where the next line that matches begins and ends, its line feed left out. The text is whole lines; the last may lack its line feed.
    func next(_ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> (start: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>)? {
        var at = start
        while at < end {
            guard hasLiteral else {
                if let place = automaton.find(at, end) { return line(around: place, start, end) }
                // Only that the text may end here was not looked at.
                guard end[-1] != 0x0A else { return nil }
                let last = line(around: end, start, end)
                return automaton.matches(last.start, last.end) ? last : nil
            }
            guard let place = platform_find_literal(&literal, at, end) else { return nil }
            let found = line(around: place, at, end)
            if isWhole || automaton.matches(found.start, found.end) { return found }
            at = found.end + 1
        }
        return nil
    }

    private func line(
        around place: UnsafePointer<UInt8>, _ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>
    ) -> (start: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>) {
        let before = platform_find_last_byte(start, place, 0x0A)
        return (before.map { $0 + 1 } ?? start, platform_find_byte(place, end, 0x0A) ?? end)
    }
}
