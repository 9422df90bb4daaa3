import CExecutorPlatform
import PortalWire

/// `fs.list`
final class ListRequest: ContentRequest {
    override func prepare(_ parameters: JSONValue) throws(OperationError) -> ContentSource {
        let request = try FileListRequest(parameters)
        return DirectorySource(
            path: hostPath(request.path, request.directory), limit: request.limit ?? UInt64.max)
    }
}

private final class DirectorySource: ContentSource {
    private let path: HostPath
    private let limit: UInt64
    private var directory: OpaquePointer?
    private var listed: UInt64 = 0
    private var isTruncated = false

    init(path: HostPath, limit: UInt64) {
        self.path = path
        self.limit = limit
    }

    deinit {
        if let directory { platform_directory_close(directory) }
    }

    override func fill(_ count: Int) throws(OperationError) -> [UInt8] {
        if directory == nil {
            var failure: Int32 = 0
            directory = platform_directory_open(path.terminated, &failure)
            guard directory != nil else { throw systemError("list", path.bytes, failure) }
        }
        guard let directory else { return [] }
        var lines: [UInt8] = []
        var name = [UInt8](repeating: 0, count: 1024)
        while lines.count < count {
            let length = platform_directory_next(directory, &name, name.count)
            guard length >= 0 else { throw systemError("list", path.bytes, length) }
            if length == 0 {
                isAtEnd = true
                break
            }
            if listed == limit {
                isTruncated = true
                isAtEnd = true
                break
            }
            lines += entry(Array(name[0..<Int(length)])).line()
            listed += 1
        }
        return lines
    }

    private func entry(_ name: [UInt8]) -> DirectoryEntry {
        var raw = platform_status()
        guard platform_directory_stat(directory, name + [0], &raw) == 0 else { return DirectoryEntry(name: name, status: nil) }
        var status = FileStatus(raw)
        if status.kind == .symlink {
            var buffer = [UInt8](repeating: 0, count: Limits.pathLength + 1)
            let count = platform_directory_read_link(directory, name + [0], &buffer, buffer.count)
            if count >= 0 { status.target = Array(buffer[0..<Int(count)]) }
        }
        return DirectoryEntry(name: name, status: status)
    }

    override func result(_ id: UInt64) -> Frame {
        let result = FileListResult(count: listed, truncated: isTruncated)
        return resultFrame(id: id) { result.write(to: &$0) }
    }
}
