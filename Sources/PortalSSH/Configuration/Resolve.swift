import Logging
import NIOCore
import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

func getuidNumber() -> UInt32 { getuid() }

extension SSHConfiguration {
    /// Asks `ssh -G`, the only parser that honours Include, Match and every token; defaults when there is no `ssh`.
    static func resolve(_ address: HostAddress, _ options: ConnectOptions, logger: Logger) async throws(SSHError) -> SSHConfiguration {
        var arguments = ["ssh", "-G"]
        if let file = options.sshConfigFile { arguments += ["-F", file] }
        if let port = address.port { arguments += ["-p", String(port)] }
        if let user = address.user { arguments += ["-l", user] }
        arguments += ["--", address.host]
        let command = arguments
        let seconds = max(1, Int(options.configurationTimeout.nanoseconds / 1_000_000_000))
        let result: Result<ChildProcess.Output, ChildProcess.Failure>
        do {
            result = try await NIOThreadPool.singleton.runIfActive {
                do throws(ChildProcess.Failure) { return .success(try ChildProcess.run(command, seconds: seconds)) } catch {
                    return .failure(error)
                }
            }
        } catch {
            throw SSHError(.internal, "The thread pool for ssh -G is shut down.")
        }
        switch result {
        case .success(let output) where output.status == 0:
            let configuration = SSHConfiguration(parsing: output.output, for: address)
            try HostAddress(user: configuration.user, host: configuration.hostName, port: configuration.port).validate()
            return configuration
        case .success(let output):
            throw SSHError(
                .badConfiguration,
                "ssh cannot read its configuration for \(address.host): \(printable(output.errors)). Try: ssh -G \(address.host)")
        case .failure(.notFound):
            if let file = options.sshConfigFile {
                throw SSHError(
                    .badConfiguration, "There is no ssh program to read \(file) with. Install OpenSSH's client, or leave out -F.")
            }
            logger.notice("There is no ssh program here: no ssh configuration was read", metadata: ["host": "\(address.host)"])
            return .defaults(for: address)
        case .failure(.timedOut):
            throw SSHError(
                .timedOut,
                "ssh -G \(address.host) did not end within \(seconds) s. A Match exec in the ssh configuration may be waiting for something."
            )
        case .failure(.system(let call, let code)):
            throw SSHError(.internal, "ssh -G cannot be run: \(call): \(String(cString: strerror(code))).")
        }
    }
}
