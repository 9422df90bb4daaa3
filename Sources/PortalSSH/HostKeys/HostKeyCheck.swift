import Logging
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Decides whether the host is who it should be, as ssh does.
struct HostKeyCheck: Sendable {
    var configuration: SSHConfiguration
    var knownHosts: KnownHosts

    init(configuration: SSHConfiguration) {
        self.configuration = configuration
        let files = configuration.userKnownHostsFiles + configuration.globalKnownHostsFiles
        knownHosts = KnownHosts(
            files: files.compactMap { path in Environment.contents(of: path).map { (path, $0) } }, name: configuration.knownHostsName)
    }

    /// - Throws: `.hostKeyUnknown`, `.hostKeyChanged`, `.hostKeyRevoked`, or `.timedOut` when the person did not answer.
    func check(
        key: [UInt8], fingerprint: String, interaction: any Interaction, options: ConnectOptions, on eventLoop: any EventLoop,
        logger: Logger
    ) async throws(SSHError) {
        let name = configuration.knownHostsName
        let type = keyType(ofBlob: key)
        switch knownHosts.verdict(on: key) {
        case .known: return
        case .revoked(let entry):
            throw SSHError(
                .hostKeyRevoked,
                "The host key of \(name) (\(type) \(fingerprint)) is marked as revoked in \(entry.file):\(entry.line). Not connecting.")
        case .changed(let entry):
            throw SSHError(
                .hostKeyChanged,
                "REMOTE HOST IDENTIFICATION HAS CHANGED: \(name) shows the \(type) key \(fingerprint), but \(entry.file):\(entry.line) has another. "
                    + "Someone may be in the middle. If the key was really replaced: ssh-keygen -f \(entry.file) -R '\(name)'")
        case .unknown(let others):
            switch configuration.strictHostKeyChecking {
            case .yes:
                throw SSHError(
                    .hostKeyUnknown,
                    "The host key of \(name) (\(type) \(fingerprint)) is not known and StrictHostKeyChecking is yes. Add it to known_hosts first."
                )
            case .acceptNew, .no:
                logger.notice("Adding a new host key", metadata: ["host": "\(name)", "key": "\(type) \(fingerprint)"])
            case .ask:
                let question = Question.unknownHostKey(host: name, keyType: type, fingerprint: fingerprint)
                let answer = try await ask(question, interaction, options, on: eventLoop)
                guard let answer, answer.lowercased() == "yes" || answer == fingerprint else {
                    throw SSHError(
                        .hostKeyUnknown,
                        "The host key of \(name) (\(type) \(fingerprint)) is not known and was not accepted. "
                            + "Run this command in a terminal to be asked, or connect with ssh once and accept it there.",
                        details: others.isEmpty ? "" : "Keys of other types are known: \(others[0].file):\(others[0].line).")
                }
            }
            remember(key, type: type, name: name, logger: logger)
        }
    }

    /// Appends to the first UserKnownHostsFile. A failure is logged only: the key was accepted for this connection.
    private func remember(_ key: [UInt8], type: String, name: String, logger: Logger) {
        guard let path = configuration.userKnownHostsFiles.first else { return }
        if let slash = path.lastIndex(of: "/"), slash != path.startIndex { mkdir(String(path[..<slash]), 0o700) }
        var host = name
        if configuration.hashKnownHosts {
            var generator = SystemRandomNumberGenerator()
            let salt = (0..<20).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            host = "|1|\(base64(salt))|\(base64(KnownHosts.hash(Array(name.utf8), salt: salt)))"
        }
        // A last line without its end would swallow ours.
        let needsLineEnd = Environment.contents(of: path)?.last.map { $0 != 0x0A } ?? false
        let line = Array("\(needsLineEnd ? "\n" : "")\(host) \(type) \(base64(key))\n".utf8)
        // Non-blocking, for a FIFO that somebody put there.
        let descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o600)
        // One write, so that two processes that append at once do not mix their lines.
        let count = descriptor < 0 ? -1 : write(descriptor, line, line.count)
        if count != line.count { logger.warning("The host key could not be added to \(path): \(String(cString: strerror(errno)))") }
        if descriptor >= 0 { close(descriptor) }
    }
}
