import DoorSupport
import Portal
import PortalWire

/// The agent's calls about files (`fs/*`), each answered from the host.
struct FileCalls: Sendable {
    /// The longest file that is answered whole, in bytes: as much as the agent's own server gives.
    private static let longestFile: UInt64 = 512 << 20

    let host: HostAccess
    let probes: StartProbes
    let handles: FileHandles

    /// Whether a call changes nothing.
    static func isReading(_ method: String) -> Bool {
        ["fs/getMetadata", "fs/readFile", "fs/canonicalize", "fs/walk", "fs/readDirectory", "fs/readBlock"].contains(method)
    }

    /// Answers a call; nil where there is none of this name.
    func answer(_ method: String, _ parameters: JSONValue) async throws(RemoteProcedureError) -> JSONValue? {
        switch method {
        case "fs/getMetadata": return try await metadata(parameters)
        case "fs/readFile": return try await readFile(parameters)
        case "fs/writeFile": return try await writeFile(parameters)
        case "fs/createDirectory": return try await createDirectory(parameters)
        case "fs/remove": return try await remove(parameters)
        case "fs/canonicalize": return try await canonicalize(parameters)
        case "fs/readDirectory": return try await readDirectory(parameters)
        case "fs/copy": return try await copy(parameters)
        case "fs/walk": return try await walk(parameters)
        case "fs/open": return try await handles.open(parameters)
        case "fs/readBlock": return try await handles.readBlock(parameters)
        case "fs/writeBlock": return try await handles.writeBlock(parameters)
        case "fs/close": return try await handles.close(parameters)
        default: return nil
        }
    }

    private func policy(_ parameters: JSONValue) throws(RemoteProcedureError) -> SandboxPolicy? {
        try SandboxPolicy(parameters, map: host.map)
    }

    // MARK: Looking

    private func metadata(_ parameters: JSONValue) async throws(RemoteProcedureError) -> JSONValue {
        let path = try host.path(parameters)
        let policy = try policy(parameters)
        if policy == nil, let known = await probes.metadata(path) { return try known.get() }
        let host = host
        return try await host.within(host.deadlines.short, "stat") { workspace in
            try await host.check(policy, .read, path)
            let outcomes = try await workspace.batch([
                .status(of: RemotePath(bytes: path)), .status(of: RemotePath(bytes: path), follow: false),
            ])
            return try FileCalls.metadata(outcomes)
        }
    }

    /// The answer from what a path leads to and what is at it itself.
    static func metadata(_ outcomes: [BatchOutcome]) throws -> JSONValue {
        guard outcomes.count == 2 else { throw PortalError(.internal, "a batch has too few answers") }
        guard let status = FileStatus(try outcomes[0].result.get()), let own = FileStatus(try outcomes[1].result.get()) else {
            throw PortalError(.internal, "the answer of fs.stat lacks something that it must have")
        }
        return [
            "isDirectory": .bool(status.kind == .directory), "isFile": .bool(status.kind == .file),
            "isSymlink": .bool(own.kind == .symlink),
            "size": .integer(Int64(clamping: status.size)), "createdAtMs": 0, "modifiedAtMs": .integer(status.modified / 1_000_000),
        ]
    }

    private func canonicalize(_ parameters: JSONValue) async throws(RemoteProcedureError) -> JSONValue {
        let path = try host.path(parameters)
        let policy = try policy(parameters)
        let host = host
        return try await host.within(host.deadlines.short, "realpath") { workspace in
            try await host.check(policy, .read, path)
            return ["path": host.uri(try await workspace.realPath(RemotePath(bytes: path)).bytes)]
        }
    }

    private func readDirectory(_ parameters: JSONValue) async throws(RemoteProcedureError) -> JSONValue {
        let path = try host.path(parameters)
        let policy = try policy(parameters)
        let host = host
        return try await host.within(host.deadlines.long, "readdir") { workspace in
            try await host.check(policy, .read, path)
            let found = try await workspace.list(RemotePath(bytes: path))
            let links = found.filter { $0.status?.kind == .symlink }.map { PathBytes.joined(path, $0.name) }
            let targets = try await FileTree.kinds(of: links, in: workspace)
            let entries = found.compactMap { entry -> JSONValue? in
                var kind = entry.status?.kind
                if kind == .symlink { kind = targets[PathBytes.joined(path, entry.name)] }
                guard let kind else { return nil }
                return ["fileName": .text(entry.name), "isDirectory": .bool(kind == .directory), "isFile": .bool(kind == .file)]
            }
            return ["entries": .array(entries)]
        }
    }

    private func walk(_ parameters: JSONValue) async throws(RemoteProcedureError) -> JSONValue {
        let path = try host.path(parameters)
        let policy = try policy(parameters)
        let options = FileTree.Options(parameters["options"] ?? .null)
        let host = host
        return try await host.within(host.deadlines.long, "walking the tree") { workspace in
            try await host.check(policy, .read, path)
            guard policy == nil || !options.followsLinks else {
                throw RemoteProcedureError.refused("portal does not follow links in a walk that a sandbox confines")
            }
            let tree = try await FileTree.walk(path, options, in: workspace)
            return [
                "entries": .array(
                    tree.entries.map { ["path": host.uri($0.path), "kind": $0.isDirectory ? "directory" : "file"] }),
                "errors": .array(tree.errors.map { ["path": host.uri($0.path), "message": .text($0.message)] }),
                "truncated": .bool(tree.isTruncated),
            ]
        }
    }

    // MARK: Content

    private func readFile(_ parameters: JSONValue) async throws(RemoteProcedureError) -> JSONValue {
        let path = try host.path(parameters)
        let policy = try policy(parameters)
        if policy == nil, let known = await probes.content(path) { return ["dataBase64": .string(BlockBase64.encode(known))] }
        let host = host
        return try await host.within(host.deadlines.long, "reading the file") { workspace in
            try await host.check(policy, .read, path)
            let reader = try await workspace.read(FileReadRequest(path: path, length: FileCalls.longestFile + 1))
            var content: [UInt8] = []
            while let piece = await reader.next() { content += piece }
            do throws(PortalError) {
                _ = try await reader.end()
            } catch {
                guard error.code != .isADirectory else { throw RemoteProcedureError.refused("path is a directory, and no file") }
                throw error
            }
            guard UInt64(content.count) <= FileCalls.longestFile else {
                throw RemoteProcedureError.refused("the file is too large to be read whole: the limit is \(FileCalls.longestFile) bytes")
            }
            return ["dataBase64": .string(BlockBase64.encode(content))]
        }
    }

    private func writeFile(_ parameters: JSONValue) async throws(RemoteProcedureError) -> JSONValue {
        let path = try host.path(parameters)
        let policy = try policy(parameters)
        guard let text = parameters.string("dataBase64"), let content = BlockBase64.decode(text) else {
            throw .parameter("dataBase64", "is missing or no base64")
        }
        let host = host
        return try await host.within(host.deadlines.long, "writing the file") { workspace in
            try await host.check(policy, .write, path)
            // The agent's own server writes into the file that is there, whatever other names it has.
            try await workspace.write(content, to: RemotePath(bytes: path), hardLinks: .keep)
            return .object([JSONMember]())
        }
    }

    // MARK: Names

    private func createDirectory(_ parameters: JSONValue) async throws(RemoteProcedureError) -> JSONValue {
        let path = try host.path(parameters)
        let policy = try policy(parameters)
        let parents = parameters.bool("recursive") ?? true
        let host = host
        return try await host.within(host.deadlines.short, "mkdir") { workspace in
            try await host.check(policy, .write, path)
            try await workspace.makeDirectory(RemotePath(bytes: path), parents: parents)
            return .object([JSONMember]())
        }
    }

    private func remove(_ parameters: JSONValue) async throws(RemoteProcedureError) -> JSONValue {
        let path = try host.path(parameters)
        let policy = try policy(parameters)
        let recursive = parameters.bool("recursive") ?? true
        let force = parameters.bool("force") ?? true
        let host = host
        return try await host.within(host.deadlines.long, "removing") { workspace in
            try await host.check(policy, .write, path, followsLast: false)
            do throws(PortalError) {
                try await workspace.remove(RemotePath(bytes: path), recursive: recursive)
            } catch {
                guard force, error.code == .notFound else { throw error }
            }
            return .object([JSONMember]())
        }
    }

    private func copy(_ parameters: JSONValue) async throws(RemoteProcedureError) -> JSONValue {
        let from = try host.path(parameters, "sourcePath")
        let to = try host.path(parameters, "destinationPath")
        let policy = try policy(parameters)
        let recursive = parameters.bool("recursive") ?? false
        let host = host
        return try await host.within(host.deadlines.long, "copying") { workspace in
            try await host.check(policy, .read, from, followsLast: false)
            try await host.check(policy, .write, to)
            do throws(PortalError) {
                try await workspace.copy(
                    RemotePath(bytes: from), to: RemotePath(bytes: to), recursive: recursive, replace: true, preserve: false)
            } catch {
                guard error.code != .isADirectory else { throw RemoteProcedureError.refused(error.message) }
                throw error
            }
            return .object([JSONMember]())
        }
    }
}
