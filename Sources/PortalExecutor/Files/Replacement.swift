import CExecutorPlatform
import PortalWire

/// A file's new content, beside the file until it is complete. One worker at a time uses it; between two of its jobs only the event loop does.
final class Replacement {
    private let request: FileWriteRequest
    /// For messages: what is done to the file.
    private let verb: Literal
    private let path: HostPath
    /// What is replaced: the path, or where its symbolic links lead.
    private var target: HostPath
    private var file = platform_new_file()
    private var hash = ContentHash()
    private var size: UInt64 = 0
    private(set) var hasBegun = false
    /// Whether what was collected stays for the next attempt.
    private var keepsPart = false

    init(_ request: FileWriteRequest, path: HostPath, verb: Literal = "write") {
        self.request = request
        self.verb = verb
        self.path = path
        target = path
        file.directory = -1
        file.descriptor = -1
    }

    deinit { discard() }

    @inline(never)
    private func refusal(_ code: ErrorCode, _ text: Literal) -> OperationError { OperationError(code, verb, path.bytes, text) }

    @inline(never)
    private func failure(_ number: Int32) -> OperationError { systemError(verb, path.bytes, number) }

    /// Finds what is to be replaced. What can be refused before the content comes is refused here.
    private func find() throws(OperationError) {
        guard !path.namesDirectory else { throw refusal(.isADirectory, "it names a directory") }
        // Something to create must not be there at all, not even as a link that leads nowhere.
        if !request.createOnly { target = try path.followingLinks(verb) }
        _ = try current()
    }

    /// Opens the new file, once.
    /// - Parameter gaveUp: Raised when the requester gave up: a long part is read before anything is written.
    func begin(_ gaveUp: UnsafePointer<Int32>) throws(OperationError) {
        guard !hasBegun else { return }
        try find()
        try open()
        try readPart(gaveUp)
    }

    private func open() throws(OperationError) {
        hasBegun = true
        let parent = target.parent
        var opened = open(in: parent)
        if opened < 0, request.parents, platform_errno_name(opened) == PLATFORM_ENOENT {
            _ = try makeDirectory(parent, parents: true, mode: 0o777)
            opened = open(in: parent)
        }
        guard opened == 0 else { throw opened < 0 ? failure(opened) : partError(opened) }
        keepsPart = request.part != nil
    }

    func write(_ bytes: [UInt8]) throws(OperationError) {
        hash.add(bytes)
        size += UInt64(bytes.count)
        var done = 0
        while done < bytes.count {
            let start = done
            let count = bytes.withUnsafeBytes { platform_write(file.descriptor, $0.baseAddress! + start, $0.count - start) }
            guard count >= 0 else { throw failure(Int32(count)) }
            done += Int(count)
        }
    }

    /// Checks what was demanded and puts the content in place.
    func commit() throws(OperationError) -> FileWriteResult {
        let digest = hash.end()
        if let expected = request.sha256, expected != digest {
            keepsPart = false
            throw refusal(.invalid, "the content that came is not the one that was sent")
        }
        let lock = platform_directory_lock(target.parent.terminated)
        platform_lock(lock)
        defer { platform_unlock(lock) }
        let old = try current()
        if let expected = request.ifMatch {
            guard old != nil else { throw refusal(.conflict, "there is no file that could match") }
            try check(try hashOfTarget(), expected)
        }
        return try put(old, digest)
    }

    /// Replaces texts in the file that is there. Between reading it and putting the new one in place no other request changes it.
    /// - Parameter gaveUp: Raised when the requester gave up.
    func edit(_ edits: [FileEdit], _ gaveUp: UnsafePointer<Int32>) throws(OperationError) -> FileEditResult {
        try find()
        let lock = platform_directory_lock(target.parent.terminated)
        platform_lock(lock)
        defer { platform_unlock(lock) }
        guard var old = try current() else { throw refusal(.notFound, "no such file or directory") }
        let text = TextEdit(try content(old), path: path.bytes, gaveUp: gaveUp)
        if let expected = request.ifMatch {
            var hash = ContentHash()
            hash.add(text.content)
            try check(hash.end(), expected)
        }
        try text.apply(edits)
        try open()
        try write(text.content)
        // Others than this executor's requests may have written meanwhile.
        guard var now = try current(), platform_status_same(&now, &old) != 0 else {
            throw refusal(.conflict, "it was changed while it was edited")
        }
        guard platform_flag_read(gaveUp) == 0 else { throw OperationError(.cancelled, literal: "cancelled; the file is as it was") }
        let result = try put(old, hash.end())
        return FileEditResult(
            size: size, sha256: result.sha256, replaced: text.replaced, firstLine: text.firstLine, lost: result.lost)
    }

    private func put(_ old: platform_status?, _ digest: [UInt8]) throws(OperationError) -> FileWriteResult {
        let place = target.terminated
        let lost = Buffer(old == nil ? 0 : 4096)
        var commit = platform_commit()
        commit.mode = request.mode ?? (0o666 & ~platform_umask())
        commit.is_new = request.createOnly ? 1 : 0
        commit.sync = request.sync ? 1 : 0
        if let old {
            commit.replaces = 1
            commit.into_file = old.links > 1 && request.hardLinks == .keep ? 1 : 0
        }
        let status = place.withUnsafeBufferPointer { place in
            commit.target = place.baseAddress
            commit.lost = lost.start
            commit.capacity = lost.count
            return platform_new_file_commit(&file, &commit)
        }
        guard status == 0 else {
            throw systemError(verb, path.bytes, status, applied: OperationError.Applied(rawValue: commit.applied) ?? .unknown)
        }
        keepsPart = false
        discard()
        return FileWriteResult(
            size: size, sha256: digest, created: old == nil,
            lost: lost.strings(commit.lost_length))
    }

    /// Leaves nothing behind but a part. The file that was to be replaced is as it was, unless it was put in place.
    func discard() {
        if keepsPart { platform_new_file_leave(&file) }
        platform_new_file_discard(&file)
    }

    /// What stands at the target now; nil where nothing does.
    private func current() throws(OperationError) -> platform_status? {
        var raw = platform_status()
        let result = platform_stat(target.terminated, request.createOnly ? 0 : 1, &raw)
        if result < 0 {
            guard platform_errno_name(result) == PLATFORM_ENOENT else { throw failure(result) }
            return nil
        }
        if raw.kind == FileKind.directory.rawValue { throw refusal(.isADirectory, "it is a directory") }
        if request.createOnly { throw refusal(.exists, "something is there already") }
        guard raw.kind == FileKind.file.rawValue else { throw refusal(.invalid, "not a regular file") }
        guard raw.links < 2 || request.hardLinks != .refuse else {
            throw refusal(
                .conflict, "the file has other names too: hard_links says whether they keep the old content or get the new"
            ).detailed("links", Int64(truncatingIfNeeded: raw.links))
        }
        return raw
    }

    // MARK: A part

    private func open(in directory: HostPath) -> Int32 {
        guard let part = request.part else { return platform_new_file_open(directory.terminated, &file) }
        return platform_new_file_part(directory.terminated, terminated(part), request.offset, &file)
    }

    private func partError(_ status: Int32) -> OperationError {
        status == PLATFORM_PART_BUSY
            ? refusal(.conflict, "another request has the part open")
            : refusal(.conflict, "the part has fewer bytes than the offset")
    }

    /// What an earlier attempt brought counts for the hash, which alone says whether it belongs to this content.
    private func readPart(_ gaveUp: UnsafePointer<Int32>) throws(OperationError) {
        while size < request.offset {
            guard platform_flag_read(gaveUp) == 0 else { throw OperationError(.cancelled, literal: "cancelled; the file is as it was") }
            let wanted = Int(min(request.offset - size, 65536))
            var count: Int64 = 0
            let bytes = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, filled in
                count = platform_read(file.descriptor, buffer.baseAddress!, wanted)
                filled = Int(max(0, count))
            }
            guard count > 0 else { throw failure(Int32(count)) }
            hash.add(bytes)
            size += UInt64(count)
        }
    }

    // MARK: The old content

    private func openTarget() throws(OperationError) -> Int32 {
        let opened = platform_open(target.terminated, UInt32(PLATFORM_OPEN_READ), 0)
        guard opened >= 0 else { throw failure(opened) }
        return opened
    }

    private func hashOfTarget() throws(OperationError) -> [UInt8] {
        let opened = try openTarget()
        do throws(SystemFailure) {
            return try hashOfContent(opened)
        } catch {
            throw failure(error.number)
        }
    }

    private func check(_ found: [UInt8], _ expected: [UInt8]) throws(OperationError) {
        guard found != expected else { return }
        var error = refusal(.conflict, "the file is not the expected one")
        error.details = [JSONMember(name: [UInt8]("sha256"), value: .string(found))]
        throw error
    }

    private func content(_ status: platform_status) throws(OperationError) -> [UInt8] {
        let opened = try openTarget()
        defer { platform_close(opened) }
        guard status.size <= UInt64(FileEditRequest.fileLength) else { throw TextEdit.tooLarge(path.bytes) }
        let size = Int(status.size)
        var problem: Int64 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, filled in
            while filled < size {
                let taken = platform_read(opened, buffer.baseAddress! + filled, size - filled)
                if taken < 0 { problem = taken }
                if taken <= 0 { return }
                filled += Int(taken)
            }
        }
        guard problem == 0 else { throw failure(Int32(problem)) }
        return bytes
    }
}
