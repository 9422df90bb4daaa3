import PortalWire

/// A JSON text of a value, to compare values by.
func text(_ value: JSONValue) -> String {
    var writer = JSONWriter()
    writer.value(value)
    return String(decoding: writer.bytes, as: UTF8.self)
}

/// Parses a text.
func parse(_ text: String) throws(WireError) -> JSONValue { try JSONParser.parse(Array(text.utf8)) }

extension FrameDecoder {
    /// Takes bytes from an array.
    mutating func receive(_ bytes: some Sequence<UInt8>) {
        Array(bytes).withUnsafeBytes { receive($0) }
    }
}

extension Frame {
    /// A frame of a header given as text.
    init(_ header: String, payload: [UInt8] = []) { self.init(header: Array(header.utf8), payload: payload) }

    /// The header as text.
    var headerText: String { String(decoding: header, as: UTF8.self) }
}
