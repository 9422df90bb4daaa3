import CExecutorPlatform
import PortalWire

extension FileJob {
    /// `fs.edit`
    func edit(_ parameters: JSONValue) throws(OperationError) -> Frame {
        let request = try FileEditRequest(parameters)
        let replacement = Replacement(
            FileWriteRequest(path: request.path, ifMatch: request.ifMatch, sync: request.sync, hardLinks: request.hardLinks),
            path: hostPath(request.path, request.directory), verb: "edit")
        let result = try replacement.edit(try FileEdit.list(data), gaveUp)
        var writer = JSONWriter(resultOf: id)
        result.write(to: &writer)
        return writer.resultFrame()
    }
}

/// A text on which edits are made in their order, each on the outcome of the one before.
final class TextEdit {
    private(set) var content: [UInt8]
    /// How many occurrences were replaced so far.
    private(set) var replaced: UInt64 = 0
    private let path: [UInt8]
    private let gaveUp: UnsafePointer<Int32>
    /// Where the first change is: what is before it is as it was from the start, whatever came later.
    private var firstChange = Int.max
    /// Whether the first line ends with CR LF.
    private let hasCarriageReturns: Bool

    init(_ content: [UInt8], path: [UInt8], gaveUp: UnsafePointer<Int32>) {
        self.content = content
        self.path = path
        self.gaveUp = gaveUp
        let feed = TextEdit.find([0x0A], in: content, from: 0)
        hasCarriageReturns = feed > 0 && content[feed - 1] == 0x0D
    }

    /// The line, from 1, in which the first change begins.
    var firstLine: UInt64 { line(of: min(firstChange, content.count)) }

    /// Makes all edits.
    /// - Throws: What is wrong with the first that cannot be made.
    func apply(_ edits: [FileEdit]) throws(OperationError) {
        for index in 0..<edits.count {
            guard platform_flag_read(gaveUp) == 0 else { throw OperationError(.cancelled, literal: "cancelled; the file is as it was") }
            try apply(edits[index], index)
        }
    }

    private func apply(_ edit: FileEdit, _ index: Int) throws(OperationError) {
        guard !edit.old.isEmpty else { throw failure(.invalid, index, "the old text is empty") }
        guard edit.old != edit.new else { throw failure(.invalid, index, "the new text is the old one") }
        var old = edit.old
        var new = edit.new
        var first = TextEdit.find(old, in: content, from: 0)
        if hasCarriageReturns {
            // Who edits rarely knows how the lines end. A text of one line says nothing about that; one of several, found as it stands, does.
            let isOneLine = !old.contains(0x0A)
            if first < 0 || isOneLine { new = withCarriageReturns(new) }
            if first < 0, !isOneLine {
                old = withCarriageReturns(old)
                first = TextEdit.find(old, in: content, from: 0)
            }
        }
        guard first >= 0 else { throw noMatch(edit.old, index) }
        var places: [Int] = []
        var count = 0
        var next = first
        while next >= 0 {
            count += 1
            if places.count < 10 { places.add(next) }
            next = TextEdit.find(old, in: content, from: next + old.count)
        }
        guard edit.all || count == 1 else { throw notUnique(places, count, index) }
        try replace(old, new, first: first, count: count)
    }

    private func replace(_ old: [UInt8], _ new: [UInt8], first: Int, count: Int) throws(OperationError) {
        let (growth, overflow) = (new.count - old.count).multipliedReportingOverflow(by: count)
        guard !overflow, content.count + growth <= FileEditRequest.fileLength else { throw TextEdit.tooLarge(path) }
        var edited: [UInt8] = []
        edited.reserveCapacity(content.count + growth)
        var position = 0
        var next = first
        while next >= 0 {
            edited.add(content, position, next)
            edited.add(new)
            position = next + old.count
            next = TextEdit.find(old, in: content, from: position)
        }
        edited.add(content, position, content.count)
        content = edited
        replaced += UInt64(count)
        firstChange = min(firstChange, first)
    }

    private func withCarriageReturns(_ text: [UInt8]) -> [UInt8] {
        var converted: [UInt8] = []
        converted.reserveCapacity(text.count + 16)
        var last: UInt8 = 0
        for byte in text {
            if byte == 0x0A, last != 0x0D { converted.add(0x0D) }
            converted.add(byte)
            last = byte
        }
        return converted
    }

    // MARK: Failures

    static func tooLarge(_ path: [UInt8]) -> OperationError {
        OperationError(.tooLarge, "edit", path, "a file that is edited has at most 64 MiB, before and after")
    }

    /// The failure of an edit. The details are written and read again: values made in place take three times the code.
    private func failure(_ code: ErrorCode, _ index: Int, _ text: Literal, _ write: (inout JSONWriter) -> Void = { _ in })
        -> OperationError
    {
        var error = OperationError(code, "edit", path, text)
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("edit", number: UInt64(index))
        write(&writer)
        writer.endObject()
        if case .object(let members)? = try? JSONParser.parse(writer.bytes) { error.details = members }
        return error
    }

    private func notUnique(_ places: [Int], _ count: Int, _ index: Int) -> OperationError {
        failure(.notUnique, index, "the old text is there more than once: make it longer, or set all") { writer in
            writer.member("matches", number: UInt64(count))
            writer.name("lines")
            writer.beginArray()
            for place in places { writer.integer(line(of: place)) }
            writer.endArray()
        }
    }

    private func noMatch(_ old: [UInt8], _ index: Int) -> OperationError {
        failure(.noMatch, index, "the old text is not there; white space and quotes count") { writer in
            var offsets: [UInt64] = [0, 0, 0]
            let count = platform_find_near(content, content.count, old, old.count, &offsets)
            // As many lines as were looked for.
            var feeds = UInt64.max
            _ = platform_pass_lines(old, old.count, &feeds)
            let lines = UInt64.max - feeds + (old.last == 0x0A ? 0 : 1)
            writer.name("near")
            writer.beginArray()
            for index in 0..<Int(count) {
                let place = Int(offsets[index])
                writer.beginObject()
                writer.member("line", number: line(of: place))
                writer.member("text", bytes: excerpt(place, lines))
                writer.endObject()
            }
            writer.endArray()
        }
    }

    /// Some lines, without the last one's end; at most 500 bytes, cut between two characters.
    private func excerpt(_ place: Int, _ lines: UInt64) -> [UInt8] {
        var wanted = lines
        var end = place + content.withUnsafeBufferPointer { platform_pass_lines($0.baseAddress! + place, $0.count - place, &wanted) }
        if end > place, content[end - 1] == 0x0A { end -= 1 }
        if end > place, content[end - 1] == 0x0D { end -= 1 }
        if end - place > 500 {
            end = place + 500
            while end > place, content[end] & 0xC0 == 0x80 { end -= 1 }
        }
        return content.part(place, end)
    }

    private func line(of place: Int) -> UInt64 {
        var feeds = UInt64.max
        _ = platform_pass_lines(content, place, &feeds)
        return UInt64.max - feeds + 1
    }

    private static func find(_ part: [UInt8], in text: [UInt8], from start: Int) -> Int {
        let found = text.withUnsafeBufferPointer {
            $0.count > start ? platform_find($0.baseAddress! + start, $0.count - start, part, part.count) : -1
        }
        return found < 0 ? -1 : start + Int(found)
    }
}

extension [UInt8] {
    /// Appends what other bytes have between two positions.
    @inline(never)
    fileprivate mutating func add(_ other: [UInt8], _ start: Int, _ end: Int) {
        other.withUnsafeBufferPointer { append(contentsOf: UnsafeBufferPointer(rebasing: $0[start..<end])) }
    }
}
