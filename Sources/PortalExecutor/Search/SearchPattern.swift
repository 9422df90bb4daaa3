import CExecutorPlatform
import PortalWire

/// What is looked for, compiled once for all workers.
final class SearchPattern {
    fileprivate let regex: OpaquePointer

    /// - Throws: `invalid`, with where and why.
    init(_ request: borrowing SearchGrepRequest) throws(OperationError) {
        guard isValidUTF8(request.pattern) else { throw OperationError(.invalid, literal: "the pattern is not UTF-8") }
        var options = request.ignoreCase ? UInt32(PLATFORM_REGEX_IGNORE_CASE) : 0
        if request.fixed { options |= UInt32(PLATFORM_REGEX_FIXED) }
        if request.word { options |= UInt32(PLATFORM_REGEX_WORD) }
        if request.line { options |= UInt32(PLATFORM_REGEX_LINE) }
        var problem: UnsafePointer<CChar>?
        var place = 0
        let made = platform_regex_create(request.pattern, request.pattern.count, options, &problem, &place)
        guard let made else {
            var message = [UInt8]("the pattern cannot be used, at byte ")
            message.append(decimal: UInt64(place))
            message.append(": ")
            if let problem { message.add(bytes(of: UnsafeRawPointer(problem).assumingMemoryBound(to: UInt8.self))) }
            throw OperationError(.invalid, message)
        }
        regex = made
    }

    deinit { platform_regex_destroy(regex) }
}

/// Finds lines that match; each worker has its own.
final class LineMatcher {
    private let pattern: SearchPattern
    private let matcher: OpaquePointer

    /// Nil where there is no memory for it.
    init?(_ pattern: SearchPattern) {
        guard let made = platform_matcher_create(pattern.regex) else { return nil }
        self.pattern = pattern
        matcher = made
    }

    deinit { platform_matcher_destroy(matcher) }

    /// The next line that matches, its line feed left out.
    func next(_ start: UnsafePointer<UInt8>, _ end: UnsafePointer<UInt8>) -> (start: UnsafePointer<UInt8>, end: UnsafePointer<UInt8>)? {
        var lineEnd: UnsafePointer<UInt8>?
        guard let line = platform_matcher_next(matcher, start, end, &lineEnd), let lineEnd else { return nil }
        return (line, lineEnd)
    }
}
