import CExecutorPlatform
import PortalWire

extension AnsweredRequest {
    /// `fs.link`
    func answerLink(_ parameters: JSONValue) throws(OperationError) -> Answer {
        let request = try FileLinkRequest(parameters)
        let path = hostPath(request.path, request.directory)
        let target = request.symbolic ? HostPath(request.target) : hostPath(request.target, request.directory)
        let id = id
        return { (_) throws(OperationError) -> Frame in
            let result = platform_link(target.terminated, path.terminated, request.symbolic ? 1 : 0)
            guard result == 0 else {
                let isAboutPath = request.symbolic || platform_errno_name(result) == PLATFORM_EEXIST
                throw systemError("link", isAboutPath ? path.bytes : target.bytes, result)
            }
            return resultFrame(id: id) { _ in }
        }
    }
}

extension AnsweredRequest {
    /// `fs.chmod`
    func answerChangeMode(_ parameters: JSONValue) throws(OperationError) -> Answer {
        let request = try FileModeRequest(parameters)
        let path = hostPath(request.path, request.directory)
        return change("chmod", path) { platform_change_mode(path.terminated, request.mode, request.follow ? 1 : 0) }
    }
}

extension AnsweredRequest {
    /// `fs.utimes`
    func answerSetTimes(_ parameters: JSONValue) throws(OperationError) -> Answer {
        let request = try FileTimesRequest(parameters)
        let path = hostPath(request.path, request.directory)
        return change("utimes", path) {
            platform_set_times(path.terminated, request.accessed ?? Int64.min, request.modified ?? Int64.min, request.follow ? 1 : 0)
        }
    }
}

extension AnsweredRequest {
    /// One system call about a path, answered with nothing.
    fileprivate func change(_ verb: Literal, _ path: HostPath, _ call: @escaping () -> Int32) -> Answer {
        let id = id
        return { (_) throws(OperationError) -> Frame in
            let result = call()
            guard result == 0 else { throw systemError(verb, path.bytes, result) }
            return resultFrame(id: id) { _ in }
        }
    }

    /// One system call that tells of a path.
    fileprivate func lookUp(
        _ verb: Literal, _ member: Literal, _ parameters: JSONValue,
        _ call: @escaping ([UInt8], UnsafeMutablePointer<UInt8>, Int) -> Int64
    ) throws(OperationError) -> Answer {
        let request = try FilePathRequest(parameters)
        let path = hostPath(request.path, request.directory)
        let id = id
        return { (_) throws(OperationError) -> Frame in
            var buffer = [UInt8](repeating: 0, count: Limits.pathLength + 1)
            let count = call(path.terminated, &buffer, buffer.count)
            guard count >= 0 else { throw systemError(verb, path.bytes, Int32(count)) }
            buffer.removeLast(buffer.count - Int(count))
            return resultFrame(id: id) { $0.member(member, bytes: buffer) }
        }
    }
}

extension AnsweredRequest {
    /// `fs.readlink`
    func answerReadLink(_ parameters: JSONValue) throws(OperationError) -> Answer {
        try lookUp("readlink", "target", parameters) { platform_read_link($0, $1, $2) }
    }
}

extension AnsweredRequest {
    /// `fs.realpath`
    func answerRealPath(_ parameters: JSONValue) throws(OperationError) -> Answer {
        try lookUp("realpath", "path", parameters) { platform_real_path($0, $1, $2) }
    }
}
