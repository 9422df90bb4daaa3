import CExecutorPlatform
import PortalWire

/// `fs.read`
final class ReadRequest: ContentRequest {
    override func prepare(_ parameters: JSONValue) throws(OperationError) -> ContentSource {
        let request = try FileReadRequest(parameters)
        let path = HostPath(request.path, directory: request.directory, home: session.facts.home)
        isAtHand = platform_is_cached(path.terminated, 1, 1) != 0
        return FileSource(request, path: path)
    }
}

private final class FileSource: ContentSource {
    private let path: HostPath
    private let offset: UInt64
    private var remaining: UInt64
    private var hash: ContentHash?
    private var descriptor: Int32 = -1
    private var status: FileStatus?
    private var sent: UInt64 = 0

    init(_ request: FileReadRequest, path: HostPath) {
        self.path = path
        offset = request.offset
        remaining = request.length ?? UInt64.max
        if request.hash { hash = ContentHash() }
    }

    deinit {
        if descriptor >= 0 { platform_close(descriptor) }
    }

    override func fill(_ count: Int) throws(OperationError) -> [UInt8] {
        if descriptor < 0 { try open() }
        let wanted = Int(min(UInt64(count), remaining))
        var failure: Int64 = 0
        // To the end or to the count: a file in /proc gives less than it is asked for long before its end.
        let bytes = [UInt8](unsafeUninitializedCapacity: capacity(wanted)) { buffer, filled in
            let room = UnsafeMutableRawBufferPointer(buffer)
            let most = min(wanted, room.count)
            while filled < most {
                let taken = platform_read(descriptor, room.baseAddress! + filled, most - filled)
                if taken < 0 { failure = taken }
                if taken == 0 { isAtEnd = true }
                if taken <= 0 { return }
                filled += Int(taken)
            }
        }
        guard failure == 0 else { throw systemError("read", path.bytes, Int32(failure)) }
        hash?.add(bytes)
        sent += UInt64(bytes.count)
        remaining -= UInt64(bytes.count)
        if remaining == 0 { isAtEnd = true }
        return bytes
    }

    // A small file does not need the memory of a large piece; one byte more than its size, so that its end is seen in the same job.
    private func capacity(_ wanted: Int) -> Int {
        guard let status, status.size > 0, sent == 0, offset == 0, status.size < UInt64(wanted) else { return wanted }
        return Int(status.size) + 1
    }

    private func open() throws(OperationError) {
        let opened = platform_open(path.terminated, UInt32(PLATFORM_OPEN_READ), 0)
        guard opened >= 0 else { throw systemError("read", path.bytes, opened) }
        descriptor = opened
        var raw = platform_status()
        let result = platform_stat_descriptor(opened, &raw)
        guard result == 0 else { throw systemError("read", path.bytes, result) }
        platform_note_device(path.terminated, raw.device)
        let status = FileStatus(raw)
        guard status.kind != .directory else { throw OperationError(.isADirectory, "read", path.bytes, "it is a directory") }
        guard status.kind == .file else { throw OperationError(.invalid, "read", path.bytes, "not a regular file") }
        self.status = status
        if offset > 0 {
            let result = platform_seek(opened, offset)
            guard result == 0 else { throw systemError("read", path.bytes, result) }
        }
    }

    override func result(_ id: UInt64) -> Frame {
        guard let status else { return super.result(id) }
        let result = FileReadResult(bytes: sent, status: status, sha256: hash?.end())
        return resultFrame(id: id) { result.write(to: &$0) }
    }
}
