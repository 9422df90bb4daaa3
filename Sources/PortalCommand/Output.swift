import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Standard output and standard error: what this program says for itself, and what a command there has printed.
enum Output {
    /// The exit status where the reader is gone, as a shell gives it for one that SIGPIPE ended.
    static let unreadStatus: Int32 = 128 + SIGPIPE

    /// Whoever ends the program keeps the others from ending it once more, and from saying why once more.
    private static let ending = Mutex(())

    /// Writes everything to a standard descriptor. Where that cannot be done the program ends: quietly where the reader has left.
    static func write(_ bytes: [UInt8], to descriptor: Int32 = 1) {
        ignoreSignal(SIGPIPE)
        guard let code = writeAll(descriptor, bytes) else { return }
        ending.withLock { _ in endProgram(unwritable(code)) }
    }

    /// Prints a line.
    static func print(_ line: String) { write(Array((line + "\n").utf8)) }

    /// Says that output could not be written, unless its reader has left.
    /// - Returns: The exit status for it.
    static func unwritable(_ code: Int32) -> Int32 {
        if code == EPIPE { return unreadStatus }
        complain("portal: cannot write the output: \(String(cString: strerror(code)))")
        return failureStatus
    }
}
