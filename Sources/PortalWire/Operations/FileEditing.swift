/// One exact replacement of a text in a file.
public struct FileEdit: Sendable, Equatable {
    /// What is replaced. It must be there, and only once unless `all` is set.
    public var old: [UInt8]
    /// What comes in its place.
    public var new: [UInt8]
    /// Whether every occurrence is replaced.
    public var all: Bool

    /// Makes it from its values.
    public init(old: [UInt8], new: [UInt8], all: Bool = false) {
        self.old = old
        self.new = new
        self.all = all
    }

    /// Reads the data of `fs.edit`.
    /// - Throws: `OperationError` with the code `invalid`.
    public static func list(_ data: [UInt8]) throws(OperationError) -> [FileEdit] {
        guard let value = try? JSONParser.parse(data), let elements = value.array("edits"), !elements.isEmpty else {
            throw OperationError(.invalid, literal: "the data is no JSON object with an array of edits")
        }
        var edits: [FileEdit] = []
        for element in elements {
            guard let old = element.bytes("old"), let new = element.bytes("new") else {
                throw OperationError(.invalid, literal: "an edit has no old or no new text")
            }
            edits.append(FileEdit(old: old, new: new, all: try element.flag("all")))
        }
        return edits
    }

    /// Writes the data of `fs.edit`.
    public static func data(_ edits: [FileEdit]) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("edits")
        writer.beginArray()
        for edit in edits {
            writer.beginObject()
            writer.member("old", bytes: edit.old)
            writer.member("new", bytes: edit.new)
            writer.member("all", flag: edit.all)
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return writer.bytes
    }
}

/// `fs.edit`: replaces texts in a file, all or none, atomically. The edits are the request's own data.
public struct FileEditRequest: Sendable {
    /// The name on the wire.
    public static var operation: Literal { "fs.edit" }
    /// The most bytes of the request's data.
    public static let dataLength = 4 << 20
    /// The most bytes of a file that is edited, before and after.
    public static let fileLength = 64 << 20
    /// The path, absolute or relative to the directory.
    public var path: [UInt8]
    /// Where relative paths start; nil for the home directory.
    public var directory: [UInt8]?
    /// The SHA-256, in hexadecimal, that the file must have now.
    public var ifMatch: [UInt8]?
    /// Whether the content is on the disk (fsync) before it is answered.
    public var sync: Bool
    /// What is done with a file that has more names than this one.
    public var hardLinks: HardLinks

    /// Makes it from its values.
    public init(
        path: [UInt8], directory: [UInt8]? = nil, ifMatch: [UInt8]? = nil, sync: Bool = false, hardLinks: HardLinks = .refuse
    ) {
        self.path = path
        self.directory = directory
        self.ifMatch = ifMatch
        self.sync = sync
        self.hardLinks = hardLinks
    }

    /// Reads the parameters of a request.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        sync = try parameters.flag("fsync")
        hardLinks = try HardLinks(parameters)
        path = try parameters.requiredPath("path")
        directory = try parameters.directory()
        ifMatch = try parameters.optionalBytes("if_match")
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("path", bytes: path)
        writer.member("cwd", bytes: directory)
        writer.member("if_match", bytes: ifMatch)
        writer.member("fsync", flag: sync)
        hardLinks.write(to: &writer)
    }
}

/// What `fs.write` and `fs.edit` do with a file that has several names.
public enum HardLinks: UInt8, Sendable, CaseIterable {
    /// The request fails with `conflict`.
    case refuse
    /// This name gets a new file; the others keep the old one.
    case replace
    /// The content is written into the file, so that all names have it. That is not atomic.
    case keep

    init(_ parameters: borrowing JSONValue) throws(OperationError) {
        self = .refuse
        guard let name = try parameters.optionalBytes("hard_links") else { return }
        if name.equals("replace") {
            self = .replace
        } else if name.equals("keep") {
            self = .keep
        } else {
            throw .parameter("hard_links", "is neither replace nor keep")
        }
    }

    func write(to writer: inout JSONWriter) {
        switch self {
        case .refuse: break
        case .replace: writer.member("hard_links", string: "replace")
        case .keep: writer.member("hard_links", string: "keep")
        }
    }
}

/// The end of `fs.edit`: what is now in place.
public struct FileEditResult: Sendable, Equatable {
    /// Bytes.
    public var size: UInt64
    /// The SHA-256 of the content, in hexadecimal.
    public var sha256: [UInt8]
    /// How many occurrences were replaced, by all edits together.
    public var replaced: UInt64
    /// The line, from 1, in which the first change of the new content begins.
    public var firstLine: UInt64
    /// What the file had and could not keep: `owner`, `group`, `mode`, or the name of an extended attribute.
    public var lost: [[UInt8]]

    /// Makes it from its values.
    public init(size: UInt64, sha256: [UInt8], replaced: UInt64, firstLine: UInt64, lost: [[UInt8]] = []) {
        self.size = size
        self.sha256 = sha256
        self.replaced = replaced
        self.firstLine = firstLine
        self.lost = lost
    }

    /// Reads an answer; nil where something is missing.
    public init?(_ value: JSONValue) {
        guard let size = value.unsigned("size"), let sha256 = value.string("sha256"), let replaced = value.unsigned("replaced"),
            let firstLine = value.unsigned("first_line")
        else { return nil }
        self.init(size: size, sha256: sha256, replaced: replaced, firstLine: firstLine, lost: value.byteStringElements("lost"))
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("size", number: size)
        writer.member("sha256", string: sha256)
        writer.member("replaced", number: replaced)
        writer.member("first_line", number: firstLine)
        writer.member("lost", byteStrings: lost)
    }
}

extension JSONValue {
    /// The byte strings of an array member; none where there is no such member.
    func byteStringElements(_ name: Literal) -> [[UInt8]] { (array(name) ?? []).compactMap { $0.bytes } }
}

extension JSONWriter {
    /// An array of byte strings; nothing where there are none.
    @inline(never)
    mutating func member(_ name: Literal, byteStrings: [[UInt8]]) {
        guard !byteStrings.isEmpty else { return }
        self.name(name)
        beginArray()
        for element in byteStrings { byteString(element) }
        endArray()
    }
}
