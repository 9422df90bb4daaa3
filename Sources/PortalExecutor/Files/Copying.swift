import CExecutorPlatform
import PortalWire

extension FileJob {
    /// `fs.copy`
    func copy() throws(OperationError) -> Frame {
        let request = try FileCopyRequest(parameters)
        let from = hostPath(request.from, request.directory)
        let to = hostPath(request.to, request.directory).withoutSlashes
        var copy = platform_copy()
        copy.cancelled = gaveUp
        copy.recursive = request.recursive ? 1 : 0
        copy.replace = request.replace ? 1 : 0
        copy.preserve = request.preserve ? 1 : 0
        var failed = [UInt8](repeating: 0, count: Limits.pathLength + 1)
        let result = platform_copy_tree(
            from.terminated, to.parent.terminated, to.name + [0], &copy, &failed, failed.count)
        if copy.is_into_itself != 0 {
            throw OperationError(.invalid, "copy", from.bytes, "a directory cannot be copied into itself")
        }
        guard result == 0 else {
            let name = strings(in: failed[...]).first ?? []
            var place = from.bytes
            if !name.isEmpty { place += [UInt8](": ") + name }
            let hasBegun = copy.files + copy.directories > 0
            var error = systemError("copy", place, result, applied: hasBegun ? .unknown : .no)
            error.path = from.bytes
            throw error
        }
        let answer = FileCopyResult(files: copy.files, directories: copy.directories, bytes: copy.bytes, cloned: copy.cloned)
        return resultFrame(id: id) { answer.write(to: &$0) }
    }
}
