import CExecutorPlatform
import PortalWire

/// A file's new content, beside the file until it is complete. One worker at a time uses it; between two of its jobs only the event loop does.
final class Replacement {
    private let request: FileWriteRequest
    private let path: HostPath
    /// What is replaced: the path, or where its symbolic links lead.
    private var target: HostPath
    private var temporary: HostPath?
    private var descriptor: Int32 = -1
    private var hash = ContentHash()
    private var size: UInt64 = 0
    private(set) var hasBegun = false

    init(_ request: FileWriteRequest, path: HostPath) {
        self.request = request
        self.path = path
        target = path
    }

    deinit { discard() }

    /// Opens the temporary file, once. What can be refused before the content comes is refused here.
    func begin() throws(OperationError) {
        guard !hasBegun else { return }
        hasBegun = true
        guard !path.namesDirectory else { throw OperationError(.isADirectory, "write", path.bytes, "it names a directory") }
        // Something to create must not be there at all, not even as a link that leads nowhere.
        if !request.createOnly { target = try path.followingLinks("write") }
        _ = try current()
        guard let random = randomHexadecimal(8) else { throw OperationError(.internal, "write", path.bytes, "no random numbers") }
        let parent = target.parent
        let place = HostPath(parent.bytes + [UInt8]("/.portal-") + random)
        var opened = platform_open(place.terminated, UInt32(PLATFORM_OPEN_CREATE), 0o600)
        if request.parents, platform_errno_name(opened) == PLATFORM_ENOENT, opened < 0 {
            _ = try makeDirectory(parent, parents: true, mode: 0o777)
            opened = platform_open(place.terminated, UInt32(PLATFORM_OPEN_CREATE), 0o600)
        }
        guard opened >= 0 else { throw systemError("write", path.bytes, opened) }
        descriptor = opened
        temporary = place
    }

    func write(_ bytes: [UInt8]) throws(OperationError) {
        hash.add(bytes)
        size += UInt64(bytes.count)
        var done = 0
        while done < bytes.count {
            let start = done
            let count = bytes.withUnsafeBytes { platform_write(descriptor, $0.baseAddress! + start, $0.count - start) }
            guard count >= 0 else { throw systemError("write", path.bytes, Int32(count)) }
            done += Int(count)
        }
    }

    /// Checks what was demanded and puts the content in place.
    func commit() throws(OperationError) -> FileWriteResult {
        guard let temporary else { throw OperationError(.internal, "write", path.bytes, "nothing was begun") }
        let digest = hash.end()
        if let expected = request.sha256, expected != digest {
            throw OperationError(.invalid, "write", path.bytes, "the content that came is not the one that was sent")
        }
        let old = try current()
        try checkMatch(old)
        if let old {
            // Without the right to give files away, the mode alone is kept.
            _ = platform_set_owner(descriptor, old.userIdentifier, old.groupIdentifier)
            _ = platform_set_mode(descriptor, old.mode)
        } else {
            let result = platform_set_mode(descriptor, request.mode ?? (0o666 & ~platform_umask()))
            guard result == 0 else { throw systemError("write", path.bytes, result) }
        }
        if request.sync {
            let result = platform_sync(descriptor)
            guard result == 0 else { throw systemError("write", path.bytes, result) }
        }
        let result =
            request.createOnly
            ? platform_rename_new(temporary.terminated, target.terminated) : platform_rename(temporary.terminated, target.terminated)
        guard result == 0 else { throw systemError("write", path.bytes, result) }
        self.temporary = nil
        if request.sync { try syncDirectory() }
        discard()
        return FileWriteResult(size: size, sha256: digest, created: old == nil)
    }

    /// Leaves nothing behind. The file that was to be replaced is as it was, unless `commit` has returned.
    func discard() {
        if descriptor >= 0 { platform_close(descriptor) }
        descriptor = -1
        if let temporary { _ = platform_unlink(temporary.terminated) }
        temporary = nil
    }

    /// What stands at the target now; nil where nothing does.
    private func current() throws(OperationError) -> FileStatus? {
        var raw = platform_status()
        let result = platform_stat(target.terminated, request.createOnly ? 0 : 1, &raw)
        if result < 0 {
            guard platform_errno_name(result) == PLATFORM_ENOENT else { throw systemError("write", path.bytes, result) }
            return nil
        }
        let status = FileStatus(raw)
        if status.kind == .directory { throw OperationError(.isADirectory, "write", path.bytes, "it is a directory") }
        if request.createOnly { throw OperationError(.exists, "write", path.bytes, "something is there already") }
        guard status.kind == .file else { throw OperationError(.invalid, "write", path.bytes, "not a regular file") }
        return status
    }

    private func checkMatch(_ old: FileStatus?) throws(OperationError) {
        guard let expected = request.ifMatch else { return }
        guard old != nil else { throw OperationError(.conflict, "write", path.bytes, "there is no file that could match") }
        let opened = platform_open(target.terminated, UInt32(PLATFORM_OPEN_READ), 0)
        guard opened >= 0 else { throw systemError("write", path.bytes, opened) }
        let found: [UInt8]
        do throws(SystemFailure) {
            found = try hashOfContent(opened)
        } catch {
            throw systemError("write", path.bytes, error.number)
        }
        guard found == expected else {
            var error = OperationError(.conflict, "write", path.bytes, "the file is not the expected one")
            error.details = [JSONMember(name: [UInt8]("sha256"), value: .string(found))]
            throw error
        }
    }

    private func syncDirectory() throws(OperationError) {
        let flags = UInt32(PLATFORM_OPEN_READ | PLATFORM_OPEN_DIRECTORY)
        let directory = platform_open(target.parent.terminated, flags, 0)
        guard directory >= 0 else { throw systemError("write", path.bytes, directory, applied: .yes) }
        defer { platform_close(directory) }
        let result = platform_sync(directory)
        // Some file systems cannot do it for directories and say EINVAL.
        guard result == 0 || platform_errno_name(result) == PLATFORM_EINVAL else {
            throw systemError("write", path.bytes, result, applied: .yes)
        }
    }
}
