import Logging
import NIOCore

/// Follows the bootstrap script on the channel until the executor opens. Lives on the link's loop.
///
/// `@unchecked Sendable`: after `init` everything is touched on that loop only: `run` hops to it, and the link calls back on it.
final class Bootstrap: @unchecked Sendable {
    private let link: Link
    private let images: [ExecutorImage]
    private let options: ConnectOptions
    private let interaction: any Interaction
    private let place: String
    private var scanner: SentinelScanner
    private var deadline: Scheduled<Void>?
    private var done: ((Result<ByteBuffer?, SSHError>) -> Void)?
    private var upload: (total: Int, reported: Int)?

    init(link: Link, images: [ExecutorImage], token: String, options: ConnectOptions, interaction: any Interaction, place: String) {
        self.link = link
        self.images = images
        self.options = options
        self.interaction = interaction
        self.place = place
        scanner = SentinelScanner(token: token)
    }

    /// Waits for the executor's opening and returns what came right behind it.
    func run() async throws(SSHError) -> ByteBuffer? {
        let result: Result<ByteBuffer?, SSHError> = await withCheckedContinuation { continuation in
            link.eventLoop.execute {
                self.done = { continuation.resume(returning: $0) }
                self.extendDeadline()
                self.link.attach(
                    Link.Handlers(
                        onBytes: { self.receive($0) }, onWritable: {}, onClosed: { self.ended($0) }, onPump: { self.reportUpload() }))
            }
        }
        return try result.get()
    }

    private func finish(_ result: Result<ByteBuffer?, SSHError>) {
        guard let done else { return }
        self.done = nil
        deadline?.cancel()
        link.detach()
        done(result)
    }

    private func extendDeadline() {
        deadline?.cancel()
        deadline = link.eventLoop.assumeIsolated().scheduleTask(in: options.startTimeout) { [self] in
            let seconds = options.startTimeout.nanoseconds / 1_000_000_000
            finish(
                .failure(
                    SSHError(
                        .noSentinel,
                        "\(place): the executor did not start within \(seconds) s. \(heard)Does the login shell wait for something?")))
        }
    }

    private func receive(_ bytes: ByteBuffer) {
        for event in scanner.feed(bytes.readableBytesView) {
            switch event {
            case .opened(let rest): return finish(.success(rest.isEmpty ? nil : ByteBuffer(bytes: rest)))
            case .line(let line): follow(String(decoding: line, as: UTF8.self))
            }
        }
    }

    // MARK: The script's lines

    private func follow(_ line: String) {
        extendDeadline()
        let words = line.split(separator: " ", maxSplits: 2).map(String.init)
        switch (words.first, words.count > 1 ? words[1] : "") {
        case ("need", let machine): send(machine)
        case ("fail", let reason): finish(.failure(failure(reason, words.count > 2 ? words[2] : "")))
        default: break
        }
    }

    private func send(_ machine: String) {
        guard upload == nil, let image = images.first(where: { $0.machine == machine }) else {
            return finish(
                .failure(SSHError(.unsupportedMachine, "\(place): there is no executor for its processor (\(printable(machine.utf8))).")))
        }
        let bytes = image.bytes()
        guard bytes.readableBytes == image.size else {
            return finish(.failure(SSHError(.internal, "The executor for \(machine) is not \(image.size) bytes long. Rebuild portal.")))
        }
        upload = (image.size, 0)
        interaction.progress(.uploading(done: 0, total: image.size))
        link.write(bytes)
    }

    private func reportUpload() {
        guard let (total, reported) = upload, reported < total else { return }
        let sent = total - min(link.pendingBytes, total)
        guard sent > reported else { return }
        upload = (total, sent)
        extendDeadline()
        interaction.progress(.uploading(done: sent, total: total))
    }

    private func failure(_ reason: String, _ text: String) -> SSHError {
        let said = printable(text.utf8, limit: 1200)
        switch reason {
        case "machine":
            let have = images.map(\.machine).joined(separator: ", ")
            return SSHError(
                .unsupportedMachine,
                "\(place): there is no executor for its processor, \(said). There is one for: \(have.isEmpty ? "none (build them with Scripts/build-executors)" : have)."
            )
        case "nowhere":
            let isFull = said.contains("nospace:") || said.contains("No space left") || said.contains("quota")
            let (size, tried) = Bootstrap.splitNowhere(said)
            return isFull
                ? SSHError(
                    .noSpace,
                    "\(place): no directory has room for the executor (\(size) bytes). Free some space or set XDG_CACHE_HOME there. Tried \(tried)"
                )
                : SSHError(
                    .noWritableDirectory,
                    "\(place): no directory can hold and run the executor. Make one of these writable and not noexec, or set XDG_CACHE_HOME there. Tried \(tried)"
                )
        default:
            return SSHError(
                .executorFailed,
                "\(place): the executor arrived but does not run there: \(said.isEmpty ? "it did not say why" : said). Is running programs from there forbidden?"
            )
        }
    }

    /// `SIZE; dir: why; dir: why`
    private static func splitNowhere(_ text: String) -> (String, String) {
        guard let semicolon = text.firstIndex(of: ";") else { return (text, "nothing") }
        return (String(text[..<semicolon]), String(text[semicolon...].dropFirst(2)))
    }

    // MARK: No executor

    /// What the host printed instead, for the error.
    private var heard: String {
        var parts: [String] = []
        let noise = printable(scanner.noise.suffix(600))
        let errors = printable(link.stderrTail.suffix(600))
        if !noise.isEmpty { parts.append("It printed: \(noise)") }
        if !errors.isEmpty { parts.append("On standard error: \(errors)") }
        return parts.map { $0 + (".!?".contains($0.last ?? "x") ? " " : ". ") }.joined()
    }

    private func ended(_ end: HostPipeEnd) {
        let hint = "The login has to allow running /bin/sh (no sftp-only account, no forced command)."
        let message = "\(place): \(end.reason) before it opened. \(heard)\(hint)".replacingExecutor()
        finish(.failure(SSHError(end.exitStatus == nil && end.exitSignal == nil ? .disconnected : .noShell, message)))
    }
}

extension String {
    /// What ended was not the executor yet but the command that would have become it.
    fileprivate func replacingExecutor() -> String {
        guard let at = firstIndex(of: ":"), self[at...].hasPrefix(": the executor") else { return self }
        return self[...at] + " the command" + self[at...].dropFirst(": the executor".count)
    }
}
