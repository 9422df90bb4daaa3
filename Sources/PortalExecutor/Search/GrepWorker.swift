import CExecutorPlatform
import PortalWire

/// Searches files, line by line, through a buffer that holds a piece of one file.
///
/// It can stop between any two lines and go on later: a requester who does not take the answer holds no thread.
final class GrepWorker: TreeWorker {
    private static let bufferLength = 64 * 1024
    /// A line that is longer ends the search in its file.
    private static let longestLine = 4 * 1024 * 1024
    private static let outputLimit = 32 * 1024

    private let search: GrepWalk
    private let wanted: GrepAnswer
    private var matcher: LineMatcher?

    private var descriptor: Int32 = -1
    private var shown: [UInt8] = []
    private var isNamed = false
    private var buffer: UnsafeMutablePointer<UInt8>?
    private var capacity = 0
    /// Places in the buffer: what is not yet decided begins at `start`, whole lines end at `whole`, and `filled` is the end of what was read.
    private var start = 0
    private var whole = 0
    private var filled = 0
    /// The end of what was answered: no line is answered twice.
    private var answered = 0
    private var isFirstRead = true
    private var isAtEnd = false
    /// The number of the line at `start`.
    private var lineNumber: UInt64 = 1
    private var matched: UInt64 = 0
    /// Lines behind the last match that are still to be answered.
    private var afterLeft: UInt64 = 0
    private var hasNUL = false
    /// With `invert`: the next line that matches, which is not meant, where it is known.
    private var isHitKnown = false
    private var hit: (start: Int, end: Int)?

    init(_ walk: GrepWalk) {
        search = walk
        wanted = walk.wanted
        super.init(walk)
    }

    deinit {
        closeFile()
        buffer?.deallocate()
    }

    // MARK: Files

    override func visit(_ kind: FileKind) throws(OperationError) -> Bool {
        guard kind == .file else {
            if isExplicit { throw OperationError(.invalid, "search", root.path.bytes, "neither a file nor a directory") }
            return true
        }
        if search.collects {
            var status = platform_status()
            guard platform_stat(terminated(path), 0, &status) == 0 else { return true }
            search.collect(DatedPath(modified: status.modified, path: root.display(path), absolute: path))
            return true
        }
        return try begin(path, isNamed: isExplicit) ? proceed() : true
    }

    override func conclude() -> Bool {
        for _ in 0..<64 {
            if descriptor < 0 {
                guard !search.hasEnded, let next = search.takeCollected() else { return true }
                shown = next.path
                guard (try? begin(next.absolute, isNamed: false)) == true else { continue }
            }
            if !proceed() { return false }
        }
        return false
    }

    override func rest() {
        guard descriptor < 0 else { return }
        buffer?.deallocate()
        buffer = nil
        capacity = 0
    }

    /// - Returns: Whether the file is open.
    private func begin(_ path: [UInt8], isNamed: Bool) throws(OperationError) -> Bool {
        if !search.collects { shown = [] }
        descriptor = platform_open_entry(terminated(path), 0)
        guard descriptor >= 0 else {
            let error = systemError("search", isNamed ? root.path.bytes : shownPath, descriptor)
            if isNamed { throw error }
            search.note(error)
            return false
        }
        self.isNamed = isNamed
        start = 0
        whole = 0
        filled = 0
        answered = 0
        isFirstRead = true
        isAtEnd = false
        lineNumber = 1
        matched = 0
        afterLeft = 0
        hasNUL = false
        isHitKnown = false
        if matcher == nil { matcher = search.makeMatcher() }
        guard matcher != nil else { throw OperationError(.internal, literal: "the host is out of memory") }
        return true
    }

    /// How the answer names the file: made only for those that are in it.
    private var shownPath: [UInt8] {
        if shown.isEmpty { shown = root.display(path) }
        return shown
    }

    private func closeFile() {
        if descriptor >= 0 { platform_close(descriptor) }
        descriptor = -1
    }

    override func proceed() -> Bool {
        while start < whole {
            if search.hasEnded || output.count >= GrepWorker.outputLimit { break }
            if !step() {
                end()
                return true
            }
        }
        if search.hasEnded {
            end()
            return true
        }
        if start < whole { return false }
        if isAtEnd || !fill() {
            end()
            return true
        }
        // Between two pieces others may have their turn.
        return false
    }

    private func end() {
        closeFile()
        var counts = SearchCounts()
        counts.files = 1
        // A file that the request did not name and that turns out to be binary counts as one that does not match; its lines before that were answered.
        let isSkipped = hasNUL && !isNamed
        if isSkipped { counts.binary = 1 }
        if matched > 0 {
            if isSkipped, wanted.mode == .content { answer(SearchMatch(path: shownPath, isBinary: true)) }
            if !isSkipped, wanted.mode == .count, search.grant() { answer(SearchMatch(path: shownPath, count: matched)) }
            if !isSkipped || wanted.mode == .content {
                counts.matchedFiles = 1
                counts.matches = matched
            }
        }
        search.add(counts)
    }

    // MARK: The buffer

    /// Reads on, behind what is kept for context. Returns false where the file cannot be searched further.
    private func fill() -> Bool {
        if buffer == nil {
            capacity = GrepWorker.bufferLength
            buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
        }
        guard var buffer else { return false }
        var kept = start
        var lines = wanted.mode == .content ? wanted.before : 0
        while lines > 0, kept > answered {
            kept = platform_find_last_byte(buffer, buffer + kept - 1, 0x0A).map { $0 - UnsafePointer(buffer) + 1 } ?? 0
            lines -= 1
        }
        kept = max(kept, min(answered, start))
        if kept > 0 {
            buffer.update(from: buffer + kept, count: filled - kept)
            start -= kept
            filled -= kept
            answered = max(0, answered - kept)
        }
        isHitKnown = false
        if filled == capacity {
            guard capacity < GrepWorker.longestLine else {
                search.note(OperationError(.tooLarge, "search", shownPath, "a line is longer than 4 MiB"))
                return false
            }
            let larger = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity * 2)
            larger.update(from: buffer, count: filled)
            buffer.deallocate()
            buffer = larger
            self.buffer = larger
            capacity *= 2
        }
        // As much as if no file before had needed a larger buffer: what is found before a NUL does not depend on other files.
        let room = (filled < GrepWorker.bufferLength ? GrepWorker.bufferLength : capacity) - filled
        let count = platform_read(descriptor, buffer + filled, room)
        guard count >= 0 else {
            search.note(systemError("search", shownPath, Int32(count)))
            return false
        }
        let before = filled
        filled += Int(count)
        isAtEnd = count == 0
        if isFirstRead {
            isFirstRead = false
            // A byte order mark is no text.
            if filled >= 3, buffer[0] == 0xEF, buffer[1] == 0xBB, buffer[2] == 0xBF {
                start = 3
                answered = 3
            }
        }
        lookForNUL(buffer, before)
        let last = platform_find_last_byte(buffer + max(start, before), buffer + filled, 0x0A)
        whole = isAtEnd ? filled : last.map { $0 - UnsafePointer(buffer) + 1 } ?? start
        return true
    }

    /// A file that was found and has a NUL is left, with what of it was not yet searched, as ripgrep does. In one that the request names, a NUL
    /// ends a line.
    private func lookForNUL(_ buffer: UnsafeMutablePointer<UInt8>, _ from: Int) {
        var at = UnsafePointer(buffer + from)
        while let place = platform_find_byte(at, buffer + filled, 0) {
            hasNUL = true
            guard isNamed else {
                filled = start
                isAtEnd = true
                return
            }
            buffer[place - UnsafePointer(buffer)] = 0x0A
            at = place + 1
        }
    }

    // MARK: Lines

    /// Goes on to the next line that is meant, or to the end of the whole lines. Returns false where nothing more is wanted of the file.
    private func step() -> Bool {
        if matched >= wanted.mostOfFile {
            return answerAfter(whole) && afterLeft > 0
        }
        guard let next = nextLine() else {
            _ = answerAfter(whole)
            move(to: whole)
            return true
        }
        guard answerAfter(next.start) else { return false }
        switch wanted.mode {
        case .files:
            if !hasNUL || isNamed, search.grant() {
                matched = 1
                answer(SearchMatch(path: shownPath))
            }
            return false
        case .count:
            matched += 1
            start = min(next.end + 1, whole)
            return matched < wanted.mostOfFile
        case .content:
            if matched >= wanted.mostOfFile { return false }
            guard search.grant() else { return false }
            matched += 1
            if hasNUL, isNamed {
                answer(SearchMatch(path: shownPath, isBinary: true))
                return false
            }
            answerBefore(next.start)
            answer(next.start, next.end, isContext: false)
            move(to: min(next.end + 1, whole))
            afterLeft = wanted.after
            return matched < wanted.mostOfFile || afterLeft > 0
        }
    }

    /// The next line that is meant, its line feed left out.
    private func nextLine() -> (start: Int, end: Int)? {
        guard wanted.invert else { return nextHit(start) }
        var at = start
        while at < whole {
            if !isHitKnown || hit.map({ $0.start < at }) == true {
                hit = nextHit(at)
                isHitKnown = true
            }
            guard let hit, hit.start == at else {
                guard let buffer else { return nil }
                let end = platform_find_byte(buffer + at, buffer + whole, 0x0A).map { $0 - UnsafePointer(buffer) } ?? whole
                return (at, end)
            }
            at = hit.end + 1
        }
        return nil
    }

    private func nextHit(_ from: Int) -> (start: Int, end: Int)? {
        guard let buffer, let found = matcher?.next(buffer + from, buffer + whole) else { return nil }
        return (found.start - UnsafePointer(buffer), found.end - UnsafePointer(buffer))
    }

    private func move(to place: Int) {
        if wanted.mode == .content, let buffer { lineNumber += platform_count_byte(buffer + start, buffer + place, 0x0A) }
        start = place
    }

    /// Answers lines behind the last match, up to a place.
    private func answerAfter(_ limit: Int) -> Bool {
        while afterLeft > 0, start < limit, let buffer {
            let end = platform_find_byte(buffer + start, buffer + limit, 0x0A).map { $0 - UnsafePointer(buffer) } ?? limit
            answer(start, end, isContext: true)
            move(to: min(end + 1, limit))
            afterLeft -= 1
        }
        return true
    }

    /// Answers the lines before a match, as many as are asked for and were not answered yet.
    private func answerBefore(_ place: Int) {
        move(to: place)
        guard let buffer else { return }
        var first = place
        var lines: UInt64 = 0
        while lines < wanted.before, first > answered {
            first = platform_find_last_byte(buffer + answered, buffer + first - 1, 0x0A).map { $0 - UnsafePointer(buffer) + 1 } ?? answered
            lines += 1
        }
        lineNumber -= lines
        start = first
        while start < place {
            let end = platform_find_byte(buffer + start, buffer + place, 0x0A).map { $0 - UnsafePointer(buffer) } ?? place
            answer(start, end, isContext: true)
            move(to: end + 1)
        }
    }

    private func answer(_ from: Int, _ end: Int, isContext: Bool) {
        guard let buffer else { return }
        var shownEnd = end
        let most = wanted.columns
        if end - from > most {
            shownEnd = from + most
            // Not in the middle of a scalar.
            while shownEnd > from, end - shownEnd > 0, buffer[shownEnd] & 0xC0 == 0x80, from + most - shownEnd < 3 { shownEnd -= 1 }
        }
        let text = Array(UnsafeBufferPointer(start: buffer + from, count: shownEnd - from))
        answer(
            SearchMatch(
                path: shownPath, line: lineNumber, text: text, length: shownEnd < end ? UInt64(end - from) : nil, isContext: isContext))
        answered = min(end + 1, filled)
    }

    private func answer(_ match: SearchMatch) {
        var writer = JSONWriter(appendingTo: output)
        output = []
        writer.beginObject()
        match.write(to: &writer)
        writer.endLine()
        output = writer.bytes
    }
}
