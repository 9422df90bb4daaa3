import CExecutorPlatform
import PortalWire

/// The descriptors of a link: two for its bytes, and one for whoever waits for its end, -1 where nobody does.
struct LinkDescriptors {
    var input: Int32 = 0
    var output: Int32 = 1
    var channel: Int32 = -1
}

/// The private socket at which later links find a session.
final class SessionSocket {
    private static let tokenLength = 128
    /// How long nobody is let in after somebody could not be: no descriptor was free.
    private static let pauseMilliseconds: UInt64 = 100

    private let directory: Int32
    private let name: [UInt8]
    private let listener: Int32
    private var watch: Watch?
    /// Who was let in and has not handed a link over yet.
    private var visitor: Watch?

    /// Listens for the session of a secret. Where it shall resume another one, and that has an executor, the executor gets the link and this
    /// process ends with it.
    init(program: [UInt8], secret: [UInt8], resuming former: [UInt8]?, token: [UInt8]) throws(OperationError) {
        var path = [UInt8](repeating: 0, count: Limits.pathLength + 1)
        directory = platform_sessions_open(terminated(program), &path, path.count)
        name = SessionSocket.name(ofSecret: secret)
        if directory >= 0, let former { _ = platform_session_resume(directory, former, terminated(token)) }
        listener = directory >= 0 ? platform_session_listen(directory, name) : directory
        guard listener < 0 else { return }
        if listener == Int32(PLATFORM_NOT_PRIVATE) {
            throw OperationError(.permissionDenied, "keep sessions in", bytes(of: path), "it is not a directory of this user alone (mode 0700)")
        }
        throw systemError("keep sessions in", bytes(of: path), listener)
    }

    /// What a session is called where others may read it: on command lines.
    static func name(ofSecret secret: [UInt8]) -> [UInt8] {
        var hash = ContentHash()
        hash.add(secret)
        return Array(hash.end()[0..<16])
    }

    /// Goes on in a process of its own, which has the link that this one has. The prefix is that of the markers of all processes.
    func detach(prefix: [UInt8]) throws(OperationError) -> LinkDescriptors {
        var descriptors: [Int32] = [-1, -1, -1]
        let status = platform_session_detach(directory, name, terminated(prefix), &descriptors)
        guard status == 0 else {
            remove()
            throw systemError("detach", [], status)
        }
        return LinkDescriptors(input: descriptors[0], output: descriptors[1], channel: descriptors[2])
    }

    /// Calls the action with each link that is handed over, and its token.
    func listen(_ loop: EventLoop, action: @escaping (LinkDescriptors, [UInt8]) -> Void) {
        watch = loop.watch(listener, EventLoop.readable) { [self] _ in letIn(loop, action) }
    }

    private func letIn(_ loop: EventLoop, _ action: @escaping (LinkDescriptors, [UInt8]) -> Void) {
        let channel = platform_session_accept(listener)
        guard channel >= 0 else {
            guard let watch else { return }
            loop.setInterests(watch, 0)
            _ = loop.after(SessionSocket.pauseMilliseconds) { loop.setInterests(watch, EventLoop.readable) }
            return
        }
        // Whoever came last is who has a link that works.
        if let former = visitor {
            loop.unwatch(former)
            platform_close(former.descriptor)
        }
        visitor = loop.watch(channel, EventLoop.readable) { [self] _ in
            guard let visitor else { return }
            loop.unwatch(visitor)
            self.visitor = nil
            var token = [UInt8](repeating: 0, count: SessionSocket.tokenLength)
            var descriptors: [Int32] = [-1, -1]
            let count = platform_session_receive(channel, &token, token.count, &descriptors)
            guard count > 0 else { return platform_close(channel) }
            action(LinkDescriptors(input: descriptors[0], output: descriptors[1], channel: channel), Array(token[0..<Int(count)]))
        }
    }

    /// Nobody finds the session any more.
    func remove() {
        platform_session_remove(directory, name)
        platform_close(listener)
    }
}
