/// Signals by name, in Linux's numbers: the host is what they are for.
enum SignalName {
    private static let names = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT", "CHLD",
        "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ]

    /// `TERM`, `SIGTERM`, `term` or `15`; nil for what is none.
    static func number(_ text: String) -> Int32? {
        if let number = Int32(text) { return 1...64 ~= number ? number : nil }
        var name = text.uppercased()
        if name.hasPrefix("SIG") { name.removeFirst(3) }
        return names.firstIndex(of: name).map { Int32($0 + 1) }
    }

    /// `TERM` for 15, and the number itself where it has no name.
    static func name(_ number: Int32) -> String { 1...Int32(names.count) ~= number ? names[Int(number) - 1] : "\(number)" }
}
