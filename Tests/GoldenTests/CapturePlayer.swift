import Foundation
import GoldenCaptures
import PortalWire

/// Plays one capture against one executor, and checks on the side what holds in every conversation.
final class CapturePlayer {
    struct Mismatch: Error, CustomStringConvertible {
        var description: String
    }

    private let capture: Capture
    private let home: String
    private let connection: ExecutorConnection
    private var decoder = FrameDecoder()
    private var frames: [(message: Message, header: JSONValue, frame: Frame)] = []
    private var streams: [String: [UInt8]] = [:]
    /// By open request: the data that it may still send, and what its own data may still take.
    private var open: [UInt64: Int] = [:]
    private var sequencedSent: UInt64 = 0
    private var acknowledged: UInt64 = 0

    private init(_ capture: Capture, home: String, connection: ExecutorConnection) {
        self.capture = capture
        self.home = home
        self.connection = connection
    }

    static func play(_ capture: Capture, against program: ExecutorProgram) throws {
        let room = FileManager.default.temporaryDirectory.appending(path: "portal-golden-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: room, withIntermediateDirectories: true)
        guard let resolved = realpath(room, nil) else { throw Mismatch(description: "no directory to run in") }
        let home = String(cString: resolved)
        free(resolved)
        defer { try? FileManager.default.removeItem(atPath: home) }
        for step in capture.steps { try prepare(step.action, in: home) }
        let token = UUID().uuidString.replacing("-", with: "")
        let connection = try ExecutorConnection(program, token: token, directory: home)
        let player = CapturePlayer(capture, home: home, connection: connection)
        let opening = Sentinel.line(token: Array(token.utf8))
        try connection.wait(for: "the opening") { connection.received.count >= opening.count }
        let received = connection.takeReceived()
        guard received.starts(with: opening) else { throw Mismatch(description: "it opens with \(received.prefix(80))") }
        received.dropFirst(opening.count).withContiguousStorageIfAvailable { player.decoder.receive(UnsafeRawBufferPointer($0)) }
        for step in capture.steps {
            do { try player.run(step.action) } catch {
                throw Mismatch(description: "\(capture.name).vec:\(step.line), \(program): \(error)")
            }
        }
        do { try player.finish() } catch { throw Mismatch(description: "the end of \(capture.name).vec, \(program): \(error)") }
    }

    private static func prepare(_ action: Capture.Action, in home: String) throws {
        func make(_ name: String) throws -> String {
            let path = home + "/" + name
            let parent = String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
            try FileManager.default.createDirectory(atPath: parent, withIntermediateDirectories: true)
            return path
        }
        switch action {
        case .file(let name, let content, let mode):
            let path = try make(name)
            try Data(content).write(to: URL(filePath: path))
            chmod(path, mode)
        case .directory(let name): try FileManager.default.createDirectory(atPath: make(name), withIntermediateDirectories: true)
        case .link(let name, let target): symlink(target, try make(name))
        case .fifo(let name): mkfifo(try make(name), 0o644)
        default: break
        }
    }

    // MARK: Steps

    private func run(_ action: Capture.Action) throws {
        switch action {
        case .file, .directory, .link, .fifo: break
        case .send(let frames, _): for frame in frames { try send(frame) }
        case .sendBytes(let bytes): connection.send(bytes)
        case .expect(let pattern):
            try wait(for: Pattern.text(pattern)) { !frames.isEmpty }
            guard !frames.isEmpty else { throw Mismatch(description: "it ended before \(Pattern.text(pattern))") }
            let next = frames.removeFirst()
            if let problem = Pattern.mismatch(pattern, next.header, home: home) {
                throw Mismatch(description: "\(problem), in \(Pattern.text(next.header))")
            }
            guard next.frame.payloadLength == 0 else { throw Mismatch(description: "it has a payload") }
        case .expectData(let id, let stream, let bytes):
            let expected = String(validating: bytes, as: UTF8.self).map { Array($0.replacing("$HOME", with: home).utf8) } ?? bytes
            let key = "\(id) \(stream)"
            try wait(for: "\(expected.count) bytes of \(key)") { streams[key, default: []].count >= expected.count || open[id] == nil }
            let came = streams[key, default: []]
            guard came.starts(with: expected) else {
                throw Mismatch(
                    description: "of \(key) came \(String(decoding: came.prefix(expected.count + 20).prefix(400), as: UTF8.self))")
            }
            streams[key] = Array(came.dropFirst(expected.count))
        case .expectLines(let id, let stream, let patterns): try expectLines(id, stream, patterns)
        case .expectAcknowledgement(let count): try wait(for: "the acknowledgement of \(count)") { acknowledged >= count }
        case .expectEnd:
            try wait(for: "its end") { false }
        case .content(let name, let bytes):
            let content = FileManager.default.contents(atPath: home + "/" + name).map { [UInt8]($0) }
            guard content == bytes else {
                throw Mismatch(description: "\(name) has \(content.map { String(decoding: $0, as: UTF8.self) } ?? "no content")")
            }
        case .mode(let name, let mode):
            var status = stat()
            guard lstat(home + "/" + name, &status) == 0, UInt32(status.st_mode) & 0o7777 == mode else {
                throw Mismatch(description: "\(name) has the mode \(String(UInt32(status.st_mode) & 0o7777, radix: 8))")
            }
        case .absent(let name):
            var status = stat()
            guard lstat(home + "/" + name, &status) != 0 else { throw Mismatch(description: "\(name) is there") }
        }
    }

    private func send(_ frame: Frame) throws {
        connection.send(frame.bytes)
        guard let message = try? Message(frame) else { return }
        if message.isSequenced { sequencedSent += 1 }
        switch message {
        case .request(let request): open[request.id] = Limits.initialCredit
        case .credit(let id, let bytes): if let credit = open[id] { open[id] = credit + Int(bytes) }
        default: break
        }
    }

    private func expectLines(_ id: UInt64, _ stream: String, _ patterns: [JSONValue]) throws {
        let key = "\(id) \(stream)"
        try wait(for: "\(patterns.count) lines of \(key)") {
            streams[key, default: []].count { $0 == 0x0A } >= patterns.count || open[id] == nil
        }
        var rest = streams[key, default: []][...]
        var lines: [JSONValue] = []
        while lines.count < patterns.count, let end = rest.firstIndex(of: 0x0A) {
            lines.append(try JSONParser.parse(Array(rest[..<end])))
            rest = rest[(end + 1)...]
        }
        streams[key] = Array(rest)
        for pattern in patterns {
            guard let index = lines.firstIndex(where: { Pattern.mismatch(pattern, $0, home: home) == nil }) else {
                throw Mismatch(description: "no line is \(Pattern.text(pattern)) among \(lines.map(Pattern.text))")
            }
            lines.remove(at: index)
        }
    }

    /// Closes the executor's input and checks that nothing came that was not expected.
    private func finish() throws {
        try wait(for: "room for what is sent") { true }
        connection.closeInput()
        try wait(for: "its exit") { false }
        let status = try connection.exitStatus()
        guard status == capture.exitStatus else { throw Mismatch(description: "it exits with \(status), not \(capture.exitStatus)") }
        if let frame = frames.first { throw Mismatch(description: "nobody expected \(Pattern.text(frame.header))") }
        for (key, bytes) in streams where !bytes.isEmpty { throw Mismatch(description: "\(bytes.count) bytes of \(key) too many") }
        guard decoder.bufferedBytes == 0 else { throw Mismatch(description: "its last frame is cut") }
    }

    // MARK: Frames

    private func wait(for what: String, until isMet: () -> Bool) throws {
        try connection.wait(for: what) {
            try takeFrames()
            return isMet()
        }
        try takeFrames()
    }

    private func takeFrames() throws {
        connection.takeReceived().withUnsafeBytes { decoder.receive($0) }
        while let frame = try decoder.next() {
            let message = try Message(frame)
            switch message {
            case .data(let id, let stream, _):
                guard let credit = open[id] else { throw Mismatch(description: "data for request \(id), which is not open") }
                guard frame.payloadLength <= credit else { throw Mismatch(description: "data of request \(id) beyond its credit") }
                guard frame.payloadLength <= Limits.preferredPayloadLength else {
                    throw Mismatch(description: "data in a piece of \(frame.payloadLength) bytes")
                }
                open[id] = credit - frame.payloadLength
                streams["\(id) \(stream)", default: []] += frame.payload
            case .credit(let id, _):
                guard open[id] != nil else { throw Mismatch(description: "credit for request \(id), which is not open") }
            case .acknowledge(let count):
                guard count > acknowledged, count <= sequencedSent else {
                    throw Mismatch(description: "it acknowledges \(count) after \(acknowledged), of \(sequencedSent)")
                }
                acknowledged = count
            // It measures the link whenever it has sent enough, which no capture knows.
            case .ping(let number): connection.send(Message.pong(number).frame().bytes)
            default:
                if case .result(let id, _) = message, open.removeValue(forKey: id) == nil {
                    throw Mismatch(description: "a result for no request: \(id)")
                }
                if case .failure(let id, _) = message, open.removeValue(forKey: id) == nil {
                    throw Mismatch(description: "an error for no request: \(id)")
                }
                frames.append((message, try frame.parseHeader(), frame))
            }
        }
    }
}
