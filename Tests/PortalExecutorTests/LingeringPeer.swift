import Foundation
import PortalLink
import PortalWire

/// A proxy's side of a session that outlives its links: a real executor that lingers, in a directory of its own, one link after the other.
/// Every wait has a deadline.
final class LingeringPeer {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// What a link is ended by.
    enum Cut: CaseIterable {
        /// Its pipes are closed, as by an sshd that goes.
        case pipes
        /// The process that was started for it is killed.
        case front
        /// Nothing: the next link replaces it.
        case nothing
    }

    /// The pipes to an executor, and the process that was started for them.
    final class Link {
        let front: pid_t
        fileprivate(set) var input: Int32
        let output: Int32
        private var status: Int32?

        fileprivate init(_ command: [String], directory: String) throws {
            var toChild: [Int32] = [0, 0]
            var fromChild: [Int32] = [0, 0]
            guard GNU.pipe2(&toChild, O_CLOEXEC) == 0, GNU.pipe2(&fromChild, O_CLOEXEC) == 0 else { throw Failure(description: "no pipe") }
            var actions = posix_spawn_file_actions_t()
            posix_spawn_file_actions_init(&actions)
            defer { posix_spawn_file_actions_destroy(&actions) }
            posix_spawn_file_actions_adddup2(&actions, toChild[0], 0)
            posix_spawn_file_actions_adddup2(&actions, fromChild[1], 1)
            var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
            let variables = ["HOME=\(directory)", "PATH=/usr/bin:/bin", "USER=lingering", "SHELL=/bin/sh"]
            var environment: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
            defer { for text in arguments + environment { free(text) } }
            var process: pid_t = 0
            let failure = posix_spawn(&process, command[0], &actions, nil, &arguments, &environment)
            close(toChild[0])
            close(fromChild[1])
            front = process
            input = toChild[1]
            output = fromChild[0]
            guard failure == 0 else { throw Failure(description: "cannot start \(command[0]): errno \(failure)") }
            _ = fcntl(input, F_SETFL, O_NONBLOCK)
        }

        deinit {
            closeInput()
            close(output)
            if status == nil {
                kill(front, SIGKILL)
                waitpid(front, nil, 0)
            }
        }

        func closeInput() {
            if input >= 0 { close(input) }
            input = -1
        }

        /// The front's exit status, or the negative of the signal that ended it; nil where it lives.
        func exitStatus() -> Int32? {
            if status == nil {
                var raw: Int32 = 0
                guard waitpid(front, &raw, WNOHANG) == front else { return nil }
                status = raw & 0x7F == 0 ? raw >> 8 & 0xFF : -(raw & 0x7F)
            }
            return status
        }

        /// What comes until the executor closes the link.
        func rest() throws -> [UInt8] {
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 65536)
            while true {
                var entry = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
                guard poll(&entry, 1, 20_000) > 0 else { throw Failure(description: "the link is not closed") }
                let count = read(output, &buffer, buffer.count)
                guard count > 0 else { return bytes }
                bytes += buffer[..<count]
            }
        }
    }

    let scratch: Scratch
    let program: String
    var arguments = ["--linger", "60"]
    private(set) var link: Link?
    private(set) var hello = Hello(build: [])
    private(set) var data: [UInt64: [UInt8]] = [:]
    /// The streams of an answer, each time that another one goes on.
    private(set) var streams: [UInt64: [StreamName]] = [:]
    private(set) var results: [UInt64: JSONValue] = [:]
    private(set) var errors: [UInt64: OperationError] = [:]
    private(set) var goodbye: [UInt8]?
    /// How many frames of each answer came.
    private(set) var frames: [UInt64: UInt64] = [:]
    private(set) var claimed: [UInt64: Claimed] = [:]
    private var endpoint = LinkEndpoint(isCounting: true)
    /// Bytes of frames that the executor has not acknowledged.
    var unacknowledged: Int { endpoint.unacknowledgedBytes }
    private var unsent: [UInt8] = []
    private var nextIdentifier: UInt64 = 1
    private var windows: [UInt64: ReceiveWindow] = [:]
    private var uploads: [UInt64: (credit: SendCredit, bytes: ArraySlice<UInt8>)] = [:]

    /// Copies the program into a directory of its own: beside it are its sessions.
    init(_ original: URL) throws {
        signal(SIGPIPE, SIG_IGN)
        scratch = try Scratch()
        program = scratch.path + "/executor"
        try FileManager.default.copyItem(atPath: original.path, toPath: program)
    }

    deinit {
        link = nil
        if let executor = hello.process, isRunning(pid_t(executor)) {
            kill(pid_t(executor), SIGTERM)
            _ = eventually { !isRunning(pid_t(executor)) }
        }
    }

    // MARK: The session and its processes

    var executor: pid_t { pid_t(hello.process ?? 0) }
    var supervisor: pid_t { parent(of: executor) ?? 0 }
    var sessions: String { scratch.path + "/sessions" }
    var sockets: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: sessions)) ?? []).sorted() }

    /// What the session is called on command lines: computed by another SHA-256 than the executor's.
    func name() throws -> String {
        let hash = Foundation.Process()
        let input = Pipe()
        let output = Pipe()
        hash.executableURL = URL(fileURLWithPath: "/usr/bin/sha256sum")
        hash.standardInput = input
        hash.standardOutput = output
        try hash.run()
        input.fileHandleForWriting.write(Data(hello.session ?? []))
        input.fileHandleForWriting.closeFile()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        hash.waitUntilExit()
        return String(text.prefix(16))
    }

    // MARK: Links

    /// Starts the program, and waits for its hello on the new link.
    func open(resuming: Bool = false, command: [String] = []) throws {
        let named = resuming ? ["--resume", try name()] : []
        let link = try Link(command + [program, "serve", "token"] + arguments + named, directory: scratch.path)
        self.link = link
        endpoint.detach()
        unsent = []
        let opening = Sentinel.line(token: Array("token".utf8))
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: opening.count)
        while received.count < opening.count {
            var entry = pollfd(fd: link.output, events: Int16(POLLIN), revents: 0)
            guard poll(&entry, 1, 20_000) > 0 else { throw Failure(description: "there is no opening") }
            let count = read(link.output, &buffer, opening.count - received.count)
            guard count > 0 else { throw Failure(description: "the link ended before its opening") }
            received += buffer[..<count]
        }
        guard received == opening else { throw Failure(description: "another opening") }
        var hasHello = false
        try pump(for: "the hello") {
            hasHello
        } onHello: {
            self.hello = $0
            hasHello = true
        }
    }

    /// Says hello, and goes on with the session or begins one.
    func greet(_ change: (inout Hello) -> Void = { _ in }) throws {
        var own = Hello(build: Array("test".utf8))
        own.session = hello.session
        own.received = endpoint.received
        change(&own)
        endpoint.send(.hello(own))
        if own.isAnew || hello.received == 0 && endpoint.sent == 0 { endpoint.begin() } else { try endpoint.resume(after: hello.received) }
        try pump(for: "the hello to be sent") { true }
    }

    /// The first link of a session.
    func begin() throws {
        try open()
        try greet()
    }

    /// Another link; what is on its way on the one before it is lost.
    func resume(after cut: Cut) throws {
        let former = link
        switch cut {
        case .pipes: link = nil
        case .front: if let front = former?.front { kill(front, SIGKILL) }
        case .nothing: break
        }
        let session = hello.session
        try open(resuming: true)
        guard hello.session == session else { throw Failure(description: "it is another session") }
        try greet()
        withExtendedLifetime(former) {}
    }

    /// As the next proxy does when this one died: the session begins anew.
    func beginAnew() throws {
        link = nil
        try open(resuming: true)
        try greet { $0.isAnew = true }
    }

    // MARK: Claims

    /// From now on nothing that comes is acknowledged, as by a proxy whose clients take nothing.
    func stopAcknowledging() {
        endpoint = LinkEndpoint.settling()
        endpoint.begin()
    }

    /// Acknowledges everything that has come, after `stopAcknowledging`.
    func acknowledge() throws {
        if endpoint.processed > 0 { for number in 1...endpoint.processed { endpoint.settle(number) } }
        endpoint.acknowledgeIfNeeded()
        try pump(for: "the acknowledgement to be sent") { true }
    }

    /// Forgets the answer of a request, but for its first frames' number and their data.
    func forget(_ id: UInt64, keeping count: UInt64, _ bytes: [UInt8]) {
        frames[id] = count
        data[id] = bytes
        results[id] = nil
        errors[id] = nil
        claimed[id] = nil
    }

    /// Claims a request with as many frames as have come of it.
    func claim(_ id: UInt64, history: UInt64? = nil) throws -> Claimed {
        claimed[id] = nil
        endpoint.send(
            .claim(Claim(id: id, operation: [0x78], history: history ?? hello.history ?? 0, received: frames[id] ?? 0)))
        try pump(for: "the answer to a claim") { claimed[id] != nil }
        return claimed[id]!
    }

    func lapse(_ some: Bool) throws {
        endpoint.send(.lapse(some))
        _ = try call("session.stats")
    }

    func sendData(_ id: UInt64, _ bytes: [UInt8], end: Bool) throws {
        endpoint.send(.data(id: id, stream: .stdin, end: end), payload: bytes)
        try pump(for: "data to be sent") { true }
    }

    // MARK: Requests

    func send(_ operation: Literal, input: [UInt8]? = nil, _ parameters: (inout JSONWriter) -> Void = { _ in }) throws -> UInt64 {
        let id = nextIdentifier
        nextIdentifier += 1
        data[id] = []
        windows[id] = ReceiveWindow()
        if let input { uploads[id] = (SendCredit(), input[...]) }
        endpoint.send(sequenced: Request.frame(id: id, operation: operation, hasMore: input != nil, parameters: parameters))
        try pump(for: "the request to be sent") { true }
        return id
    }

    /// Sends requests without reading anything, until the executor has not read for a second.
    func flood(_ operation: Literal, most: Int) throws -> [UInt64] {
        guard let link else { throw Failure(description: "there is no link") }
        var sent: [UInt64] = []
        while true {
            if unsent.isEmpty {
                guard sent.count < most else { return sent }
                sent.append(nextIdentifier)
                nextIdentifier += 1
                data[sent.last!] = []
                endpoint.send(sequenced: Request.frame(id: sent.last!, operation: operation) { _ in })
                unsent += endpoint.takeOutbound().flatMap(\.bytes)
            }
            let count = write(link.input, unsent, unsent.count)
            if count > 0 { unsent.removeFirst(count) }
            guard count < 0 else { continue }
            var entry = pollfd(fd: link.input, events: Int16(POLLOUT), revents: 0)
            if poll(&entry, 1, 1000) == 0 { return sent }
        }
    }

    func shell(_ text: String, input: [UInt8]? = nil, background: Bool = false) throws -> UInt64 {
        try send("process.start", input: input) {
            $0.set("shell", text)
            $0.set("shell_program", "/bin/sh")
            $0.set("login", false)
            $0.set("background", background)
            if input != nil { $0.set("stdin", "stream") }
        }
    }

    func wait(_ id: UInt64) throws -> JSONValue {
        try pump(for: "the end of request \(id)") { results[id] != nil || errors[id] != nil }
        guard let result = results[id] else { throw Failure(description: String(decoding: errors[id]!.message, as: UTF8.self)) }
        return result
    }

    func call(_ operation: Literal, _ parameters: (inout JSONWriter) -> Void = { _ in }) throws -> JSONValue {
        try wait(try send(operation, parameters))
    }

    /// A process that prints its number and does nothing more, and that number.
    func startSleeper(background: Bool = false) throws -> (id: UInt64, process: pid_t) {
        let id = try shell("echo $$; exec sleep 1000", background: background)
        if background { return (id, pid_t(try wait(id).integer("pid") ?? 0)) }
        try pump(for: "the process's number") { data[id]?.last == 0x0A }
        return (id, pid_t(String(decoding: data[id]!.dropLast(), as: UTF8.self)) ?? 0)
    }

    func sendRaw(_ bytes: [UInt8]) throws {
        unsent += bytes
        try pump(for: "bytes to be sent") { true }
    }

    // MARK: Bytes

    /// Moves bytes until a condition holds and everything is sent.
    func pump(for what: String, until isMet: () throws -> Bool, onHello: ((Hello) -> Void)? = nil) throws {
        guard let link else { throw Failure(description: "there is no link") }
        let deadline = ContinuousClock.now + .seconds(30)
        while true {
            while let event = try endpoint.nextEvent() {
                try act(on: event, onHello)
                if onHello != nil, try isMet() { return }
            }
            upload()
            unsent += endpoint.takeOutbound().flatMap(\.bytes)
            if unsent.isEmpty, try isMet() { return }
            guard ContinuousClock.now < deadline else { throw Failure(description: "waited in vain for \(what)") }
            var polled = [
                pollfd(fd: link.output, events: Int16(POLLIN), revents: 0),
                pollfd(fd: unsent.isEmpty ? -1 : link.input, events: Int16(POLLOUT), revents: 0),
            ]
            guard poll(&polled, 2, 1000) > 0 else { continue }
            if polled[1].revents != 0 {
                let count = write(link.input, unsent, unsent.count)
                if count > 0 { unsent.removeFirst(count) }
            }
            guard polled[0].revents != 0 else { continue }
            var buffer = [UInt8](repeating: 0, count: 65536)
            let count = read(link.output, &buffer, buffer.count)
            guard count > 0 else { throw Failure(description: "the link ended while waiting for \(what)") }
            buffer[..<count].withUnsafeBytes { endpoint.receive($0) }
        }
    }

    private func upload() {
        for (id, var upload) in uploads {
            while upload.credit.available > 0, !upload.bytes.isEmpty, endpoint.outboundBytes < 65536, !endpoint.isFull {
                let count = min(upload.credit.available, upload.bytes.count, 16384)
                upload.credit.take(count)
                let piece = Array(upload.bytes.prefix(count))
                upload.bytes = upload.bytes.dropFirst(count)
                endpoint.send(.data(id: id, stream: .stdin, end: upload.bytes.isEmpty), payload: piece)
            }
            uploads[id] = upload.bytes.isEmpty ? nil : upload
        }
    }

    private func act(on event: LinkEndpoint.Event, _ onHello: ((Hello) -> Void)?) throws {
        switch event {
        case .hello(let hello, _): onHello?(hello)
        case .pong: break
        case .message(let message, let frame):
            switch message {
            case .data(let id, _, _), .credit(let id, _), .starved(let id), .result(let id, _), .failure(let id, _):
                frames[id, default: 0] += 1
            default: break
            }
            switch message {
            case .claimed(let id, let state): claimed[id] = state
            case .data(let id, let stream, _):
                if streams[id]?.last != stream { streams[id, default: []].append(stream) }
                data[id, default: []] += frame.payload
                try windows[id]?.receive(frame.payloadLength)
                if let grant = windows[id]?.consume(frame.payloadLength), grant > 0 { endpoint.send(.credit(id: id, bytes: grant)) }
            case .credit(let id, let bytes): try uploads[id]?.credit.grant(bytes)
            case .result(let id, let value):
                guard results.updateValue(value, forKey: id) == nil else { throw Failure(description: "two results of request \(id)") }
            case .failure(let id, let error):
                guard errors.updateValue(error, forKey: id) == nil else { throw Failure(description: "two errors of request \(id)") }
            default: break
            }
        }
    }
}

/// Whether a process is there and has not ended.
func isRunning(_ process: pid_t) -> Bool {
    guard let state = statistics(of: process)?.first else { return false }
    return state != "Z" && state != "X"
}

func parent(of process: pid_t) -> pid_t? { statistics(of: process).flatMap { pid_t($0[1]) } }

/// What the kernel says of a process behind its name: its state, its parent, and more.
private func statistics(of process: pid_t) -> [Substring]? {
    guard process > 0, let content = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return nil }
    return String(decoding: content, as: UTF8.self).split(separator: ")").last?.split(separator: " ")
}

/// What the C library has and its Swift module, made without _GNU_SOURCE, does not show: another test that starts a program at the same moment
/// must not give it this pipe.
private enum GNU {
    typealias Pipe2 = @convention(c) (UnsafeMutablePointer<Int32>, Int32) -> Int32

    static let pipe2 = unsafeBitCast(dlsym(nil, "pipe2"), to: Pipe2.self)
}
