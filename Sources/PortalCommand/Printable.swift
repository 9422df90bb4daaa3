/// Text from elsewhere for a person's terminal.
enum Printable {
    /// The text with a `?` for each control character, which could play with the terminal, and for each byte that was no UTF-8.
    /// - Parameter keepsLines: Whether line feeds are left.
    static func text(_ text: String, keepsLines: Bool = false) -> String {
        let scalars = text.unicodeScalars.map { scalar -> Unicode.Scalar in
            if keepsLines, scalar == "\n" { return scalar }
            return scalar.value < 0x20 || 0x7F..<0xA0 ~= scalar.value || scalar.value == 0xFFFD ? "?" : scalar
        }
        return String(String.UnicodeScalarView(scalars))
    }

    /// As `text`, of bytes.
    static func text(_ bytes: [UInt8]) -> String { text(String(decoding: bytes, as: UTF8.self)) }

    /// A message that may have several lines as one.
    static func line(_ message: String) -> String {
        message.split(whereSeparator: \.isNewline).map { text(String($0)) }.joined(separator: " ")
    }
}
