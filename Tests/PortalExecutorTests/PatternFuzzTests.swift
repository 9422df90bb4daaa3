import CExecutorPlatform
import Foundation
import TestSupport
import Testing

/// The regular expressions in C against a matcher that tries everything, and with patterns that nobody writes.
///
/// `PORTAL_FUZZ_PATTERNS` says how many of each, `PORTAL_FUZZ_SEED` which.
@Suite struct PatternFuzzTests {
    private static func setting(_ name: String) -> Int? { ProcessInfo.processInfo.environment[name].flatMap { Int($0) } }
    private static let count = setting("PORTAL_FUZZ_PATTERNS") ?? 5000
    private static let seed = UInt64(setting("PORTAL_FUZZ_SEED") ?? 20_261_121)

    @Test func agreesWithTryingEverything() throws {
        var random = SeededRandom(seed: PatternFuzzTests.seed)
        var matched = 0
        var lineCount = 0
        for _ in 0..<PatternFuzzTests.count {
            let ignoresCase = random.below(4) == 0
            let demand = random.pick([PatternOracle.Demand.none, .none, .none, .word, .line])
            let oracle = PatternOracle(&random, ignoresCase: ignoresCase, demand: demand)
            var options = ignoresCase ? UInt32(PLATFORM_REGEX_IGNORE_CASE) : 0
            if demand == .word { options |= UInt32(PLATFORM_REGEX_WORD) }
            if demand == .line { options |= UInt32(PLATFORM_REGEX_LINE) }
            guard let matcher = CompiledPattern(Array(oracle.text.utf8), options: options) else {
                Issue.record("\(oracle.text) cannot be compiled, seed \(PatternFuzzTests.seed)")
                return
            }
            let lines = (0..<random.below(12)).map { _ in oracle.line(&random) }
            var text = Array(lines.joined(separator: "\n").utf8)
            if !lines.isEmpty, lines.last!.isEmpty || random.below(2) == 0 { text.append(0x0A) }
            let expected = lines.indices.filter { oracle.matches(lines[$0]) }
            let found = matcher.lines(of: text)
            guard found == expected else {
                Issue.record("\(oracle.text), options \(options), in \(lines): \(found) and not \(expected), seed \(PatternFuzzTests.seed)")
                return
            }
            matched += found.count
            lineCount += lines.count
        }
        // A matcher that always says the same would be right half of the time if nearly all did or did not.
        #expect(matched > lineCount / 10 && matched < lineCount * 9 / 10, "\(matched) of \(lineCount)")
    }

    @Test func anyPatternIsTakenOrRefused() throws {
        var random = SeededRandom(seed: PatternFuzzTests.seed &+ 1)
        var refused = 0
        for _ in 0..<PatternFuzzTests.count {
            let pattern = PatternFuzzTests.mutated(&random)
            var failure: (text: String, place: Int)?
            guard let matcher = CompiledPattern(Array(pattern.utf8), options: UInt32(random.below(16)), failure: &failure) else {
                refused += 1
                let failure = try #require(failure)
                #expect(!failure.text.isEmpty && failure.place <= pattern.utf8.count, "\(pattern)")
                continue
            }
            let text = PatternFuzzTests.bytes(&random)
            let whole = matcher.lines(of: text)
            // Where a file's pieces are cut, and what was searched before, must not matter.
            var apart: [Int] = []
            var first = 0
            var position = 0
            while position < text.count {
                var end = min(text.count, position + 1 + random.below(200))
                while end < text.count, text[end - 1] != 0x0A { end += 1 }
                let piece = Array(text[position..<end])
                apart += matcher.lines(of: piece).map { $0 + first }
                first += piece.count { $0 == 0x0A }
                position = end
            }
            guard whole == apart else {
                Issue.record("\(pattern) in \(text): \(whole) as a whole, \(apart) in pieces, seed \(PatternFuzzTests.seed)")
                return
            }
        }
        #expect(refused > PatternFuzzTests.count / 20 && refused < PatternFuzzTests.count * 19 / 20, "\(refused)")
    }

    /// The parser calls itself for each group, the compiler for each loop too: loops in groups once were a hundred times deeper than either.
    @Test(arguments: ["?", "*", "+", "{1}"])
    func nestingIsBounded(loop: String) {
        func pattern(groups: Int, loops: Int) -> [UInt8] {
            let closed = String(repeating: ")" + String(repeating: loop, count: loops), count: groups)
            return Array((String(repeating: "(", count: groups) + "a" + closed).utf8)
        }
        var failure: (text: String, place: Int)?
        #expect(CompiledPattern(pattern(groups: 99, loops: 99), options: 0, failure: &failure) == nil)
        #expect(failure?.text == "groups and loops are nested too deep")
        // Each `+` makes what it repeats twice.
        let groups = loop == "+" ? 3 : 99
        #expect(CompiledPattern(pattern(groups: groups, loops: 3), options: 0)?.lines(of: Array("a\nb".utf8)).first == 0)
        #expect(CompiledPattern(pattern(groups: 100, loops: 0), options: 0) == nil)
        let classes = String(repeating: "[a", count: 8) + String(repeating: "]", count: 8)
        #expect(
            CompiledPattern(Array((String(repeating: "(", count: 98) + classes + String(repeating: ")", count: 98)).utf8), options: 0)
                != nil)
    }

    private static let scraps = [
        "(", ")", "[", "]", "[^", "[[:alpha:]", "[:", "{", "}", "{2}", "{0,3}", "{1000}", "{1,", "*", "+", "?", "|", "\\", "\\d", "\\W",
        "\\S", "\\b",
        "\\b{start}", "\\x{", "\\x{10FFFF}", "\\x{FFFFFFFF}", "\\u00e4", "\\U", "(?i)", "(?", "(?-i:", "(?P<n>", "(?m-", "&&", "--", "^",
        "$", ".", "-", "ä",
        "\u{1F600}", "\u{10FFFF}", "\u{D7FF}", "\u{E000}", "\u{0}", "\n", "z-a", "a-\u{10FFFF}", "\\n", "((((((((", "[[[[[[[[[", "??????",
    ]

    private static func mutated(_ random: inout SeededRandom) -> String {
        var scalars = Array(PatternOracle(&random, ignoresCase: false, demand: .none).text.unicodeScalars)
        if random.below(200) == 0 { scalars = Array(String(repeating: random.pick(scraps), count: 1 + random.below(400)).unicodeScalars) }
        for _ in 0..<1 + random.below(5) {
            let index = random.below(scalars.count + 1)
            switch random.below(5) {
            case 0 where index < scalars.count: scalars.remove(at: index)
            case 1 where index < scalars.count: scalars.removeSubrange(index...)
            case 2:
                let end = index + random.below(scalars.count - index + 1)
                scalars.insert(contentsOf: scalars[index..<end], at: random.below(scalars.count + 1))
            default: scalars.insert(contentsOf: random.pick(scraps).unicodeScalars, at: index)
            }
        }
        return String(String.UnicodeScalarView(scalars))
    }

    /// Between the bytes of one scalar is no place where a word could begin, end or not.
    @Test func noPlaceIsWithinAScalar() {
        for (pattern, options) in [("\\B", 0), ("x?", PLATFORM_REGEX_WORD), ("\\b{start-half}\\b{end-half}", 0)] {
            #expect(CompiledPattern(Array(pattern.utf8), options: UInt32(options))?.lines(of: Array("aäa\n--\n".utf8)) == [1], "\(pattern)")
        }
    }

    /// An expression of places only has no set, and what is looked up of sets must not be.
    @Test func expressionsWithoutSets() {
        for pattern in ["", "(){2}", "(^){1,3}$", "^$", "(\\b)+"] {
            #expect(CompiledPattern(Array(pattern.utf8), options: 0) != nil, "\(pattern)")
        }
    }

    /// A class with more ranges than there is room for is refused, wherever in it they are.
    @Test(arguments: ["[RANGES]", "[^RANGES]", "[a&&RANGES]", "[\\w--RANGES]", "[[RANGES]x]"])
    func tooManyRanges(pattern: String) {
        let ranges = String(String.UnicodeScalarView((0..<600).map { Unicode.Scalar(0x4E00 + 2 * UInt32($0))! }))
        var failure: (text: String, place: Int)?
        let whole = pattern.replacingOccurrences(of: "RANGES", with: ranges)
        #expect(CompiledPattern(Array(whole.utf8), options: 0, failure: &failure) == nil)
        #expect(failure?.text == "a class has too many ranges")
    }

    /// Lines of what patterns are about, of bytes that are no UTF-8, and of nothing.
    private static func bytes(_ random: inout SeededRandom) -> [UInt8] {
        (0..<random.below(400)).flatMap { _ -> [UInt8] in
            switch random.below(6) {
            case 0: [0x0A]
            case 1: [UInt8(truncatingIfNeeded: random.next())]
            case 2: Array("ä\u{1F600}".utf8)
            default: [random.pick(Array("abB_ 1".utf8))]
            }
        }
    }
}

/// A pattern in C with its matcher.
private final class CompiledPattern {
    private let regex: OpaquePointer
    private let matcher: OpaquePointer

    convenience init?(_ pattern: [UInt8], options: UInt32) {
        var failure: (text: String, place: Int)?
        self.init(pattern, options: options, failure: &failure)
    }

    init?(_ pattern: [UInt8], options: UInt32, failure: inout (text: String, place: Int)?) {
        var problem: UnsafePointer<CChar>?
        var place = 0
        // In memory of exactly its length: what is read beyond is found.
        let exact = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: pattern.count)
        defer { exact.deallocate() }
        _ = exact.initialize(from: pattern)
        guard let made = platform_regex_create(exact.baseAddress, exact.count, options, &problem, &place) else {
            failure = (problem.map { String(cString: $0) } ?? "", place)
            return nil
        }
        regex = made
        matcher = platform_matcher_create(made)!
    }

    deinit {
        platform_matcher_destroy(matcher)
        platform_regex_destroy(regex)
    }

    /// The indices of the lines that match.
    func lines(of text: [UInt8]) -> [Int] {
        let exact = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: text.count)
        defer { exact.deallocate() }
        _ = exact.initialize(from: text)
        guard let base = exact.baseAddress else { return [] }
        let end = UnsafePointer(base + exact.count)
        var at = UnsafePointer(base)
        var found: [Int] = []
        var line = 0
        var lineEnd: UnsafePointer<UInt8>?
        while at < end, let start = platform_matcher_next(matcher, at, end, &lineEnd), let feed = lineEnd {
            precondition(start >= at && feed >= start && feed <= end && (start == at || start[-1] == 0x0A))
            while at < start {
                line += at.pointee == 0x0A ? 1 : 0
                at += 1
            }
            found.append(line)
            line += 1
            at = feed + 1
        }
        return found
    }
}
