import CExecutorPlatform
import PortalWire

/// `fs.link`
final class LinkRequest: AnsweredRequest {
    override func prepare(_ parameters: JSONValue) throws(OperationError) -> Answer {
        let request = try FileLinkRequest(parameters)
        let home = session.facts.home
        let path = HostPath(request.path, directory: request.directory, home: home)
        let target = request.symbolic ? HostPath(request.target) : HostPath(request.target, directory: request.directory, home: home)
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

/// `fs.chmod`
final class ModeRequest: AnsweredRequest {
    override func prepare(_ parameters: JSONValue) throws(OperationError) -> Answer {
        let request = try FileModeRequest(parameters)
        let path = HostPath(request.path, directory: request.directory, home: session.facts.home)
        return change("chmod", path) { platform_change_mode(path.terminated, request.mode, request.follow ? 1 : 0) }
    }
}

/// `fs.utimes`
final class TimesRequest: AnsweredRequest {
    override func prepare(_ parameters: JSONValue) throws(OperationError) -> Answer {
        let request = try FileTimesRequest(parameters)
        let path = HostPath(request.path, directory: request.directory, home: session.facts.home)
        return change("utimes", path) {
            platform_set_times(path.terminated, request.accessed ?? Int64.min, request.modified ?? Int64.min, request.follow ? 1 : 0)
        }
    }
}

extension AnsweredRequest {
    /// One system call about a path, answered with nothing.
    fileprivate func change(_ verb: StaticString, _ path: HostPath, _ call: @escaping () -> Int32) -> Answer {
        let id = id
        return { (_) throws(OperationError) -> Frame in
            let result = call()
            guard result == 0 else { throw systemError(verb, path.bytes, result) }
            return resultFrame(id: id) { _ in }
        }
    }

    /// One system call that tells of a path.
    fileprivate func lookUp(
        _ verb: StaticString, _ member: StaticString, _ parameters: JSONValue,
        _ call: @escaping ([UInt8], UnsafeMutablePointer<UInt8>, Int) -> Int64
    ) throws(OperationError) -> Answer {
        let request = try FilePathRequest(parameters)
        let path = HostPath(request.path, directory: request.directory, home: session.facts.home)
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

/// `fs.readlink`
final class ReadLinkRequest: AnsweredRequest {
    override var changesNothing: Bool { true }

    override func prepare(_ parameters: JSONValue) throws(OperationError) -> Answer {
        try lookUp("readlink", "target", parameters) { platform_read_link($0, $1, $2) }
    }
}

/// `fs.realpath`
final class RealPathRequest: AnsweredRequest {
    override var changesNothing: Bool { true }

    override func prepare(_ parameters: JSONValue) throws(OperationError) -> Answer {
        try lookUp("realpath", "path", parameters) { platform_real_path($0, $1, $2) }
    }
}
