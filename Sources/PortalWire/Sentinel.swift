/// What the executor prints before its first frame, so that whatever a login shell printed before it is told apart.
public enum Sentinel {
    /// Bytes that no text has: NUL, SOH, STX.
    public static let mark: [UInt8] = [0, 1, 2]

    /// The whole opening line for a token.
    public static func line(token: [UInt8]) -> [UInt8] {
        var line = mark
        line.append("portal ")
        line.add(token)
        line.add(0x03)
        line.add(0x0A)
        return line
    }
}
