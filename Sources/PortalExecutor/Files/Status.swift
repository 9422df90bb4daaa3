import CExecutorPlatform
import PortalWire

extension FileStatus {
    init(_ status: platform_status, target: [UInt8]? = nil) {
        self.init(
            kind: FileKind(rawValue: status.kind) ?? .unknown, size: status.size, mode: status.mode, userIdentifier: status.user,
            groupIdentifier: status.group, device: status.device, inode: status.inode, links: status.links, modified: status.modified,
            changed: status.changed, target: target)
    }
}

extension AnsweredRequest {
    /// `fs.stat`
    func answerStatus(_ parameters: JSONValue) throws(OperationError) -> Answer {
        let request = try FileStatRequest(parameters)
        let path = hostPath(request.path, request.directory)
        let id = id
        isAtHand = platform_is_cached(path.terminated, request.follow ? 1 : 0, 0) != 0
        return { (_) throws(OperationError) -> Frame in
            var raw = platform_status()
            let result = platform_stat(path.terminated, request.follow ? 1 : 0, &raw)
            guard result == 0 else { throw systemError("stat", path.bytes, result) }
            platform_note_device(path.terminated, raw.device)
            var status = FileStatus(raw)
            if status.kind == .symlink {
                var buffer = [UInt8](repeating: 0, count: Limits.pathLength + 1)
                let count = platform_read_link(path.terminated, &buffer, buffer.count)
                if count >= 0 { status.target = Array(buffer[0..<Int(count)]) }
            }
            return resultFrame(id: id) { status.write(to: &$0) }
        }
    }
}
