import CExecutorPlatform
import PortalWire

/// The executor's entry: `executor serve TOKEN [--linger SECONDS [--resume NAME]]`, `executor check FILE HEX`, `executor environment TOKEN` or
/// `executor version`. `check` prints the SHA-256 that it found.
/// - Returns: The exit status: 0 for a session that ended as asked, a file whose SHA-256 is the given one; 1 for a broken protocol, a file
///   that is another or cannot be read; 2 for arguments that make no sense.
@_cdecl("portal_executor_main")
public func executorMain(argc: Int32, argv: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Int32 {
    var arguments: [[UInt8]] = []
    for index in 0..<Int(argc) {
        guard let argument = argv[index] else { break }
        arguments.add(bytes(of: UnsafeRawPointer(argument).assumingMemoryBound(to: UInt8.self)))
    }
    var wanted = platform_serve()
    if arguments.count >= 3, arguments[1].equals("serve"), platform_read_serve(argc, argv, &wanted) != 0 {
        return serve(&wanted)
    }
    if arguments.count == 4, arguments[1].equals("check") { return check(file: arguments[2], hexadecimal: arguments[3]) }
    if arguments.count == 3, arguments[1].equals("environment") {
        platform_say_environment(terminated(arguments[2]))
        return 0
    }
    if arguments.count == 2, arguments[1].equals("version") {
        write(executorBuild + [UInt8]("\n"), to: 1)
        return 0
    }
    write([UInt8]("usage: executor serve TOKEN [--linger SECONDS [--resume NAME]] | check FILE HEX | environment TOKEN | version\n"), to: 2)
    return 2
}

/// The build as the hello and `executor version` say it.
let executorBuild = [UInt8]("portal-executor 0.1")

private func serve(_ wanted: inout platform_serve) -> Int32 {
    let status = platform_session_begin(&wanted)
    if let session = Session(wanted, problem: status) {
        let status = session.run(wanted.link, token: wanted.token)
        // Workers may still be inside a stalled disk: nothing of theirs is waited for.
        platform_exit(status)
    }
    write([UInt8]("portal-executor: the host gives no event queue or random numbers\n"), to: 2)
    return 1
}

private func check(file: [UInt8], hexadecimal expected: [UInt8]) -> Int32 {
    let descriptor = platform_open(terminated(file), UInt32(PLATFORM_OPEN_READ), 0)
    guard descriptor >= 0 else { return 1 }
    guard let digest = try? hashOfContent(descriptor) else { return 1 }
    // Said as well as returned: whoever asks may run something else that merely ends with 0.
    write(digest, to: 1)
    return digest == expected ? 0 : 1
}

private func write(_ text: [UInt8], to descriptor: Int32) {
    // There is nobody to tell where this fails.
    _ = text.withUnsafeBytes { platform_write(descriptor, $0.baseAddress, $0.count) }
}

/// The bytes of a C string, its NUL left out.
func bytes(of text: UnsafePointer<UInt8>) -> [UInt8] {
    var count = 0
    while text[count] != 0 { count += 1 }
    return Array(UnsafeBufferPointer(start: text, count: count))
}
