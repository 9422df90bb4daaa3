/// Why a request failed, in words and in values.
public struct OperationError: Error, Sendable {
    /// Behind one reference: an error is passed up through many functions, each of which would copy all of its fields. That alone was a
    /// seventh of an executor's image.
    private final class Values: Sendable {
        let code: ErrorCode
        let message: [UInt8]
        let errno: Int32?
        let path: [UInt8]?
        let applied: Applied
        let details: [JSONMember]

        init(_ code: ErrorCode, _ message: [UInt8], _ errno: Int32?, _ path: [UInt8]?, _ applied: Applied, _ details: [JSONMember]) {
            self.code = code
            self.message = message
            self.errno = errno
            self.path = path
            self.applied = applied
            self.details = details
        }
    }

    private var values: Values

    /// What programs decide by.
    public var code: ErrorCode {
        get { values.code }
        set { values = Values(newValue, message, errno, path, applied, details) }
    }
    /// One line for a person: what failed and, where there is something, what to do.
    public var message: [UInt8] {
        get { values.message }
        set { values = Values(code, newValue, errno, path, applied, details) }
    }
    /// The host's errno, where a system call failed. Numbers are Linux's.
    public var errno: Int32? {
        get { values.errno }
        set { values = Values(code, message, newValue, path, applied, details) }
    }
    /// The path it was about.
    public var path: [UInt8]? {
        get { values.path }
        set { values = Values(code, message, errno, newValue, applied, details) }
    }
    /// Whether the request had an effect.
    public var applied: Applied {
        get { values.applied }
        set { values = Values(code, message, errno, path, newValue, details) }
    }
    /// More values, by operation: for instance the hash that a file has instead.
    public var details: [JSONMember] {
        get { values.details }
        set { values = Values(code, message, errno, path, applied, newValue) }
    }

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
        values = Values(code, message, errno, path, applied, details)
    }

    /// Makes an error with a literal message.
    public init(_ code: ErrorCode, literal message: Literal, path: [UInt8]? = nil, applied: Applied = .no) {
        self.init(code, [UInt8](message), path: path, applied: applied)
    }

    /// Reads the `error` member of a failure.
    public init(_ value: JSONValue) {
        let effect = value.string("applied") ?? []
        var details: [JSONMember] = []
        if case .object(let members)? = value["details"] { details = members }
        values = Values(
            ErrorCode(name: value.string("code") ?? []), value.string("message") ?? [],
            value.integer("errno").flatMap { Int32(exactly: $0) }, value.bytes("path"),
            effect.equals("yes") ? .yes : effect.equals("unknown") ? .unknown : .no, details)
    }

    /// The same error with one detail, a number.
    @inline(never)
    public func detailed(_ name: Literal, _ number: Int64) -> OperationError {
        var error = self
        error.details = [JSONMember(name: [UInt8](name), value: .integer(number))]
        return error
    }

    /// Writes the value of the `error` member.
    public func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("code", string: code.name)
        writer.member("message", text: message)
        if let errno {
            writer.member("errno", signed: Int64(errno))
        }
        if let path {
            writer.member("path", bytes: path)
        }
        writer.name("applied")
        switch applied {
        case .no: writer.string("no")
        case .yes: writer.string("yes")
        case .unknown: writer.string("unknown")
        }
        if !details.isEmpty {
            writer.beginObject("details")
            writer.members(of: details)
            writer.endObject()
        }
        writer.endObject()
    }
}
