import Foundation
import TestSupport

/// What became of one request.
public enum CallEnd: Sendable {
    /// The whole answer, with `ok` in it.
    case answered(JSONObject)
    /// The error's code, its statement on whether the request was applied (`no` where it has none), and its text.
    case failed(code: String, applied: String, message: String)
    /// The client died before there was an answer.
    case clientDied
    /// There was no answer in time.
    case silent
}

/// A JSON object, of values that `JSONSerialization` made.
///
/// `@unchecked Sendable`: nobody changes it.
public struct JSONObject: @unchecked Sendable {
    /// The members.
    public let members: [String: Any]

    /// An object of such members.
    public init(members: [String: Any]) { self.members = members }

    /// Text or base64 of a member that has bytes; empty where there is none.
    public func bytes(_ name: String) -> Data {
        if let text = members[name] as? String { return Data(text.utf8) }
        let encoded = (members[name] as? [String: Any])?["b64"] as? String
        return encoded.flatMap { Data(base64Encoded: $0) } ?? Data()
    }

    /// A member that is an object.
    public func object(_ name: String) -> JSONObject { JSONObject(members: members[name] as? [String: Any] ?? [:]) }

    /// A number.
    public func number(_ name: String) -> Int? { members[name] as? Int }

    /// A text.
    public func text(_ name: String) -> String? { members[name] as? String }

    /// A flag.
    public func flag(_ name: String) -> Bool { members[name] as? Bool ?? false }
}

/// A `portal call` that gets its requests one after another: a client that can be killed.
///
/// `@unchecked Sendable`: `waiting`, `number` and `isOver` are behind the lock, the rest is constant.
public final class CallClient: @unchecked Sendable {
    /// Closed when neither the client nor its reading thread has it any more, so that its number means nothing else before.
    private final class Socket: Sendable {
        let descriptor: Int32

        init(descriptor: Int32) { self.descriptor = descriptor }

        deinit { close(descriptor) }
    }

    private let child: Child
    /// Our end of its standard input and output.
    private let socket: Socket
    private let lock = NSLock()
    private var waiting: [Int: @Sendable (CallEnd) -> Void] = [:]
    private var number = 0
    private var isOver = false

    /// Starts one.
    public init(_ stage: Stage, errors: String) throws {
        try stage.check()
        // One socket is both of its descriptors: unlike a pipe it is made so that no other child inherits it.
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw TestFailure("no socket for a client") }
        child = try Child(
            stage.arguments("call", [stage.target]), environment: stage.environment, errors: errors, pipes: (ends[1], ends[1]))
        close(ends[1])
        socket = Socket(descriptor: ends[0])
        let socket = socket
        Thread { [weak self] in CallClient.read(socket) { self?.take($0) } }.start()
    }

    deinit {
        shutdown(socket.descriptor, Int32(SHUT_RDWR))
        child.end()
    }

    /// Makes a request and waits for its end, so many seconds at most.
    public func call(_ operation: String, _ parameters: [String: Any], deadline: Double) async -> CallEnd {
        let id = lock.withLock { () -> Int in
            number += 1
            return number
        }
        var request = parameters
        request["id"] = id
        request["op"] = operation
        guard var line = try? JSONSerialization.data(withJSONObject: request) else { preconditionFailure("\(operation): no JSON") }
        line.append(0x0A)
        let text = line
        return await withCheckedContinuation { continuation in
            let isDead = lock.withLock {
                if !isOver { waiting[id] = { continuation.resume(returning: $0) } }
                return isOver
            }
            if isDead { return continuation.resume(returning: .clientDied) }
            DispatchQueue.global().async { [self] in
                if !CallClient.writeAll(socket.descriptor, text) { finish(id, .clientDied) }
            }
            DispatchQueue.global().asyncAfter(deadline: .now() + deadline) { [weak self] in self?.finish(id, .silent) }
        }
    }

    /// Its process.
    public var pid: pid_t { child.pid }

    /// Ends it as a crash would.
    public func kill() { child.end() }

    /// Ends it as its user would: there are no more requests.
    public func leave() async {
        shutdown(socket.descriptor, Int32(SHUT_WR))
        if await !eventually(seconds: 20, { !child.isRunning }) { child.end() }
    }

    private func finish(_ id: Int, _ end: CallEnd) { lock.withLock { waiting.removeValue(forKey: id) }?(end) }

    /// A line of its output; nil at the end of it.
    private func take(_ line: Data?) {
        guard let line else {
            let open = lock.withLock {
                isOver = true
                defer { waiting = [:] }
                return waiting
            }
            for answer in open.values { answer(.clientDied) }
            return
        }
        guard let object = (try? JSONSerialization.jsonObject(with: line)) as? [String: Any], let id = object["id"] as? Int else { return }
        if let error = object["error"] as? [String: Any] {
            let failure = JSONObject(members: error)
            finish(
                id,
                .failed(
                    code: failure.text("code") ?? "?", applied: failure.text("applied") ?? "no", message: failure.text("message") ?? ""))
        } else {
            finish(id, .answered(JSONObject(members: object)))
        }
    }

    private static func read(_ socket: Socket, _ line: (Data?) -> Void) {
        var pending = Data()
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = Glibc.read(socket.descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            var rest = chunk[..<count]
            while let end = rest.firstIndex(of: 0x0A) {
                pending.append(contentsOf: rest[..<end])
                line(pending)
                pending = Data()
                rest = rest[(end + 1)...]
            }
            pending.append(contentsOf: rest)
        }
        line(nil)
    }

    private static func writeAll(_ descriptor: Int32, _ bytes: Data) -> Bool {
        bytes.withUnsafeBytes { buffer in
            var written = 0
            while written < buffer.count {
                let count = send(descriptor, buffer.baseAddress! + written, buffer.count - written, Int32(MSG_NOSIGNAL))
                if count < 0, errno != EINTR { return false }
                written += max(0, count)
            }
            return true
        }
    }
}
