import DoorSupport
import PortalWire

/// A parameter of a tool: what a model may give, and how that is said to it.
public struct ToolParameter: Sendable {
    /// What values it takes.
    enum Kind: Sendable {
        /// A string.
        case text
        /// A whole number in a range.
        case integer(ClosedRange<Int>)
        /// True or false.
        case flag
        /// Strings.
        case texts
        /// One of several strings.
        case choice([String])
    }

    let name: Literal
    let kind: Kind
    var isRequired = false
    let about: String
    /// Other names that models give it; they are taken, and not shown.
    var synonyms: [Literal] = []

    init(_ name: Literal, _ kind: Kind, required: Bool = false, synonyms: [Literal] = [], _ about: String) {
        self.name = name
        self.kind = kind
        isRequired = required
        self.synonyms = synonyms
        self.about = about
    }

    /// The parameter as JSON Schema has it.
    var schema: JSONValue {
        var members: [(String, JSONValue)]
        switch kind {
        case .text: members = [("type", "string")]
        case .integer(let range):
            members = [("type", "integer"), ("minimum", .integer(Int64(range.lowerBound)))]
            if range.upperBound < Int.max { members.append(("maximum", .integer(Int64(range.upperBound)))) }
        case .flag: members = [("type", "boolean")]
        case .texts: members = [("type", "array"), ("items", ["type": "string"])]
        case .choice(let names): members = [("type", "string"), ("enum", .array(names.map { .text($0) }))]
        }
        members.append(("description", .text(about)))
        return .object(members)
    }

    /// What it takes, in words.
    private var wanted: String {
        switch kind {
        case .text: "a string"
        case .integer(let range):
            range.upperBound == Int.max
                ? "a whole number from \(range.lowerBound)" : "a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .flag: "true or false"
        case .texts: "an array of strings"
        case .choice(let names): "one of \(names.map { "\"\($0)\"" }.joined(separator: ", "))"
        }
    }

    /// A value of this kind. What models write otherwise and can mean one thing only is taken for that: numbers and booleans as strings, a number
    /// where a string is meant, one string for an array of them.
    /// - Throws: `ToolError`, which says what was given and what is taken.
    func value(_ given: JSONValue, of tool: String) throws(ToolError) -> ToolArgument {
        switch (kind, given) {
        case (.text, .string(let bytes)): return .text(bytes)
        case (.text, .integer(let number)): return .text(Array(String(number).utf8))
        case (.text, .number(let text)): return .text(text)
        case (.integer(let range), _):
            if let number = ToolParameter.wholeNumber(given), range.contains(number) { return .integer(number) }
        case (.flag, .bool(let flag)): return .flag(flag)
        case (.flag, .string(let text)):
            switch String(decoding: text, as: UTF8.self).lowercased() {
            case "true": return .flag(true)
            case "false": return .flag(false)
            default: break
            }
        case (.texts, .string(let text)): return .texts([text])
        case (.texts, .array(let elements)):
            let texts = elements.compactMap(\.string)
            if texts.count == elements.count { return .texts(texts) }
        case (.choice(let names), .string(let text)):
            let text = String(decoding: text, as: UTF8.self)
            if let name = names.first(where: { $0 == text }) { return .text(Array(name.utf8)) }
        default: break
        }
        throw ToolError("\(tool): the parameter \"\(name)\" was given \(ToolParameter.shown(given)); it takes \(wanted)")
    }

    private static func wholeNumber(_ value: JSONValue) -> Int? {
        switch value {
        case .integer(let number): return Int(exactly: number)
        case .number(let text), .string(let text):
            let text = String(decoding: text, as: UTF8.self)
            if let number = Int(text) { return number }
            // "10.0" and "1e3" are whole numbers too; "nan" and what is beyond a double's whole numbers are not.
            guard let number = Double(text), abs(number) < 1e15 else { return nil }
            return Int(exactly: number)
        default: return nil
        }
    }

    /// A value as it is quoted to a model.
    static func shown(_ value: JSONValue) -> String {
        let text = String(decoding: value.encoded, as: UTF8.self)
        return text.utf8.count <= 200 ? text : String(text.unicodeScalars.prefix(200)) + "…"
    }
}

/// A value that was given for a parameter.
enum ToolArgument: Sendable {
    case text([UInt8])
    case integer(Int)
    case flag(Bool)
    case texts([[UInt8]])
}

/// What a model gave for a tool's parameters, as the kinds that they have.
struct ToolArguments: Sendable {
    private let tool: String
    private var values: [(name: String, value: ToolArgument)] = []

    /// Reads the input of a call.
    /// - Throws: `ToolError`, which names the parameter, what was given and what is taken.
    init(_ input: JSONValue, for tool: ToolDescription) throws(ToolError) {
        self.tool = tool.name
        for member in try ToolArguments.members(of: input, for: tool) {
            if case .null = member.value { continue }
            let name = member.name
            guard
                let parameter = tool.parameters.first(where: { parameter in
                    name.equals(parameter.name) || parameter.synonyms.contains { name.equals($0) }
                })
            else {
                let known = tool.parameters.map { "\($0.name)" }.joined(separator: ", ")
                throw ToolError(
                    "\(tool.name): there is no parameter \"\(String(decoding: name, as: UTF8.self))\" (given \(ToolParameter.shown(member.value))); "
                        + (known.isEmpty ? "it takes none" : "it takes \(known)"))
            }
            guard self[parameter.name] == nil else { throw ToolError("\(tool.name): the parameter \"\(parameter.name)\" is given twice") }
            values.append(("\(parameter.name)", try parameter.value(member.value, of: tool.name)))
        }
        for parameter in tool.parameters where parameter.isRequired && self[parameter.name] == nil {
            throw ToolError("\(tool.name): the required parameter \"\(parameter.name)\" is missing")
        }
    }

    /// Some models give the object as text.
    private static func members(of input: JSONValue, for tool: ToolDescription) throws(ToolError) -> [JSONMember] {
        switch input {
        case .null: return []
        case .object(let members): return members
        case .string(let text):
            if let parsed = try? JSONParser.parse(text), let members = parsed.members { return members }
        default: break
        }
        throw ToolError("\(tool.name): the input is \(ToolParameter.shown(input)); it takes a JSON object")
    }

    private subscript(name: Literal) -> ToolArgument? {
        let name = name.description
        return values.first { $0.name == name }?.value
    }

    /// The bytes of a string; nil where it was not given.
    func bytes(_ name: Literal) -> [UInt8]? {
        if case .text(let bytes)? = self[name] { return bytes }
        return nil
    }

    /// The bytes of a required string.
    func required(_ name: Literal) throws(ToolError) -> [UInt8] {
        guard let bytes = bytes(name) else { throw ToolError("\(tool): the required parameter \"\(name)\" is missing") }
        return bytes
    }

    /// A string; nil where it was not given.
    func text(_ name: Literal) -> String? { bytes(name).map { String(decoding: $0, as: UTF8.self) } }

    /// A number; nil where it was not given.
    func integer(_ name: Literal) -> Int? {
        if case .integer(let number)? = self[name] { return number }
        return nil
    }

    /// A flag; nil where it was not given.
    func flag(_ name: Literal) -> Bool? {
        if case .flag(let flag)? = self[name] { return flag }
        return nil
    }

    /// Strings; none where they were not given.
    func texts(_ name: Literal) -> [[UInt8]] {
        if case .texts(let texts)? = self[name] { return texts }
        return []
    }
}
