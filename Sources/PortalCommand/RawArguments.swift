#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The program's arguments as bytes. Swift's are text, in which bytes that are no UTF-8 were replaced; a path must not be.
enum RawArguments {
    /// The bytes of an argument that was parsed from the command line. The text itself where it is no argument.
    static func bytes(of text: String) -> [UInt8] {
        let own = Array(text.utf8)
        guard own.contains(0xEF) else { return own }  // The first byte of U+FFFD, which stands for what was replaced.
        for index in 1..<max(1, Int(CommandLine.argc)) {
            guard let argument = CommandLine.unsafeArgv[index] else { continue }
            let bytes = [UInt8](UnsafeRawBufferPointer(start: argument, count: strlen(argument)))
            if bytes != own, Array(String(decoding: bytes, as: UTF8.self).utf8) == own { return bytes }
        }
        return own
    }
}
