import Portal
import PortalWire

/// The tools that models know, on one host or several: what an agent's session remembers of them is here.
///
/// Every call acts on the host or fails; nothing is read or executed on this machine. A task that is cancelled ends what its call started there.
public final class ToolSession: Sendable {
    /// How the tools act.
    public struct Options: Sendable {
        /// Whether the tools for files refuse paths outside of the workspace. Commands are not confined by it.
        public var isConfined = false
        /// Added to the environment of commands.
        public var environment: [(name: String, value: String)] = []

        /// The defaults.
        public init() {}
    }

    /// The hosts, in the order in which they were named.
    public let hosts: [ToolHost]
    /// The tools, always in the same order.
    public let tools: [ToolDescription]
    private let options: Options

    /// - Parameter hosts: At least one, with names of which none is twice there.
    public init(_ hosts: [ToolHost], options: Options = Options()) {
        precondition(!hosts.isEmpty)
        self.hosts = hosts
        self.options = options
        tools = ToolDescription.all(hosts: hosts.map(\.name))
    }

    /// Begins to reach the hosts, without waiting for them.
    public func begin() {
        for host in hosts { Task { _ = try? await host.place() } }
    }

    /// Ends every command that the session has started, and leaves the hosts.
    /// - Parameter milliseconds: How long at most that is waited for, where a host does not answer.
    public func end(milliseconds: Int) async {
        let done = Promise<Void>()
        Task {
            await withTaskGroup(of: Void.self) { group in
                for host in hosts {
                    group.addTask {
                        await withTaskGroup(of: Void.self) { group in
                            for command in host.commands.living {
                                group.addTask { _ = try? await command.kill() }
                            }
                        }
                        await host.close()
                    }
                }
            }
            done.fulfil(())
        }
        _ = await done.value(milliseconds: milliseconds)
    }

    // MARK: Calls

    /// Calls a tool.
    /// - Parameters:
    ///   - name: The name of a tool, as it is in `tools`.
    ///   - input: Its parameters.
    ///   - progress: Hears what a command prints, and what is waited for.
    /// - Returns: What the model gets; what failed is a result too. Nil where there is no such tool. The result of a cancelled call is nobody's.
    public func call(_ name: String, _ input: JSONValue, progress: ToolProgressHandler? = nil) async -> ToolResult? {
        guard let tool = tools.first(where: { $0.name == name }) else { return nil }
        let arguments: ToolArguments
        do throws(ToolError) { arguments = try ToolArguments(input, for: tool) } catch { return ToolResult(error.message, isError: true) }
        let named = arguments.text("host")
        guard let host = hosts.count == 1 ? hosts[0] : hosts.first(where: { $0.name == named }) else {
            return ToolResult("\(name): there is no host of that name.", isError: true)
        }
        let listener = progress.map { progress in
            host.listen { status in Task { await progress(.status("\(host.name): \(status)")) } }
        }
        defer { if let listener { host.forget(listener) } }
        do {
            return try await run(tool.name, arguments, on: host, progress)
        } catch let error as ToolError {
            return ToolResult(error.message, isError: true)
        } catch let error as PortalError {
            return ToolResult(ToolSession.words(error, host), isError: true)
        } catch {
            return ToolResult("The call was cancelled.", isError: true)
        }
    }

    private func run(
        _ name: String, _ arguments: ToolArguments, on host: ToolHost, _ progress: ToolProgressHandler?
    ) async throws -> ToolResult {
        let bash = BashTool(host: host, options: options, progress: progress)
        switch name {
        case "Bash": return try await bash.run(arguments)
        case "BashOutput": return try await bash.output(arguments)
        case "KillBash": return try await bash.kill(arguments)
        case "Wait": return try await bash.wait(arguments)
        case "Host": return try await HostTool(host: host, options: options).run()
        default: break
        }
        let place = try await host.place()
        switch name {
        case "Grep": return try await SearchTool(place: place, options: options).grep(arguments)
        case "Glob": return try await SearchTool(place: place, options: options).glob(arguments)
        case "List": return try await SearchTool(place: place, options: options).list(arguments)
        default: break
        }
        let path = try place.path(try arguments.required("file_path"))
        if options.isConfined { try await place.confine(path) }
        switch name {
        case "Read": return try await ReadTool(place: place, host: host).run(arguments, path)
        case "Write": return try await ChangeTool(place: place, host: host).write(arguments, path)
        default: return try await ChangeTool(place: place, host: host).edit(arguments, path)
        }
    }

    /// What an error of the host or of the connection is for a model.
    private static func words(_ error: PortalError, _ host: ToolHost) -> String {
        switch error.code {
        case .disconnected:
            // What is said of this command means one on a terminal, and this one has none.
            "The host \(host.target) cannot be reached, and nothing was done on this machine instead: "
                + error.message.replacing("Run this command in a terminal", with: "Run `portal ssh \(host.target)` in a terminal")
        case .outcomeUnknown: "The connection to \(host.target) was lost: \(error.message)"
        default: error.message
        }
    }
}
