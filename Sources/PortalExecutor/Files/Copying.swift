import CExecutorPlatform
import PortalWire

extension FileJob {
    /// `fs.copy`
    func copy(_ parameters: JSONValue) throws(OperationError) -> Frame {
        let request = try FileCopyRequest(parameters)
        let from = hostPath(request.from, request.directory)
        let to = hostPath(request.to, request.directory).withoutSlashes
        var copy = platform_copy()
        copy.cancelled = gaveUp
        copy.recursive = request.recursive ? 1 : 0
        copy.replace = request.replace ? 1 : 0
        copy.preserve = request.preserve ? 1 : 0
        let failed = Buffer()
        let result = platform_copy_tree(
            from.terminated, to.parent.terminated, terminated(to.name), &copy, failed.start, failed.count)
        if copy.is_into_itself != 0 {
            throw OperationError(.invalid, "copy", from.bytes, "a directory cannot be copied into itself")
        }
        guard result == 0 else {
            let hasBegun = copy.files + copy.directories > 0
            throw systemError("copy", from.bytes, within: failed.text, result, applied: hasBegun ? .unknown : .no)
        }
        let answer = FileCopyResult(files: copy.files, directories: copy.directories, bytes: copy.bytes, cloned: copy.cloned)
        var writer = JSONWriter(resultOf: id)
        answer.write(to: &writer)
        return writer.resultFrame()
    }
}
