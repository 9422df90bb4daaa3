import CExecutorPlatform
import PortalWire

/// The failure of a system call as the wire has it; the only place where an errno becomes a code.
func systemError(_ verb: Literal, _ path: [UInt8], _ failure: Int32, applied: OperationError.Applied) -> OperationError {
    let number = failure < 0 ? -failure : failure
    let (code, text) = meaning(of: number)
    var message = [UInt8](verb)
    message.append(" ")
    message.add(path)
    message.append(": ")
    if let text {
        message.append(text)
    } else {
        message.append("error ")
        message.append(decimal: Int64(number))
    }
    return OperationError(code, message, errno: number, path: path, applied: applied)
}

/// The failure of a system call that changed nothing.
@inline(never)
func systemError(_ verb: Literal, _ path: [UInt8], _ failure: Int32) -> OperationError { systemError(verb, path, failure, applied: .no) }

/// The failure of a system call at an entry below a path, which is empty where it was the path itself.
func systemError(
    _ verb: Literal, _ path: [UInt8], within entry: [UInt8], _ failure: Int32, applied: OperationError.Applied
) -> OperationError {
    var place = path
    if !entry.isEmpty {
        place.append(": ")
        place.add(entry)
    }
    var error = systemError(verb, place, failure, applied: applied)
    error.path = path
    return error
}

/// The code and the words for an errno; no words for one that is not in the table.
func meaning(of number: Int32) -> (ErrorCode, Literal?) {
    switch platform_errno_name(number) {
    case PLATFORM_ENOENT: (.notFound, "no such file or directory")
    case PLATFORM_EACCES: (.permissionDenied, "permission denied")
    case PLATFORM_EPERM: (.permissionDenied, "operation not permitted")
    case PLATFORM_EROFS: (.permissionDenied, "the file system is read-only")
    case PLATFORM_EEXIST: (.exists, "something is there already")
    case PLATFORM_ENOTEMPTY: (.exists, "the directory is not empty")
    case PLATFORM_ENOTDIR: (.notADirectory, "not a directory")
    case PLATFORM_EISDIR: (.isADirectory, "it is a directory")
    case PLATFORM_ENOSPC: (.noSpace, "no space left on the disk")
    case PLATFORM_EDQUOT: (.noSpace, "the disk quota is used up")
    case PLATFORM_EFBIG: (.tooLarge, "the file would be too large")
    case PLATFORM_ENAMETOOLONG: (.tooLarge, "the name is too long")
    case PLATFORM_E2BIG: (.tooLarge, "arguments and environment are too long")
    case PLATFORM_EINVAL: (.invalid, "the host does not accept that")
    case PLATFORM_ELOOP: (.invalid, "too many symbolic links")
    case PLATFORM_EXDEV: (.invalid, "the paths are on two file systems")
    case PLATFORM_ENXIO: (.invalid, "neither a file nor a directory")
    case PLATFORM_ENOEXEC: (.invalid, "not a program that this host can run")
    case PLATFORM_ELIBBAD: (.invalid, "its interpreter is not one")
    case PLATFORM_ENOTSUP: (.unsupported, "the file system cannot do that")
    case PLATFORM_ETIMEDOUT: (.timedOut, "timed out")
    case PLATFORM_ECANCELED: (.cancelled, "cancelled")
    case PLATFORM_EBUSY: (.internal, "it is in use")
    case PLATFORM_ETXTBSY: (.internal, "the program is being run or written")
    case PLATFORM_EMFILE, PLATFORM_ENFILE: (.internal, "too many open files on the host")
    case PLATFORM_ENOMEM: (.internal, "the host is out of memory")
    case PLATFORM_EIO: (.internal, "the disk failed")
    case PLATFORM_ESTALE: (.internal, "it was moved or replaced meanwhile")
    case PLATFORM_EAGAIN: (.internal, "it is in use; try again")
    default: (.internal, nil)
    }
}

extension OperationError {
    /// A failure in words, about a path.
    init(_ code: ErrorCode, _ verb: Literal, _ path: borrowing [UInt8], _ text: Literal) {
        var message = [UInt8](verb)
        message.append(" ")
        message.add(path)
        message.append(": ")
        message.append(text)
        self.init(code, message, path: copy path)
    }
}
