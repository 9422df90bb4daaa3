import CExecutorPlatform
import PortalWire

extension FileJob {
    /// `fs.link`
    func link(_ parameters: JSONValue) throws(OperationError) -> Frame {
        let request = try FileLinkRequest(parameters)
        let path = hostPath(request.path, request.directory)
        let target = request.symbolic ? HostPath(request.target) : hostPath(request.target, request.directory)
        let result = platform_link(target.terminated, path.terminated, request.symbolic ? 1 : 0)
        guard result == 0 else {
            let isAboutPath = request.symbolic || platform_errno_name(result) == PLATFORM_EEXIST
            throw systemError("link", isAboutPath ? path.bytes : target.bytes, result)
        }
        return done()
    }

    /// `fs.chmod`
    func changeMode(_ parameters: JSONValue) throws(OperationError) -> Frame {
        let request = try FileModeRequest(parameters)
        let path = hostPath(request.path, request.directory)
        return try changed("chmod", path, platform_change_mode(path.terminated, request.mode, request.follow ? 1 : 0))
    }

    /// `fs.utimes`
    func setTimes(_ parameters: JSONValue) throws(OperationError) -> Frame {
        let request = try FileTimesRequest(parameters)
        let path = hostPath(request.path, request.directory)
        let result = platform_set_times(
            path.terminated, request.accessed ?? Int64.min, request.modified ?? Int64.min, request.follow ? 1 : 0)
        return try changed("utimes", path, result)
    }

    /// The answer of one system call about a path that tells nothing.
    @inline(never)
    func changed(_ verb: Literal, _ path: HostPath, _ result: Int32) throws(OperationError) -> Frame {
        guard result == 0 else { throw systemError(verb, path.bytes, result) }
        return done()
    }

    /// `fs.readlink`
    func readLink(_ parameters: JSONValue) throws(OperationError) -> Frame {
        try lookUp(parameters, "readlink", "target", platform_read_link)
    }

    /// `fs.realpath`
    func realPath(_ parameters: JSONValue) throws(OperationError) -> Frame {
        try lookUp(parameters, "realpath", "path", platform_real_path)
    }

    /// One system call that tells of a path.
    @inline(never)
    private func lookUp(
        _ parameters: JSONValue, _ verb: Literal, _ member: Literal,
        _ call: (UnsafePointer<UInt8>?, UnsafeMutablePointer<UInt8>?, Int) -> Int64
    ) throws(OperationError) -> Frame {
        let request = try FilePathRequest(parameters)
        let path = hostPath(request.path, request.directory)
        let buffer = Buffer()
        let count = call(path.terminated, buffer.start, buffer.count)
        guard count >= 0 else { throw systemError(verb, path.bytes, Int32(count)) }
        var writer = JSONWriter(resultOf: id)
        writer.member(member, bytes: buffer.bytes(Int(count)))
        return writer.resultFrame()
    }
}
