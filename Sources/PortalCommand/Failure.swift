import Portal
import PortalWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The exit status where portal itself or the connection failed; the same that ssh uses.
let failureStatus: Int32 = 255

/// Ends the program with one line on standard error. What failed on the host names it.
/// - Parameter status: The exit status, where the error itself has none.
func fail(_ error: PortalError, on target: String? = nil, verbose: Bool = false, status: Int32 = failureStatus) -> Never {
    let place = error.code == .disconnected || error.code == .outcomeUnknown ? "" : target.map { "\($0): " } ?? ""
    var text = "portal: \(place)\(verbose ? error.message : Printable.line(error.message))"
    if verbose {
        text += "\n  code \(String(decoding: [UInt8](error.code.name), as: UTF8.self))"
        if let number = error.errno { text += ", errno \(number)" }
        if let path = error.path { text += ", path \(path)" }
        text += ", applied \(error.applied)"
    }
    complain(text)
    exit(error.details["status"]?.integer.flatMap { Int32(exactly: $0) } ?? status)
}

/// Ends the program with a status; what was prepared for that end (the terminal) is done.
func endProgram(_ status: Int32) -> Never { exit(status) }

/// Makes a signal do nothing by itself.
func ignoreSignal(_ number: Int32) { _ = signal(number, SIG_IGN) }

/// Writes a line to standard error; what of it could play with a terminal is left out.
func complain(_ line: String) { writeAll(2, Array((Printable.text(line, keepsLines: true) + "\n").utf8)) }

/// Writes everything, or returns the errno that kept it from doing so.
@discardableResult
func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) -> Int32? {
    var written = 0
    while written < bytes.count {
        let count = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress! + written, bytes.count - written) }
        if count >= 0 {
            written += count
        } else if errno == EAGAIN {
            var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            poll(&waiting, 1, -1)
        } else if errno != EINTR {
            return errno
        }
    }
    return nil
}

/// The value of an environment variable that is set and not empty.
func environmentVariable(_ name: String) -> String? {
    guard let value = getenv(name), value.pointee != 0 else { return nil }
    return String(cString: value)
}

/// The path of this program.
func ownExecutable() -> String? {
    var buffer = [CChar](repeating: 0, count: 4096)
    let length = readlink("/proc/self/exe", &buffer, buffer.count - 1)
    guard length > 0 else { return nil }
    return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
}
