import CExecutorPlatform
import PortalWire

extension FileStatus {
    init(_ status: platform_status, target: [UInt8]? = nil) {
        self.init(
            kind: FileKind(rawValue: status.kind) ?? .unknown, size: status.size, mode: status.mode, userIdentifier: status.user,
            groupIdentifier: status.group, device: status.device, inode: status.inode, links: status.links, modified: status.modified,
            changed: status.changed, target: target)
    }

    /// What is at an absolute path, a symbolic link not followed; nil where that cannot be told.
    init?(ofEntry path: [UInt8]) {
        var raw = platform_status()
        let path = terminated(path)
        guard platform_stat(path, 0, &raw) == 0 else { return nil }
        self.init(raw)
        if kind == .symlink { target = linkTarget(path) }
    }
}

/// Where a symbolic link points; nil where that cannot be told.
private func linkTarget(_ path: [UInt8]) -> [UInt8]? {
    let buffer = Buffer()
    let count = platform_read_link(path, buffer.start, buffer.count)
    return count >= 0 ? buffer.bytes(Int(count)) : nil
}

extension FileJob {
    /// Whether what `fs.stat` asks is known without a disk; then it is answered where it came in, as parameters are that cannot be read.
    var statusIsAtHand: Bool {
        guard let request = try? FileStatRequest(parameters) else { return true }
        return platform_is_cached(hostPath(request.path, request.directory).terminated, request.follow ? 1 : 0, 0) != 0
    }

    /// `fs.stat`
    func status(_ parameters: JSONValue) throws(OperationError) -> Frame {
        let request = try FileStatRequest(parameters)
        let path = hostPath(request.path, request.directory)
        var raw = platform_status()
        let result = platform_stat(path.terminated, request.follow ? 1 : 0, &raw)
        guard result == 0 else { throw systemError("stat", path.bytes, result) }
        platform_note_device(path.terminated, raw.device)
        var status = FileStatus(raw)
        if status.kind == .symlink { status.target = linkTarget(path.terminated) }
        var writer = JSONWriter(resultOf: id)
        status.write(to: &writer)
        return writer.resultFrame()
    }
}
