import CExecutorPlatform
import PortalWire

extension FileJob {
    /// `fs.remove`
    func remove(_ parameters: JSONValue) throws(OperationError) -> Frame {
        let request = try FileRemoveRequest(parameters)
        let path = hostPath(request.path, request.directory)
        // The kernel refuses these when all that is in them is gone already.
        guard !path.withoutSlashes.namesDirectory else {
            throw OperationError(.invalid, "remove", path.bytes, "a directory is removed by its name")
        }
        var status = platform_status()
        var result = platform_stat(path.terminated, 0, &status)
        guard result == 0 else { throw systemError("remove", path.bytes, result) }
        if FileStatus(status).kind != .directory {
            result = platform_unlink(path.terminated)
        } else if !request.recursive {
            result = platform_remove_directory(path.terminated)
        } else {
            let entry = Buffer(1024)
            result = platform_remove_tree(path.terminated, gaveUp, entry.start, entry.count)
            if result < 0 {
                // Some of it may be gone.
                throw systemError("remove", path.bytes, within: entry.text, result, applied: .unknown)
            }
        }
        guard result == 0 else { throw systemError("remove", path.bytes, result) }
        return done()
    }
}

extension FileJob {
    /// `fs.mkdir`
    func makeOneDirectory(_ parameters: JSONValue) throws(OperationError) -> Frame {
        let request = try FileMakeDirectoryRequest(parameters)
        let path = hostPath(request.path, request.directory)
        let isNew = try makeDirectory(path, parents: request.parents, mode: request.mode ?? 0o777)
        // The umask was taken off what was asked for; a mode that was given is meant as it is.
        if isNew, let mode = request.mode {
            let result = platform_set_path_mode(path.terminated, mode)
            guard result == 0 else { throw systemError("mkdir", path.bytes, result, applied: .yes) }
        }
        return done()
    }
}

/// Makes a directory, with what is missing above it where `parents` is set; then one that is there already is no error.
/// - Returns: Whether it was made.
func makeDirectory(_ path: HostPath, parents: Bool, mode: UInt32) throws(OperationError) -> Bool {
    let result = platform_make_directory(path.terminated, mode)
    if result == 0 { return true }
    guard parents else { throw systemError("mkdir", path.bytes, result) }
    switch platform_errno_name(result) {
    case PLATFORM_EEXIST:
        var status = platform_status()
        guard platform_stat(path.terminated, 1, &status) == 0, FileStatus(status).kind == .directory else {
            throw systemError("mkdir", path.bytes, result)
        }
        return false
    case PLATFORM_ENOENT:
        let parent = path.parent
        guard parent.bytes != path.bytes else { throw systemError("mkdir", path.bytes, result) }
        _ = try makeDirectory(parent, parents: true, mode: 0o777)
        let again = platform_make_directory(path.terminated, mode)
        // A trailing slash made it with its parent; another maker may have been first.
        if platform_errno_name(again) == PLATFORM_EEXIST { return true }
        guard again == 0 else { throw systemError("mkdir", path.bytes, again) }
        return true
    default: throw systemError("mkdir", path.bytes, result)
    }
}

extension FileJob {
    /// `fs.rename`
    func rename(_ parameters: JSONValue) throws(OperationError) -> Frame {
        let request = try FileRenameRequest(parameters)
        let from = hostPath(request.from, request.directory)
        let to = hostPath(request.to, request.directory)
        let result =
            request.replace ? platform_rename(from.terminated, to.terminated) : platform_rename_new(from.terminated, to.terminated)
        guard result == 0 else {
            let isAboutTarget = platform_errno_name(result) == PLATFORM_EEXIST || platform_errno_name(result) == PLATFORM_ENOTEMPTY
            throw systemError("rename", isAboutTarget ? to.bytes : from.bytes, result)
        }
        return done()
    }
}
