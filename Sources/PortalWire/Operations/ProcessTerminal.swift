/// The terminal that a process is given.
public struct ProcessTerminal: Sendable, Equatable {
    /// Lines, 1 to 65535.
    public var rows: UInt16
    /// Characters of a line, 1 to 65535.
    public var columns: UInt16
    /// The value of TERM; nil for `xterm-256color`.
    public var term: [UInt8]?

    /// Makes it from its values.
    public init(rows: UInt16, columns: UInt16, term: [UInt8]? = nil) {
        self.rows = rows
        self.columns = columns
        self.term = term
    }

    /// Reads the value of `pty`.
    /// - Throws: `OperationError` with the code `invalid`.
    init(_ value: JSONValue) throws(OperationError) {
        guard case .object = value else { throw .parameter("pty", "is not an object") }
        rows = try value.terminalLength("rows")
        columns = try value.terminalLength("columns")
        term = try value.optionalBytes("term")
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("rows", number: UInt64(rows))
        writer.member("columns", number: UInt64(columns))
        writer.member("term", bytes: term)
    }
}

/// `process.resize`: another size for a process's terminal, of which its foreground process group is told by SIGWINCH.
public struct ProcessResizeRequest: Sendable {
    /// The name on the wire.
    public static var operation: Literal { "process.resize" }
    /// Its name.
    public var process: [UInt8]
    /// Lines, 1 to 65535.
    public var rows: UInt16
    /// Characters of a line, 1 to 65535.
    public var columns: UInt16

    /// Makes it from its values.
    public init(process: [UInt8], rows: UInt16, columns: UInt16) {
        self.process = process
        self.rows = rows
        self.columns = columns
    }

    /// Reads the parameters of a request.
    /// - Throws: `OperationError` with the code `invalid`.
    public init(_ parameters: borrowing JSONValue) throws(OperationError) {
        rows = try parameters.terminalLength("rows")
        columns = try parameters.terminalLength("columns")
        process = try parameters.requiredBytes("process")
    }

    /// Writes the members of the JSON object.
    public func write(to writer: inout JSONWriter) {
        writer.member("process", bytes: process)
        writer.member("rows", number: UInt64(rows))
        writer.member("columns", number: UInt64(columns))
    }
}

extension JSONValue {
    fileprivate func terminalLength(_ name: Literal) throws(OperationError) -> UInt16 {
        guard let number = unsigned(name), let length = UInt16(exactly: number), length > 0 else {
            throw .parameter(name, "is not a number from 1 to 65535")
        }
        return length
    }
}
