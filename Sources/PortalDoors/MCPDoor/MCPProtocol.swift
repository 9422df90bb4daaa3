import AgentTools
import DoorSupport
import PortalWire

/// What is said in the Model Context Protocol, without anything being read, written or waited for: messages go in, and what is to be done comes
/// out. One task has it at a time.
struct MCPProtocol {
    /// What is to be done.
    enum Effect: Sendable {
        /// A message is sent.
        case send(JSONValue)
        /// A call begins; its end is given to `finished`.
        case call(Call)
        /// A call is given up; nothing is said about it any more.
        case cancel(CallIdentifier)
        /// The client wants to know who this is, which is sent when it is known: `answer` makes it of the instructions.
        case introduce(CallIdentifier, Introduction)
    }

    /// A call of a tool.
    struct Call: Sendable {
        var id: CallIdentifier
        var tool: String
        var arguments: JSONValue
        /// Where notifications about its progress are wanted.
        var progressToken: JSONValue?
        var era: Era
    }

    /// Which shape answers have.
    enum Era: Sendable {
        /// As of the revisions with `initialize`.
        case negotiated
        /// As of 2026-07-28.
        case stateless
    }

    /// To what question the answer is who this is.
    enum Introduction: Sendable, Equatable {
        case initialize(revision: String)
        case discover
    }

    /// More calls than this at once are refused: each costs memory and requests to the host.
    static let mostCalls = 1024

    private let tools: [ToolDescription]
    private let version: String
    /// What `initialize` has settled; nil before it.
    private(set) var revision: String?
    private var open: [CallIdentifier: Era] = [:]

    /// - Parameter version: Of the program.
    init(tools: [ToolDescription], version: String) {
        self.tools = tools
        self.version = version
    }

    // MARK: What comes

    mutating func receive(_ message: IncomingMessage) -> [Effect] {
        switch message {
        case .malformed(let code, let reason, let id): return [.send(MCPProtocol.failure(id, RemoteProcedureError(code, reason)))]
        // Nothing is asked of clients, so an answer is to nothing.
        case .response: return []
        case .notification(let method, let parameters): return notified(method, parameters)
        case .request(let id, let method, let parameters):
            guard open[id] == nil else {
                return [
                    .send(
                        MCPProtocol.failure(id, RemoteProcedureError(RemoteProcedureError.invalidRequest, "a request with this id is open"))
                    )
                ]
            }
            do throws(RemoteProcedureError) { return try requested(id, method, parameters) } catch {
                return [.send(MCPProtocol.failure(id, error))]
            }
        }
    }

    private mutating func notified(_ method: String, _ parameters: JSONValue) -> [Effect] {
        guard method == "notifications/cancelled", let id = parameters["requestId"].flatMap({ CallIdentifier($0) }),
            open.removeValue(forKey: id) != nil
        else { return [] }
        return [.cancel(id)]
    }

    private mutating func requested(
        _ id: CallIdentifier, _ method: String, _ parameters: JSONValue
    ) throws(RemoteProcedureError) -> [Effect] {
        guard parameters.members != nil else {
            throw RemoteProcedureError(RemoteProcedureError.invalidParameters, "params of \(method) are no JSON object")
        }
        let era = try era(of: method, parameters)
        switch (method, era) {
        case ("initialize", .negotiated):
            let wanted = MCPRevision.negotiate(parameters.text("protocolVersion"))
            revision = wanted
            return introduce(id, .initialize(revision: wanted), era)
        case ("server/discover", .stateless): return introduce(id, .discover, era)
        case ("ping", .negotiated): return [.send(success(id, [:], era))]
        case ("tools/list", _):
            if let cursor = parameters["cursor"] {
                throw RemoteProcedureError(
                    RemoteProcedureError.invalidParameters,
                    "there is no cursor \(String(decoding: cursor.encoded, as: UTF8.self)): all tools are on one page")
            }
            var members: [(String, JSONValue)] = [("tools", .array(tools.map(MCPProtocol.tool)))]
            if case .stateless = era { members += MCPProtocol.cacheable }
            return [.send(success(id, .object(members), era))]
        case ("tools/call", _): return try called(id, parameters, era)
        default: throw RemoteProcedureError(RemoteProcedureError.methodNotFound, "there is no method \(method)")
        }
    }

    /// The era of a request is said by itself. `server/discover` belongs to the new one also where it does not say so: there is no other.
    private func era(of method: String, _ parameters: JSONValue) throws(RemoteProcedureError) -> Era {
        guard let said = parameters["_meta"]?[MCPRevision.member] else { return method == "server/discover" ? .stateless : .negotiated }
        let revision = said.text ?? String(decoding: said.encoded, as: UTF8.self)
        guard MCPRevision.stateless.contains(revision) else {
            throw RemoteProcedureError(
                MCPErrorCode.unsupportedRevision, "the protocol revision \(revision) is not supported in requests",
                data: ["supported": .array(MCPRevision.stateless.map { .text($0) }), "requested": .text(revision)])
        }
        return .stateless
    }

    private mutating func introduce(_ id: CallIdentifier, _ introduction: Introduction, _ era: Era) -> [Effect] {
        open[id] = era
        return [.introduce(id, introduction)]
    }

    private mutating func called(
        _ id: CallIdentifier, _ parameters: JSONValue, _ era: Era
    ) throws(RemoteProcedureError) -> [Effect] {
        guard let name = parameters.text("name") else {
            throw RemoteProcedureError(RemoteProcedureError.invalidParameters, "tools/call: the parameter \"name\" is missing or no string")
        }
        guard tools.contains(where: { $0.name == name }) else {
            let known = tools.map(\.name).joined(separator: ", ")
            throw RemoteProcedureError(RemoteProcedureError.invalidParameters, "Unknown tool: \(name). There are \(known).")
        }
        let arguments = parameters["arguments"] ?? [:]
        guard arguments.members != nil || arguments.string != nil else {
            throw RemoteProcedureError(RemoteProcedureError.invalidParameters, "tools/call: \"arguments\" is no JSON object")
        }
        guard open.count < MCPProtocol.mostCalls else {
            throw RemoteProcedureError(MCPErrorCode.busy, "\(MCPProtocol.mostCalls) calls are open already; wait for the end of some")
        }
        open[id] = era
        return [
            .call(Call(id: id, tool: name, arguments: arguments, progressToken: parameters["_meta"]?["progressToken"], era: era))
        ]
    }

    // MARK: What goes

    /// A call has ended.
    /// - Returns: What is sent; nil where it was given up meanwhile.
    mutating func finished(_ id: CallIdentifier, _ result: ToolResult) -> JSONValue? {
        guard let era = open.removeValue(forKey: id) else { return nil }
        let content = result.content.map { piece -> JSONValue in
            switch piece {
            case .text(let text): ["type": "text", "text": .text(text)]
            case .image(let bytes, let type): ["type": "image", "data": .string(Base64.encode(bytes)), "mimeType": .text(type)]
            }
        }
        return success(id, ["content": .array(content), "isError": .bool(result.isError)], era)
    }

    /// Who this is, is known.
    /// - Returns: What is sent; nil where the question was given up meanwhile.
    mutating func introduced(_ id: CallIdentifier, _ introduction: Introduction, instructions: String) -> JSONValue? {
        guard let era = open.removeValue(forKey: id) else { return nil }
        let capabilities: JSONValue = ["tools": [:]]
        let result: JSONValue
        switch introduction {
        case .initialize(let revision):
            result = [
                "protocolVersion": .text(revision), "capabilities": capabilities, "serverInfo": server, "instructions": .text(instructions),
            ]
        case .discover:
            let members: [(String, JSONValue)] = [
                ("supportedVersions", .array(MCPRevision.stateless.map { .text($0) })), ("capabilities", capabilities),
                ("instructions", .text(instructions)),
            ]
            result = .object(members + MCPProtocol.cacheable)
        }
        return success(id, result, era)
    }

    private var server: JSONValue { ["name": "portal", "title": "portal", "version": .text(version)] }

    /// What was asked belongs to this user and this host, and the host may have answered a moment later.
    private static let cacheable: [(String, JSONValue)] = [("ttlMs", 0), ("cacheScope", "private")]

    /// How far a call is.
    /// - Returns: Nil where it has ended or was given up.
    func progress(_ call: Call, number: Int64, message: String) -> JSONValue? {
        guard open[call.id] != nil, let token = call.progressToken else { return nil }
        return [
            "jsonrpc": "2.0", "method": "notifications/progress",
            "params": ["progressToken": token, "progress": .integer(number), "message": .text(message)],
        ]
    }

    private func success(_ id: CallIdentifier, _ result: JSONValue, _ era: Era) -> JSONValue {
        var members = (result.members ?? []).map { (String(decoding: $0.name, as: UTF8.self), $0.value) }
        if case .stateless = era {
            members.insert(("resultType", "complete"), at: 0)
            members.append(("_meta", ["io.modelcontextprotocol/serverInfo": server]))
        }
        return ["jsonrpc": "2.0", "id": id.value, "result": .object(members)]
    }

    static func failure(_ id: CallIdentifier?, _ error: RemoteProcedureError) -> JSONValue {
        var members: [(String, JSONValue)] = [("code", .integer(error.code)), ("message", .text(error.message))]
        if let data = error.data { members.append(("data", data)) }
        return ["jsonrpc": "2.0", "id": id?.value ?? .null, "error": .object(members)]
    }

    private static func tool(_ tool: ToolDescription) -> JSONValue {
        [
            "name": .text(tool.name), "title": .text(tool.title), "description": .text(tool.about), "inputSchema": tool.inputSchema,
            "annotations": [
                "title": .text(tool.title), "readOnlyHint": .bool(tool.isReadOnly), "destructiveHint": .bool(tool.isDestructive),
                "idempotentHint": .bool(tool.isIdempotent), "openWorldHint": .bool(tool.name == "Bash"),
            ],
            // Claude Code hides tools behind a search without the first, and puts results beyond 25000 tokens into a file here without the second.
            "_meta": ["anthropic/alwaysLoad": true, "anthropic/maxResultSizeChars": 400_000],
        ]
    }
}
