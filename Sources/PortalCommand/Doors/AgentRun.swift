import AgentLaunch
import ArgumentParser
import DoorSupport
import Portal
import PortalProxy
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `portal ssh TARGET -- AGENT`: an agent that runs here, whose tools act there.
struct AgentRun {
    let target: String
    let link: LinkOptions
    /// What goes into the environment there besides: `NAME` or `NAME=VALUE`.
    let variables: [String]
    /// The agent that the program is to be taken for; nil for the one that it is.
    let via: Agent?
    /// Says what would be done, and does nothing.
    let onlyPrints: Bool
    /// The program and its arguments.
    let command: [String]

    /// Runs the agent to its end, and ends the program with its status.
    func run() async -> Never {
        ignoreSignal(SIGPIPE)
        let terminal = Terminal()
        do throws(AgentLaunchError) {
            let environment = AgentRun.environment()
            let program = try AgentProgram(command[0], searchPath: environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin")
            guard let agent = via ?? Agent(programAt: program.names) else { throw AgentLaunchError.unknown(command[0], target: target) }
            // Once the agent has the terminal, nothing is asked or shown on it any more.
            let isOver = Mutex(false)
            var options = link.connectionOptions(terminal: terminal)
            if let ask = options.ask {
                options.ask = { text, isSecret in
                    if isOver.withLock({ $0 }) { return nil }
                    return await ask(text, isSecret)
                }
            }
            options.progress = { progress in if !isOver.withLock({ $0 }) { terminal.show(progress) } }
            let (workspace, host) = try await reach(options, terminal, agent)
            isOver.withLock { $0 = true }
            let runtime: RuntimeDirectory
            do throws(ProxyError) { runtime = try RuntimeDirectory() } catch { throw AgentLaunchError(error.message) }
            let call = PortalCall(
                executable: ownExecutable() ?? CommandLine.arguments[0], options: link.repeated, variables: variables, target: target)
            if onlyPrints {
                let situation = LaunchSituation(
                    portal: call, host: host, privateDirectory: "\(runtime.path)/agents/RUN", environment: environment)
                let preparation = try agent.prepare(Array(command.dropFirst()), situation)
                Output.print(preparation.description(program: program.path, privateDirectory: situation.privateDirectory))
                endProgram(0)
            }
            let process = ForegroundProcess { number in
                terminal.restore()
                endProgram(128 + number)
            }
            let directory = try PrivateDirectory(in: "\(runtime.path)/agents")
            let situation = LaunchSituation(portal: call, host: host, privateDirectory: directory.path, environment: environment)
            let status: Int32
            let overlay: Preparation.Overlay?
            do throws(AgentLaunchError) {
                let preparation = try agent.prepare(Array(command.dropFirst()), situation)
                overlay = preparation.overlay
                try directory.fill(preparation)
                complain("portal: \(preparation.summary)")
                try process.start(
                    program.path, [command[0]] + preparation.arguments,
                    environment: environment.merging(preparation.environment.map { ($0.name, $0.value) }) { $1 }, inherited: directory.lock)
                status = await Blocking.value { process.wait() }
            } catch {
                directory.remove(nil)
                throw error
            }
            directory.remove(overlay)
            workspace.close()
            endProgram(status)
        } catch {
            terminal.erase()
            complain("portal: \(error.message)")
            endProgram(error.status)
        }
    }

    /// Reaches the host. Where that is not possible nothing is started.
    private func reach(
        _ options: ConnectionOptions, _ terminal: Terminal, _ agent: Agent
    ) async throws(AgentLaunchError) -> (Workspace, HostDescription) {
        do throws(PortalError) {
            let workspace = try await Workspace.connect(target, options: options)
            let facts = try await workspace.host()
            func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
            let home = text(facts.directory)
            let named = workspace.target.directory ?? ""
            let directory = named.hasPrefix("/") ? named : named.isEmpty ? home : "\(home)/\(named)"
            guard try await workspace.status(of: ".").kind == .directory else {
                throw PortalError(.notADirectory, "\(directory) is no directory there")
            }
            let host = HostDescription(
                name: workspace.target.name, system: text(facts.system), machine: text(facts.machine), directory: directory,
                isRepository: agent == .codex ? await isRepository(workspace, directory) : nil)
            terminal.erase()
            return (workspace, host)
        } catch {
            terminal.erase()
            fail(error, on: target, verbose: link.verbose)
        }
    }

    /// Whether the directory there, or one above it, has a `.git`.
    private func isRepository(_ workspace: Workspace, _ directory: String) async -> Bool {
        var parts = directory.split(separator: "/")
        while true {
            let path = "/" + (parts + [".git"]).joined(separator: "/")
            if (try? await workspace.status(of: RemotePath(path))) != nil { return true }
            if parts.popLast() == nil { return false }
        }
    }

    /// All of this program's environment.
    private static func environment() -> [String: String] {
        var variables: [String: String] = [:]
        var entry = environ
        while let text = entry.pointee {
            let words = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            if words.count == 2 { variables[String(words[0])] = String(words[1]) }
            entry += 1
        }
        return variables
    }
}

extension LinkOptions {
    /// The options as another command of portal takes them. A file is named by its absolute path: the command starts elsewhere.
    var repeated: [String] {
        var words: [String] = []
        if let file = sshConfig {
            let directory = getcwd(nil, 0).map { path in
                defer { free(path) }
                return String(cString: path)
            }
            words += ["-F", file.hasPrefix("/") ? file : "\(directory ?? ".")/\(file)"]
        }
        let defaults = LinkOptions.parseOrExit([])
        if persist != defaults.persist { words += ["--persist", String(persist)] }
        if linger != defaults.linger { words += ["--linger", String(linger)] }
        if patience != defaults.patience { words += ["--patience", String(patience)] }
        if attached { words.append("--attached") }
        return words
    }
}

extension Agent: ExpressibleByArgument {}
