import Portal
import PortalWire

/// Write and Edit: a file is changed only where the model has seen what it has.
struct ChangeTool: Sendable {
    let place: ToolHost.Place
    let host: ToolHost

    private static let notRead = ToolError("File has not been read yet. Read it first before writing to it.")
    private static let changed = ToolError(
        "File has been modified since read, either by the user or by a linter. Read it again before attempting to write it.")
    private static let current = "(file state is current in your context — no need to Read it back)"

    // MARK: Write

    func write(_ arguments: ToolArguments, _ path: [UInt8]) async throws -> ToolResult {
        let content = try arguments.required("content")
        return try await host.withFile(path) {
            try await put(content, at: path)
        }
    }

    private func put(_ content: [UInt8], at path: [UInt8]) async throws -> ToolResult {
        let seen = host.seen(path)
        do throws(PortalError) {
            return created(path, try await written(content, path, ifMatch: seen))
        } catch {
            switch error.code {
            case .exists: throw ChangeTool.notRead
            case .conflict where error.details.string("sha256") != nil: throw ChangeTool.changed
            // It was read, and is gone: there is nothing that could be lost.
            case .conflict where seen != nil: break
            case .isADirectory: throw ToolError("EISDIR: illegal operation on a directory, open '\(HostPath.text(path))'")
            default: throw error
            }
        }
        do throws(PortalError) {
            return created(path, try await written(content, path, ifMatch: nil))
        } catch {
            guard error.code == .exists else { throw error }
            throw ChangeTool.changed
        }
    }

    private func written(_ content: [UInt8], _ path: [UInt8], ifMatch: [UInt8]?) async throws(PortalError) -> FileWriteResult {
        try await place.workspace.write(
            content, to: RemotePath(bytes: path), ifMatch: ifMatch.map { String(decoding: $0, as: UTF8.self) }, createOnly: ifMatch == nil,
            parents: true, hardLinks: .replace)
    }

    private func created(_ path: [UInt8], _ result: FileWriteResult) -> ToolResult {
        host.see(path, result.sha256)
        let name = HostPath.text(path)
        let words = result.created ? "File created successfully at: \(name)" : "The file \(name) has been updated successfully."
        return ToolResult("\(words) \(ChangeTool.current)\(lost(result.lost))")
    }

    private func lost(_ names: [[UInt8]]) -> String {
        names.isEmpty ? "" : "\nIt could not keep: " + names.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ", ")
    }

    // MARK: Edit

    func edit(_ arguments: ToolArguments, _ path: [UInt8]) async throws -> ToolResult {
        let old = try arguments.required("old_string")
        let new = try arguments.required("new_string")
        let all = arguments.flag("replace_all") ?? false
        guard old != new else { throw ToolError("No changes to make: old_string and new_string are exactly the same.") }
        return try await host.withFile(path) {
            guard !old.isEmpty else { return try await create(new, at: path) }
            guard let seen = host.seen(path) else { throw try await unseen(path) }
            do throws(PortalError) {
                let result = try await place.workspace.edit(
                    RemotePath(bytes: path), [FileEdit(old: old, new: new, all: all)], ifMatch: String(decoding: seen, as: UTF8.self),
                    hardLinks: .replace)
                host.see(path, result.sha256)
                let words = all ? "has been updated. All occurrences were successfully replaced." : "has been updated successfully."
                return ToolResult("The file \(HostPath.text(path)) \(words) \(ChangeTool.current)\(lost(result.lost))")
            } catch {
                throw refusal(error, old, path)
            }
        }
    }

    /// Without an old text the whole content is given, for a file that is not there or empty.
    private func create(_ content: [UInt8], at path: [UInt8]) async throws -> ToolResult {
        do throws(PortalError) {
            return created(path, try await written(content, path, ifMatch: nil))
        } catch {
            guard error.code == .exists else { throw error }
            guard try await place.workspace.status(of: RemotePath(bytes: path)).size == 0 else {
                throw ToolError("Cannot create new file - file already exists.")
            }
            return created(path, try await written(content, path, ifMatch: ContentHash.of([])))
        }
    }

    /// Why a file that was never read cannot be edited.
    private func unseen(_ path: [UInt8]) async throws -> ToolError {
        do throws(PortalError) {
            _ = try await place.workspace.status(of: RemotePath(bytes: path))
            return ChangeTool.notRead
        } catch {
            guard error.code == .notFound else { throw error }
            return missing
        }
    }

    private var missing: ToolError {
        ToolError("File does not exist. Note: your current working directory is \(HostPath.text(host.shellDirectory ?? place.root)).")
    }

    private func refusal(_ error: PortalError, _ old: [UInt8], _ path: [UInt8]) -> any Error {
        let quoted = "\nString: \(String(decoding: old, as: UTF8.self))"
        switch error.code {
        case .notFound: return missing
        case .conflict: return ChangeTool.changed
        case .noMatch:
            var text = "String to replace not found in file.\(quoted)"
            for near in (error.details.array("near") ?? []).prefix(1) {
                let line = near.integer("line") ?? 0
                text += "\nSomething alike begins at line \(line):\n\(String(decoding: near.bytes("text") ?? [], as: UTF8.self))"
            }
            return ToolError(text)
        case .notUnique:
            let lines = (error.details.array("lines") ?? []).compactMap(\.integer).map { "\($0)" }.joined(separator: ", ")
            return ToolError(
                "Found \(error.details.integer("matches") ?? 2) matches of the string to replace, but replace_all is false. To replace all occurrences, set "
                    + "replace_all to true. To replace only one occurrence, please provide more context to uniquely identify the instance. They are in "
                    + "lines \(lines).\(quoted)")
        case .isADirectory: return ToolError("EISDIR: illegal operation on a directory, open '\(HostPath.text(path))'")
        default: return error
        }
    }
}
