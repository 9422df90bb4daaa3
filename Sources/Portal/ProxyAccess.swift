#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif
import Logging
import NIOCore
import NIOPosix
import PortalProxy

/// Finds a target's proxy, or starts it.
enum ProxyAccess {
    /// Attempts to reach a proxy that was just started, or just ends.
    private static let attempts = 20
    /// Of them, those to reach one that is there and says no hello.
    private static let silentAttempts = 2

    /// Seconds that a session lingers whose proxy is in a program: for as long as a link takes to be replaced.
    private static let longestLingerOfAProgram = 300

    static func connect(_ target: Target, options: ConnectionOptions) async throws(PortalError) -> ProxyConnection {
        let identity: ProxyIdentity
        do throws(ProxyError) { identity = try ProxyIdentity(target: target, sshConfig: options.sshConfig) } catch {
            throw PortalError(error)
        }
        switch options.proxy {
        case .running:
            // Nobody says that there will be another.
            let connection = ProxyConnection(options: options)
            do throws(PortalError) { try await ProxyLink.open(.path(identity.socketPath), for: connection) } catch {
                guard error.code != .timedOut else { throw error }
                throw PortalError(.disconnected, "no proxy runs for \(target.name)")
            }
            return connection
        case .inProcess: return try await inProcess(identity, options)
        case .shared(let executable): return try await shared(identity, executable: executable, options)
        case .automatic:
            if let executable = findExecutable() { return try await shared(identity, executable: executable, options) }
            return try await inProcess(identity, options)
        }
    }

    private static func shared(
        _ identity: ProxyIdentity, executable: String, _ options: ConnectionOptions
    ) async throws(PortalError) -> ProxyConnection {
        let finder: ProxyConnection.Finder = { (connection) async throws(PortalError) in
            try await find(identity, executable: executable, for: connection)
        }
        let connection = ProxyConnection(options: options, finder: finder)
        try await finder(connection)
        return connection
    }

    private static func inProcess(_ identity: ProxyIdentity, _ options: ConnectionOptions) async throws(PortalError) -> ProxyConnection {
        var configuration = Proxy.Configuration(target: identity.target, sshConfig: identity.sshConfig)
        // With this program its proxy is gone, and nobody can find the session again.
        configuration.lingerSeconds = min(options.lingerSeconds, longestLingerOfAProgram)
        let descriptor: CInt
        do throws(ProxyError) {
            var logger = Logger(label: "portal")
            logger.logLevel = .error
            descriptor = try await InProcessProxy.connect(configuration, logger: logger)
        } catch { throw PortalError(error) }
        let connection = ProxyConnection(options: options)
        try await ProxyLink.open(.descriptor(descriptor), for: connection)
        return connection
    }

    /// A proxy may end at the moment in which it is found: then the socket is gone, or closed without a hello, and the next attempt starts
    /// another one.
    private static func find(_ identity: ProxyIdentity, executable: String, for connection: ProxyConnection) async throws(PortalError) {
        let options = connection.options
        var last = PortalError(.disconnected, "the proxy for \(identity.target.name) cannot be reached")
        var silent = 0
        for attempt in 0..<attempts {
            if access(identity.socketPath, F_OK) == 0 {
                do throws(PortalError) { return try await ProxyLink.open(.path(identity.socketPath), for: connection) } catch {
                    last = error
                    if error.code == .timedOut { silent += 1 }
                    guard silent < silentAttempts else { throw PortalError(.disconnected, error.message) }
                }
            }
            if attempt > 0 { try? await Task.sleep(nanoseconds: UInt64(min(attempt, 10)) * 20_000_000) }
            let launcher = ProxyLauncher(
                executable: executable, persistSeconds: options.persistSeconds, lingerSeconds: options.lingerSeconds,
                startDeadlineMilliseconds: options.waits.proxyStartMilliseconds)
            let started: Result<Void, ProxyError>
            do {
                started = try await NIOThreadPool.singleton.runIfActive {
                    do throws(ProxyError) { return .success(try launcher.start(identity)) } catch { return .failure(error) }
                }
            } catch { throw PortalError(.internal, "no thread to start the proxy: \(error)") }
            if case .failure(let error) = started {
                last = PortalError(error)
                guard error.code == .died else { throw last }
            }
        }
        throw last
    }

    /// `$PORTAL_EXECUTABLE`, this program if it is `portal`, or the first `portal` on the PATH.
    private static func findExecutable() -> String? {
        if let explicit = getenv("PORTAL_EXECUTABLE") { return String(cString: explicit) }
        var buffer = [CChar](repeating: 0, count: 4096)
        let length = readlink("/proc/self/exe", &buffer, buffer.count - 1)
        if length > 0 {
            let own = String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
            if own.utf8.suffix(7).elementsEqual("/portal".utf8) { return own }
        }
        guard let path = getenv("PATH") else { return nil }
        for directory in String(cString: path).split(separator: ":") {
            let candidate = "\(directory)/portal"
            if access(candidate, X_OK) == 0 { return candidate }
        }
        return nil
    }
}
