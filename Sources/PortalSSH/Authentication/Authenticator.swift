import CLibssh2
import Logging
import NIOConcurrencyHelpers
import NIOCore

/// Logs in: the agent's keys, then key files, then whatever a person can answer.
struct Authenticator {
    let configuration: SSHConfiguration
    let options: ConnectOptions
    let link: Link
    let interaction: any Interaction
    let logger: Logger

    /// What was tried or could not be, for the error.
    private var notes: [String] = []
    private var skippedRSA = false

    init(configuration: SSHConfiguration, options: ConnectOptions, link: Link, interaction: any Interaction, logger: Logger) {
        self.configuration = configuration
        self.options = options
        self.link = link
        self.interaction = interaction
        self.logger = logger
    }

    private enum Attempt: Sendable {
        case accepted, refused
        /// Nothing was sent: the key cannot be read or used.
        case unusable(String)
    }

    private var user: String { configuration.user }

    /// - Throws: `.authenticationFailed`, naming all that was tried.
    mutating func run() async throws(SSHError) {
        var offered: [String] = []
        do throws(SSHError) {
            offered = try await methods()
            if offered.isEmpty { return }
            if offered.contains("publickey"), try await tryKeys() { return }
            // Asked again: a key may have been one of two things that the host wants.
            if !notes.isEmpty { offered = try await methods() }
            if offered.contains("keyboard-interactive"), try await tryInteractive() { return }
            if offered.contains("password"), try await tryPassword() { return }
        } catch  where error.code == .disconnected {
            // Where nothing was refused yet it is the network that ended it.
            guard !notes.isEmpty else { throw error }
            notes.append("then the host ended the connection (too many attempts?)")
        }
        throw refusal(offered)
    }

    private func refusal(_ offered: [String]) -> SSHError {
        let place = "\(user)@\(configuration.alias)"
        var message = "\(place) does not let us in. "
        message += notes.isEmpty ? "There was nothing to try" : "Tried: \(notes.joined(separator: "; "))"
        message += offered.isEmpty ? ". " : "; the host offers \(offered.joined(separator: ", ")). "
        if skippedRSA {
            message +=
                "RSA keys cannot be used: libssh2 \(Libssh2.versionText) signs with SHA-1 only, which current servers refuse. "
                + "Use an ed25519 key (ssh-keygen -t ed25519, ssh-copy-id \(place)), or libssh2 1.11 or later."
        } else {
            message +=
                "Load the right key into the agent (ssh-add), or name it with IdentityFile; \"ssh -v \(place)\" shows what ssh would do."
        }
        return SSHError(.authenticationFailed, message)
    }

    // MARK: Engine steps

    private func methods() async throws(SSHError) -> [String] {
        let user = user
        return try await link.perform("Asking how to log in", within: options.authenticationStepTimeout, translate: Authenticator.transport)
        {
            engine throws(EngineFault) in try engine.authenticationMethods(user: user)
        }
    }

    /// Faults that are neither the server's refusal nor about the key: the session is gone.
    private static func transport(_ fault: EngineFault) -> SSHError {
        SSHError(.disconnected, "The connection ended during authentication: \(fault.text).")
    }

    private static func attempt(_ fault: EngineFault) throws(EngineFault) -> Attempt {
        switch fault.code {
        case LIBSSH2_ERROR_AUTHENTICATION_FAILED, LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED: return .refused
        case LIBSSH2_ERROR_SOCKET_SEND, LIBSSH2_ERROR_SOCKET_RECV, LIBSSH2_ERROR_SOCKET_DISCONNECT: throw fault
        default: return .unusable(fault.text)
        }
    }

    private func offer(_ key: [UInt8]) async throws(SSHError) -> Engine.PublicKeyStep? {
        let user = user
        // nil inside: the server refused.
        return try await link.perform("Offering a key", within: options.authenticationStepTimeout, translate: Authenticator.transport) {
            engine throws(EngineFault) -> Engine.PublicKeyStep?? in
            do throws(EngineFault) {
                guard let step = try engine.authenticate(user: user, publicKey: key) else { return nil }
                return .some(step)
            } catch {
                if case .refused = try Authenticator.attempt(error) { return .some(nil) }
                return .some(nil)
            }
        }
    }

    /// Goes on after `offer` said `.sign`; nil declines.
    private func answer(_ key: [UInt8], signature: [UInt8]?) async throws(SSHError) -> Bool {
        let user = user
        let isGiven = NIOLockedValueBox(false)
        return try await link.perform("Logging in", within: options.authenticationStepTimeout, translate: Authenticator.transport) {
            engine throws(EngineFault) -> Bool? in
            let isFirst = isGiven.withLockedValue { given in
                defer { given = true }
                return !given
            }
            if isFirst { engine.provide(signature: signature) }
            do throws(EngineFault) {
                guard case .accepted = try engine.authenticate(user: user, publicKey: key) else { return nil }
                return true
            } catch {
                _ = try Authenticator.attempt(error)
                return false
            }
        }
    }

    // MARK: Keys

    private mutating func tryKeys() async throws(SSHError) -> Bool {
        let files = configuration.identityFiles.compactMap { path -> PrivateKeyFile? in
            guard let contents = Environment.contents(of: path, limit: 1 << 20) else { return nil }
            return PrivateKeyFile(path: path, contents: contents, publicContents: Environment.contents(of: path + ".pub", limit: 1 << 20))
        }
        // A public file without its private half names a key that only the agent has.
        let named =
            files.compactMap(\.publicKey)
            + configuration.identityFiles.compactMap { path in
                (Environment.contents(of: path, limit: 1 << 20) ?? Environment.contents(of: path + ".pub", limit: 1 << 20)).flatMap(
                    PrivateKeyFile.publicKey)
            }
        var done: Set<[UInt8]> = []
        if let agent = await connectAgent() {
            defer { agent.close() }
            if try await tryAgent(agent, named: named, done: &done) { return true }
        }
        for file in files where file.publicKey.map({ !done.contains($0) }) ?? true {
            if try await tryFile(file) { return true }
        }
        return false
    }

    private mutating func connectAgent() async -> AgentClient? {
        var path = configuration.identityAgent ?? "SSH_AUTH_SOCK"
        if path == "none" || path.isEmpty { return nil }
        if path == "SSH_AUTH_SOCK" { path = "$SSH_AUTH_SOCK" }
        if path.hasPrefix("$") {
            let name = path.dropFirst().filter { $0 != "{" && $0 != "}" }
            guard let value = Environment.variable(name), !value.isEmpty else { return nil }
            path = value
        }
        guard let agent = await AgentClient.connect(path: path, on: link.eventLoop) else {
            notes.append("the agent at \(path) (does not answer)")
            return nil
        }
        return agent
    }

    private mutating func tryAgent(_ agent: AgentClient, named: [[UInt8]], done: inout Set<[UInt8]>) async throws(SSHError) -> Bool {
        guard var identities = await agent.identities(within: options.authenticationStepTimeout) else {
            notes.append("the agent (does not list its keys)")
            return false
        }
        if configuration.identitiesOnly { identities.removeAll { !named.contains($0.key) } }
        // Those that the configuration names first: servers count the tries.
        identities = identities.filter { named.contains($0.key) } + identities.filter { !named.contains($0.key) }
        for identity in identities {
            done.insert(identity.key)
            if isUnusable(identity.type, "agent key \(identity.comment)") { continue }
            guard let step = try await offer(identity.key) else {
                notes.append("agent key \(identity.type) \(identity.comment) (not accepted)")
                continue
            }
            guard case .sign(let bytes) = step else { return true }
            let signature = await agent.sign(bytes, with: identity.key, within: options.agentSignatureTimeout)
            if try await answer(identity.key, signature: signature) { return true }
            notes.append("agent key \(identity.type) \(identity.comment) (\(signature == nil ? "the agent did not sign" : "not accepted"))")
        }
        return false
    }

    private mutating func isUnusable(_ type: String, _ name: String) -> Bool {
        if type.hasPrefix("ssh-rsa"), !Libssh2.signsRSAWithSHA2 {
            skippedRSA = true
            notes.append("\(name) (RSA, skipped)")
            return true
        }
        if type.hasPrefix("sk-") {
            notes.append("\(name) (a security key, which libssh2 cannot use)")
            return true
        }
        return false
    }

    private mutating func tryFile(_ file: PrivateKeyFile) async throws(SSHError) -> Bool {
        let name = "key file \(file.path)"
        let type = file.kind == .rsa ? "ssh-rsa" : file.kind == .hardware ? "sk-" : ""
        if isUnusable(type, name) { return false }
        guard file.isEncrypted else { return try await tryFile(file, passphrase: "", name: name) == .accepted }
        // Nobody should type a passphrase for a key that the server does not want.
        if let key = file.publicKey {
            guard let step = try await offer(key) else {
                notes.append("\(name) (not accepted)")
                return false
            }
            guard case .sign = step else { return true }
            _ = try await answer(key, signature: nil)
        }
        for attempt in 1...3 {
            guard let passphrase = try await ask(.passphrase(path: file.path, attempt: attempt), interaction, options, on: link.eventLoop)
            else {
                notes.append("\(name) (encrypted, and nobody gave the passphrase)")
                return false
            }
            switch try await tryFile(file, passphrase: passphrase, name: attempt == 3 ? "\(name) (wrong passphrase)" : nil) {
            case .accepted: return true
            case .refused: return false
            case .unreadable: continue
            }
        }
        return false
    }

    private enum FileOutcome { case accepted, refused, unreadable }

    private mutating func tryFile(_ file: PrivateKeyFile, passphrase: String, name: String?) async throws(SSHError) -> FileOutcome {
        let user = user
        // On a thread of its own: deriving a key from a passphrase is made to be slow.
        let attempt = try await link.performBlocking(
            "Logging in with a key file", within: options.authenticationStepTimeout, translate: Authenticator.transport
        ) { engine throws(EngineFault) -> Attempt? in
            do throws(EngineFault) {
                return try engine.authenticate(user: user, keyFile: file.path, passphrase: passphrase).map { .accepted }
            } catch {
                return try Authenticator.attempt(error)
            }
        }
        switch attempt {
        case .accepted: return .accepted
        case .refused:
            notes.append("key file \(file.path) (not accepted)")
            return .refused
        case .unusable(let why):
            if let name { notes.append(file.isEncrypted ? name : "\(name) (cannot be used: \(why))") }
            return .unreadable
        }
    }

    // MARK: A person

    private mutating func tryPassword() async throws(SSHError) -> Bool {
        let user = user
        for number in 1...3 {
            let question = Question.password(user: user, host: configuration.alias, attempt: number)
            guard let password = try await ask(question, interaction, options, on: link.eventLoop) else {
                notes.append(number == 1 ? "password (nobody could be asked)" : "password (wrong)")
                return false
            }
            let attempt = try await link.perform(
                "Logging in with a password", within: options.authenticationStepTimeout, translate: Authenticator.transport
            ) { engine throws(EngineFault) -> Attempt? in
                do throws(EngineFault) {
                    return try engine.authenticate(user: user, password: password).map { .accepted }
                } catch {
                    return try Authenticator.attempt(error)
                }
            }
            if case .accepted = attempt { return true }
        }
        notes.append("password (wrong)")
        return false
    }

    private mutating func tryInteractive() async throws(SSHError) -> Bool {
        let user = user
        for _ in 1...3 {
            let isDeclined = NIOLockedValueBox(false)
            let prompter = Prompter(
                interaction: interaction, limit: options.answerTimeout, eventLoop: link.eventLoop, isDeclined: isDeclined)
            let attempt = try await link.performBlocking(
                "Answering the host's questions", within: options.answerTimeout + options.authenticationStepTimeout,
                translate: Authenticator.transport
            ) { engine throws(EngineFault) -> Attempt? in
                engine.answerPrompts = { instruction, prompts in prompter.answer(instruction, prompts) }
                defer { engine.answerPrompts = nil }
                do throws(EngineFault) {
                    return try engine.authenticateInteractively(user: user).map { .accepted }
                } catch {
                    return try Authenticator.attempt(error)
                }
            }
            if case .accepted = attempt { return true }
            if isDeclined.withLockedValue({ $0 }) {
                notes.append("keyboard-interactive (nobody could be asked)")
                return false
            }
        }
        notes.append("keyboard-interactive (not accepted)")
        return false
    }
}

/// Asks a person from a thread that waits for the answers.
private struct Prompter: Sendable {
    let interaction: any Interaction
    let limit: TimeAmount
    let eventLoop: any EventLoop
    let isDeclined: NIOLockedValueBox<Bool>

    func answer(_ instruction: [UInt8], _ prompts: [(text: [UInt8], echo: Bool)]) -> [[UInt8]] {
        var answers: [[UInt8]] = []
        for (index, prompt) in prompts.enumerated() {
            // Once declined, the rest is declined too: the host ends the attempt.
            guard !isDeclined.withLockedValue({ $0 }) else { return answers }
            let heading = index == 0 && !instruction.isEmpty ? printable(instruction) + " " : ""
            let question = Question.keyboardInteractive(prompt: heading + printable(prompt.text), echo: prompt.echo)
            let result = ConditionLock<Bool>(value: false)
            let box = NIOLockedValueBox<String?>(nil)
            Task {
                let answer = await withDeadline(limit, on: eventLoop) { await interaction.answer(question) }
                box.withLockedValue { $0 = answer ?? nil }
                result.lock()
                result.unlock(withValue: true)
            }
            result.lock(whenValue: true)
            result.unlock()
            guard let answer = box.withLockedValue({ $0 }) else {
                isDeclined.withLockedValue { $0 = true }
                return answers
            }
            answers.append(Array(answer.utf8))
        }
        return answers
    }
}
