/// Why a request failed, in words and in values.
public struct OperationError: Error, Sendable {
    /// What programs decide by.
    public var code: ErrorCode
    /// One line for a person: what failed and, where there is something, what to do.
    public var message: [UInt8]
    /// The host's errno, where a system call failed. Numbers are Linux's.
    public var errno: Int32?
    /// The path it was about.
    public var path: [UInt8]?
    /// Whether the request had an effect.
    public var applied: Applied
    /// More values, by operation: for instance the hash that a file has instead.
    public var details: [JSONMember]

    /// Whether a failed request had an effect.
    public enum Applied: UInt8, Sendable {
        /// Nothing was changed.
        case no
        /// It was done, and only its answer failed.
        case yes
        /// It cannot be known.
        case unknown
    }

    /// Makes an error.
    public init(
        _ code: ErrorCode, _ message: [UInt8], errno: Int32? = nil, path: [UInt8]? = nil, applied: Applied = .no, details: [JSONMember] = []
    ) {
        self.code = code
        self.message = message
        self.errno = errno
        self.path = path
        self.applied = applied
        self.details = details
    }

    /// Makes an error with a literal message.
    public init(_ code: ErrorCode, literal message: StaticString, path: [UInt8]? = nil, applied: Applied = .no) {
        self.init(code, [UInt8](message), path: path, applied: applied)
    }

    /// Reads the `error` member of a failure.
    public init(_ value: JSONValue) {
        code = ErrorCode(name: value["code"]?.string ?? [])
        message = value["message"]?.string ?? []
        errno = value["errno"]?.integer.flatMap { Int32(exactly: $0) }
        path = value["path"]?.bytes
        let effect = value["applied"]?.string ?? []
        applied = effect.equals("yes") ? .yes : effect.equals("unknown") ? .unknown : .no
        details = []
        if case .object(let members)? = value["details"] { details = members }
    }

    /// Writes the value of the `error` member.
    public func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.name("code")
        writer.string(code.name)
        writer.name("message")
        writer.text(message)
        if let errno {
            writer.name("errno")
            writer.integer(Int64(errno))
        }
        if let path {
            writer.name("path")
            writer.byteString(path)
        }
        writer.name("applied")
        switch applied {
        case .no: writer.string("no")
        case .yes: writer.string("yes")
        case .unknown: writer.string("unknown")
        }
        if !details.isEmpty {
            writer.name("details")
            writer.beginObject()
            writer.members(of: details)
            writer.endObject()
        }
        writer.endObject()
    }
}
