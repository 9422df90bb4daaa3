import PortalWire

/// How a caller names its call, as JSON-RPC 2.0 has it (section 4): a string or a number.
public enum CallIdentifier: Sendable, Hashable {
    /// A whole number.
    case integer(Int64)
    /// Any other number, as its text.
    case number([UInt8])
    /// A string.
    case string([UInt8])

    /// The identifier that a value is; nil for what is none.
    public init?(_ value: JSONValue) {
        switch value {
        case .integer(let number): self = .integer(number)
        case .number(let text): self = .number(text)
        case .string(let text): self = .string(text)
        default: return nil
        }
    }

    /// The same as a value.
    public var value: JSONValue {
        switch self {
        case .integer(let number): .integer(number)
        case .number(let text): .number(text)
        case .string(let text): .string(text)
        }
    }
}

/// A message of a client that speaks JSON-RPC, with or without the member `jsonrpc`.
public enum IncomingMessage: Sendable {
    /// It wants an answer.
    case request(CallIdentifier, method: String, parameters: JSONValue)
    /// It wants none.
    case notification(method: String, parameters: JSONValue)
    /// An answer to a request of ours.
    case response(CallIdentifier, JSONValue)
    /// It is none of these: the code of JSON-RPC, what is wrong, and whom that can be answered to.
    case malformed(code: Int64, reason: String, CallIdentifier?)

    /// The bounds of a message. Agents' messages may be deeper and longer than the headers of portal's own protocol.
    public static let bounds: JSONBounds = {
        var bounds = JSONBounds()
        bounds.depth = 128
        bounds.values = 1_000_000
        bounds.replacesLoneSurrogates = true
        return bounds
    }()

    /// Reads a line.
    public init(_ line: [UInt8]) {
        do throws(WireError) {
            self.init(try JSONParser.parse(line, Self.bounds))
        } catch {
            self = .malformed(code: RemoteProcedureError.parseError, reason: "the line is no JSON: \(error.rule)", nil)
        }
    }

    /// Reads a message that was parsed already, such as one of a batch.
    public init(_ value: JSONValue) {
        guard case .object = value else {
            let what =
                value.array == nil ? "is no JSON object" : "is an array: batches are not taken, send each message on a line of its own"
            self = .malformed(code: RemoteProcedureError.invalidRequest, reason: "the message \(what)", nil)
            return
        }
        let id = value["id"].flatMap { CallIdentifier($0) }
        guard let method = value["method"] else {
            if let id, value["result"] != nil || value["error"] != nil {
                self = .response(id, value)
            } else {
                self = .malformed(code: RemoteProcedureError.invalidRequest, reason: "the message has no method", id)
            }
            return
        }
        guard let name = method.string else {
            self = .malformed(code: RemoteProcedureError.invalidRequest, reason: "the method is no string", id)
            return
        }
        let parameters = value["params"] ?? .object([])
        if let id {
            self = .request(id, method: String(decoding: name, as: UTF8.self), parameters: parameters)
        } else if value.members?.contains(where: { $0.name.equals("id") }) == false {
            self = .notification(method: String(decoding: name, as: UTF8.self), parameters: parameters)
        } else {
            self = .malformed(code: RemoteProcedureError.invalidRequest, reason: "the id is neither a string nor a number", nil)
        }
    }
}

/// What a call is answered with where it fails.
public struct RemoteProcedureError: Error, Sendable {
    /// JSON-RPC 2.0, section 5.1, or the protocol's own.
    public var code: Int64
    /// One line for a person or a model: what failed, why, what to do.
    public var message: String
    /// More, for programs.
    public var data: JSONValue?

    /// The line is no JSON.
    public static let parseError: Int64 = -32700
    /// It is no message.
    public static let invalidRequest: Int64 = -32600
    /// There is no such method.
    public static let methodNotFound: Int64 = -32601
    /// Its parameters are not those that it takes.
    public static let invalidParameters: Int64 = -32602
    /// It failed for a reason that is not the caller's.
    public static let internalError: Int64 = -32603

    /// Makes an error.
    public init(_ code: Int64, _ message: String, data: JSONValue? = nil) {
        self.code = code
        self.message = message
        self.data = data
    }
}
