import CExecutorPlatform
import PortalWire

/// `fs.read`
final class ReadRequest: ContentRequest {
    override func prepare(_ parameters: JSONValue) throws(OperationError) -> ContentSource {
        let request = try FileReadRequest(parameters)
        let path = hostPath(request.path, request.directory)
        isAtHand = platform_is_cached(path.terminated, 1, 1) != 0
        return FileSource(request, path: path)
    }
}

private final class FileSource: ContentSource {
    private static let pieceLength = 64 * 1024
    /// How much of a file decides whether it is text.
    private static let lookedAt: UInt64 = 8192
    /// No file is so long, and no read from there passes the greatest number of the kernel.
    private static let behindEveryEnd: UInt64 = 1 << 62

    private let path: HostPath
    private let request: FileReadRequest
    private var remaining: UInt64
    private var hash: ContentHash?
    private var descriptor: Int32 = -1
    private var status: platform_status?
    private var isBinary = false
    /// Bytes of the file that were read, from its start or the offset.
    private var passed: UInt64 = 0
    private var sent: UInt64 = 0
    private var lines: LineRange?
    /// Of the whole file: before anything is sent, where that may be unnecessary, or while its lines are counted.
    private var fileHash: ContentHash?
    private var fileDigest: [UInt8]?
    private var isComparing: Bool
    private var isUnchanged = false

    init(_ request: FileReadRequest, path: HostPath) {
        self.path = path
        self.request = request
        remaining = request.length ?? UInt64.max
        if request.hash { hash = ContentHash() }
        if request.firstLine != nil || request.lines != nil { lines = LineRange(first: request.firstLine, count: request.lines) }
        isComparing = request.ifNoneMatch != nil
        if isComparing || (lines != nil && request.hash) { fileHash = ContentHash() }
    }

    deinit {
        if descriptor >= 0 { platform_close(descriptor) }
    }

    /// Returns nothing, and is not at the end, where a piece of the file went by that is not sent: then it is called again.
    override func fill(_ count: Int) throws(OperationError) -> [UInt8] {
        if descriptor < 0 { try open() }
        if isComparing {
            try compare()
            return []
        }
        // What is skipped does not depend on the credit.
        let piece = lines.map { $0.isTaking ? count : FileSource.pieceLength } ?? count
        let bytes = try read(Int(min(UInt64(piece), remaining)))
        if passed < FileSource.lookedAt, request.offset == 0 {
            isBinary = isBinary || bytes.part(0, min(bytes.count, Int(FileSource.lookedAt - passed))).contains(0)
        }
        passed += UInt64(bytes.count)
        remaining -= UInt64(bytes.count)
        if remaining == 0 { isAtEnd = true }
        guard lines != nil else {
            hash?.add(bytes)
            sent += UInt64(bytes.count)
            return bytes
        }
        fileHash?.add(bytes)
        let taken = lines?.take(bytes) ?? []
        hash?.add(taken)
        sent += UInt64(taken.count)
        return taken
    }

    private func read(_ wanted: Int) throws(OperationError) -> [UInt8] {
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
        return bytes
    }

    // A small file does not need the memory of a large piece; one byte more than its size, so that its end is seen in the same job.
    private func capacity(_ wanted: Int) -> Int {
        guard let status, status.size > 0, passed == 0, request.offset == 0, status.size < UInt64(wanted) else { return wanted }
        return Int(status.size) + 1
    }

    /// One piece of the pass that finds out whether anything must be sent.
    private func compare() throws(OperationError) {
        let bytes = try read(FileSource.pieceLength)
        fileHash?.add(bytes)
        guard isAtEnd else { return }
        isComparing = false
        let digest = fileHash?.end()
        fileDigest = digest
        fileHash = nil
        isUnchanged = digest == request.ifNoneMatch
        guard !isUnchanged else { return }
        isAtEnd = remaining == 0
        try seek(request.offset)
    }

    private func seek(_ offset: UInt64) throws(OperationError) {
        let result = platform_seek(descriptor, min(offset, FileSource.behindEveryEnd))
        // A file system has a greatest position of its own: beyond it there is as little as behind the end.
        if platform_errno_name(result) == PLATFORM_EINVAL {
            remaining = 0
        } else if result != 0 {
            throw systemError("read", path.bytes, result)
        }
    }

    private func open() throws(OperationError) {
        let opened = platform_open(path.terminated, UInt32(PLATFORM_OPEN_READ), 0)
        guard opened >= 0 else { throw systemError("read", path.bytes, opened) }
        descriptor = opened
        var raw = platform_status()
        let result = platform_stat_descriptor(opened, &raw)
        guard result == 0 else { throw systemError("read", path.bytes, result) }
        platform_note_device(path.terminated, raw.device)
        guard raw.kind != FileKind.directory.rawValue else { throw OperationError(.isADirectory, "read", path.bytes, "it is a directory") }
        guard raw.kind == FileKind.file.rawValue else { throw OperationError(.invalid, "read", path.bytes, "not a regular file") }
        status = raw
        // Where the start of the file does not go by, it is looked at; where it does, it is not read twice: some files of the kernel give
        // everything once.
        if request.offset > 0 || isComparing || remaining < FileSource.lookedAt { isBinary = platform_is_binary(opened) != 0 }
        if request.offset > 0, !isComparing { try seek(request.offset) }
    }

    override func result(_ id: UInt64) -> Frame {
        guard let status else { return super.result(id) }
        var digest = hash?.end()
        var range: FileReadResult.Lines?
        if isUnchanged {
            digest = request.hash ? fileDigest : nil
        } else if let lines {
            range = lines.result
            range?.fileSHA256 = request.hash ? fileDigest ?? fileHash?.end() : nil
        }
        let result = FileReadResult(
            bytes: sent, status: FileStatus(status), binary: isBinary, unchanged: isUnchanged, sha256: digest, lines: range)
        var writer = JSONWriter(resultOf: id)
        result.write(to: &writer)
        return writer.resultFrame()
    }
}
