import CLibssh2
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One SSH session as a machine over memory: bytes from the host go in with `receive`, bytes for it come out of `takeOutbound`.
///
/// libssh2's SEND callback always accepts everything, so no packet is ever half sent inside libssh2; every known
/// corruption and deadlock between sending, window adjustment and rekeying needs exactly that state. Steps return nil when they
/// need more bytes from the host. Not thread-safe; `Link` confines it to an event loop.
final class Engine {
    let session: OpaquePointer
    private var channel: OpaquePointer?
    private var inbound = ByteBuffer()
    private var outbound: ByteBuffer
    /// Once set, the callbacks fail: nothing goes in or out any more and libssh2 frees without waiting for the peer.
    private var isDead = false
    /// Pending exchange of the sign callback.
    private var signing = Signing.idle
    /// Answers keyboard-interactive prompts, while that step runs.
    var answerPrompts: ((_ instruction: [UInt8], _ prompts: [(text: [UInt8], echo: Bool)]) -> [[UInt8]])?

    private enum Signing {
        case idle
        case wanted([UInt8])
        case done([UInt8])
        case declined
    }

    init(hostKeyAlgorithms: [String]) throws(EngineFault) {
        outbound = ByteBufferAllocator().buffer(capacity: 4096)
        guard Libssh2.initialized == 0, Libssh2.spareDescriptor >= 0,
            let session = portal_ssh_session_new(nil, engineSend, engineReceive)
        else {
            throw EngineFault(code: LIBSSH2_ERROR_ALLOC, text: "libssh2 cannot be initialized")
        }
        self.session = session
        // Unretained: the session is freed in deinit, so it never outlives the engine.
        libssh2_session_abstract(session).pointee = Unmanaged.passUnretained(self).toOpaque()
        for (method, names) in [
            (LIBSSH2_METHOD_KEX, Algorithms.keyExchange), (LIBSSH2_METHOD_HOSTKEY, hostKeyAlgorithms),
            (LIBSSH2_METHOD_CRYPT_CS, Algorithms.cipher), (LIBSSH2_METHOD_CRYPT_SC, Algorithms.cipher),
            (LIBSSH2_METHOD_MAC_CS, Algorithms.mac), (LIBSSH2_METHOD_MAC_SC, Algorithms.mac),
        ] {
            _ = libssh2_session_method_pref(session, method, names.joined(separator: ","))
        }
    }

    deinit {
        isDead = true
        // Each call makes progress on what it was waiting for or fails; the bound is for versions that return EAGAIN for good.
        for _ in 0..<8 where libssh2_session_free(session) != LIBSSH2_ERROR_EAGAIN { break }
    }

    // MARK: Bytes

    func receive(_ bytes: ByteBuffer) {
        if inbound.readableBytes == 0 {
            inbound = bytes
        } else {
            var bytes = bytes
            inbound.writeBuffer(&bytes)
        }
    }

    /// What is to be sent now; nil when there is nothing.
    func takeOutbound() -> ByteBuffer? {
        guard outbound.readableBytes > 0 else { return nil }
        let taken = outbound
        outbound = ByteBufferAllocator().buffer(capacity: min(max(taken.readableBytes, 1024), 65536))
        return taken
    }

    var hasInbound: Bool { inbound.readableBytes > 0 }

    fileprivate func send(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard !isDead else { return -Int(ECONNRESET) }
        outbound.writeBytes(bytes)
        return bytes.count
    }

    fileprivate func receive(into bytes: UnsafeMutableRawBufferPointer) -> Int {
        guard !isDead else { return -Int(ECONNRESET) }
        let count = min(bytes.count, inbound.readableBytes)
        guard count > 0 else { return -Int(EAGAIN) }
        inbound.withUnsafeReadableBytes { bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        inbound.moveReaderIndex(forwardBy: count)
        // Let go of the storage, so that NIO can read into it again.
        if inbound.readableBytes == 0 { inbound = ByteBuffer() }
        return count
    }

    // MARK: Setting up

    /// A call that returns 0, an error, or EAGAIN.
    func step(_ code: Int32) throws(EngineFault) -> Void? {
        if code == LIBSSH2_ERROR_EAGAIN { return nil }
        guard code == 0 else { throw fault(code) }
        return ()
    }

    func fault(_ code: Int32) -> EngineFault {
        var text: UnsafeMutablePointer<CChar>?
        var count: Int32 = 0
        libssh2_session_last_error(session, &text, &count, 0)
        guard let text, count > 0 else { return EngineFault(code: code, text: "libssh2 error \(code)") }
        let bytes = UnsafeRawBufferPointer(start: text, count: Int(count))
        return EngineFault(code: code, text: printable(bytes))
    }

    func handshake() throws(EngineFault) -> Void? {
        try step(libssh2_session_handshake(session, Libssh2.spareDescriptor))
    }

    /// The key that the host proved to have, as its wire blob.
    func hostKey() -> [UInt8] {
        var count = 0
        var type: Int32 = 0
        guard let bytes = libssh2_session_hostkey(session, &count, &type) else { return [] }
        return Array(UnsafeRawBufferPointer(start: bytes, count: count))
    }

    /// SHA256:… of the host's key, as ssh prints it.
    func hostKeyFingerprint() -> String {
        guard let hash = libssh2_hostkey_hash(session, LIBSSH2_HOSTKEY_HASH_SHA256) else { return "SHA256:?" }
        return "SHA256:" + base64(UnsafeRawBufferPointer(start: hash, count: 32), padded: false)
    }

    func banner() -> String {
        libssh2_session_banner_get(session).map { printable(String(cString: $0).utf8) } ?? ""
    }

    /// The algorithms in use, for the log.
    func algorithms() -> String {
        let methods = [LIBSSH2_METHOD_KEX, LIBSSH2_METHOD_HOSTKEY, LIBSSH2_METHOD_CRYPT_CS, LIBSSH2_METHOD_MAC_CS]
        return methods.map { libssh2_session_methods(session, $0).map { String(cString: $0) } ?? "-" }.joined(separator: " ")
    }

    // MARK: Authentication

    /// The methods that the server offers, or an empty list when it let us in without any.
    func authenticationMethods(user: String) throws(EngineFault) -> [String]? {
        if let list = libssh2_userauth_list(session, user, UInt32(user.utf8.count)) {
            return String(cString: list).split(separator: ",").map(String.init)
        }
        if libssh2_userauth_authenticated(session) != 0 { return [] }
        let code = libssh2_session_last_errno(session)
        if code == LIBSSH2_ERROR_EAGAIN { return nil }
        throw fault(code)
    }

    enum PublicKeyStep: Sendable {
        case accepted
        /// The server takes the key: sign these bytes, call `provide(signature:)`, and go on.
        case sign([UInt8])
    }

    /// Public-key login with a signature from elsewhere.
    func authenticate(user: String, publicKey: [UInt8]) throws(EngineFault) -> PublicKeyStep? {
        var context: UnsafeMutableRawPointer? = Unmanaged.passUnretained(self).toOpaque()
        let code = libssh2_userauth_publickey(session, user, publicKey, publicKey.count, engineSign, &context)
        if code == LIBSSH2_ERROR_EAGAIN {
            if case .wanted(let bytes) = signing { return .sign(bytes) }
            return nil
        }
        signing = .idle
        guard code == 0 else { throw fault(code) }
        return .accepted
    }

    /// The signature asked for, without its algorithm's name; nil: none will come, and the step fails.
    func provide(signature: [UInt8]?) {
        signing = signature.map { .done($0) } ?? .declined
    }

    fileprivate func sign(_ bytes: UnsafeRawBufferPointer) -> SignAnswer {
        switch signing {
        case .idle:
            signing = .wanted(Array(bytes))
            return .later
        case .wanted: return .later
        case .done(let signature): return .signature(signature)
        case .declined: return .never
        }
    }

    enum SignAnswer {
        case later, never
        case signature([UInt8])
    }

    /// Public-key login with a private key file. Errors before anything was sent (wrong passphrase, unknown format) have other codes than refusals.
    func authenticate(user: String, keyFile: String, passphrase: String) throws(EngineFault) -> Void? {
        try step(libssh2_userauth_publickey_fromfile_ex(session, user, UInt32(user.utf8.count), nil, keyFile, passphrase))
    }

    func authenticate(user: String, password: String) throws(EngineFault) -> Void? {
        try step(
            libssh2_userauth_password_ex(
                session, user, UInt32(user.utf8.count), password, UInt32(password.utf8.count), nil))
    }

    func authenticateInteractively(user: String) throws(EngineFault) -> Void? {
        try step(
            libssh2_userauth_keyboard_interactive_ex(
                session, user, UInt32(user.utf8.count)
            ) { _, _, instruction, instructionCount, promptCount, prompts, responses, context in
                guard let engine = engine(context), let prompts, let responses else { return }
                let questions = (0..<max(promptCount, 0)).map { index -> (text: [UInt8], echo: Bool) in
                    var count = 0
                    let text = portal_ssh_prompt_text(prompts, index, &count)
                    return (Array(UnsafeRawBufferPointer(start: text, count: count)), portal_ssh_prompt_echo(prompts, index) != 0)
                }
                let text = Array(UnsafeRawBufferPointer(start: instruction, count: instruction == nil ? 0 : Int(max(instructionCount, 0))))
                let answers = engine.answerPrompts?(text, questions) ?? []
                for index in 0..<questions.count {
                    let answer = index < answers.count ? answers[index] : []
                    _ = portal_ssh_prompt_answer(responses, Int32(index), answer, answer.count)
                }
            })
    }

    // MARK: The channel

    func openChannel(window: Int) throws(EngineFault) -> Void? {
        channel = libssh2_channel_open_ex(session, "session", 7, UInt32(window), 32768, nil, 0)
        if channel != nil { return () }
        let code = libssh2_session_last_errno(session)
        if code == LIBSSH2_ERROR_EAGAIN { return nil }
        throw fault(code)
    }

    func execute(_ command: String) throws(EngineFault) -> Void? {
        try step(libssh2_channel_process_startup(channel, "exec", 4, command, UInt32(command.utf8.count)))
    }

    /// Reads into the buffer's free space. 0: nothing there now.
    func read(stream: Int32, into buffer: inout ByteBuffer) throws(EngineFault) -> Int {
        let count = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: 0) { free in
            max(0, readRaw(stream: stream, free))
        }
        // A failure is latched: the next call returns it again.
        if count == 0, let failure = lastReadFailure {
            lastReadFailure = nil
            throw fault(failure)
        }
        return count
    }

    private var lastReadFailure: Int32?

    private func readRaw(stream: Int32, _ free: UnsafeMutableRawBufferPointer) -> Int {
        let count = libssh2_channel_read_ex(channel, stream, free.baseAddress?.assumingMemoryBound(to: CChar.self), free.count)
        if count < 0, count != Int(LIBSSH2_ERROR_EAGAIN) { lastReadFailure = Int32(truncatingIfNeeded: count) }
        return count
    }

    /// Encrypts some of the bytes. 0: the host's window is closed until it says otherwise.
    func write(_ bytes: UnsafeRawBufferPointer) throws(EngineFault) -> Int {
        let count = libssh2_channel_write_ex(channel, 0, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), min(bytes.count, 32_700))
        if count >= 0 { return count }
        if count == Int(LIBSSH2_ERROR_EAGAIN) { return 0 }
        throw fault(Int32(truncatingIfNeeded: count))
    }

    /// Takes in packets (window adjustments, rekeying) without taking data from the channel, so its window still closes.
    func turnOver() throws(EngineFault) {
        let code = libssh2_channel_wait_eof(channel)
        guard code == 0 || code == LIBSSH2_ERROR_EAGAIN else { throw fault(code) }
    }

    /// The host said that no more data comes, and all of it was read.
    var isAtEnd: Bool { libssh2_channel_eof(channel) == 1 }

    /// Waits, after the end, for the host to close the channel: only then are status and signal there.
    func finish() throws(EngineFault) -> Void? { try step(libssh2_channel_wait_closed(channel)) }

    var exitStatus: Int { Int(libssh2_channel_get_exit_status(channel)) }

    var exitSignal: String? {
        var name: UnsafeMutablePointer<CChar>?
        var count = 0
        guard libssh2_channel_get_exit_signal(channel, &name, &count, nil, nil, nil, nil) == 0, let name, count > 0 else { return nil }
        defer { libssh2_free(session, name) }
        return printable(UnsafeRawBufferPointer(start: name, count: count))
    }

    /// Queues the channel's close and the session's farewell; waits for nothing.
    func sayGoodbye() {
        if let channel { _ = libssh2_channel_close(channel) }
        _ = libssh2_session_disconnect_ex(session, SSH_DISCONNECT_BY_APPLICATION, "done", "")
    }
}

private func engine(_ context: UnsafeMutablePointer<UnsafeMutableRawPointer?>?) -> Engine? {
    context?.pointee.map { Unmanaged<Engine>.fromOpaque($0).takeUnretainedValue() }
}

private func engineSend(
    _: libssh2_socket_t, _ bytes: UnsafeRawPointer?, _ count: Int, _: Int32, _ context: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> Int {
    engine(context)?.send(UnsafeRawBufferPointer(start: bytes, count: count)) ?? -Int(ECONNRESET)
}

private func engineReceive(
    _: libssh2_socket_t, _ bytes: UnsafeMutableRawPointer?, _ count: Int, _: Int32,
    _ context: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> Int {
    engine(context)?.receive(into: UnsafeMutableRawBufferPointer(start: bytes, count: count)) ?? -Int(ECONNRESET)
}

private func engineSign(
    _: OpaquePointer?, _ signature: UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?, _ signatureCount: UnsafeMutablePointer<Int>?,
    _ bytes: UnsafePointer<UInt8>?, _ count: Int, _ context: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
) -> Int32 {
    guard let engine = engine(context) else { return -1 }
    switch engine.sign(UnsafeRawBufferPointer(start: bytes, count: count)) {
    case .later: return LIBSSH2_ERROR_EAGAIN
    case .never: return -1
    case .signature(let answer):
        // libssh2 frees it with the session's allocator, which is malloc's.
        guard let copy = malloc(max(answer.count, 1)) else { return -1 }
        answer.withUnsafeBytes { copy.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
        signature?.pointee = copy.assumingMemoryBound(to: UInt8.self)
        signatureCount?.pointee = answer.count
        return 0
    }
}
