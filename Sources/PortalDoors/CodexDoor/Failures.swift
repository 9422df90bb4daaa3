import DoorSupport
import Portal
import PortalWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What the agent is told of failures. It tells apart "not found", which it expects while it looks for files, and everything else; the text
/// goes to its model as it is.
extension RemoteProcedureError {
    /// Nothing is at the path.
    static let notFound: Int64 = -32004

    /// A call that makes no sense, or asks for what is not done.
    static func refused(_ reason: String) -> RemoteProcedureError { RemoteProcedureError(invalidRequest, reason) }

    /// A parameter that is missing or of another kind.
    static func parameter(_ name: Literal, _ problem: String) -> RemoteProcedureError {
        RemoteProcedureError(invalidParameters, "the parameter \(name) \(problem)")
    }

    /// A failure of portal itself, or of the way to the host.
    static func portal(_ target: String, _ reason: String) -> RemoteProcedureError {
        RemoteProcedureError(internalError, "portal: \(target): \(reason)")
    }

    /// What a call to the host failed with. Failures of the system there have the texts that the agent's own server has.
    init(_ error: PortalError, target: String) {
        switch error.code {
        case .notFound where error.errno == nil || error.errno == ENOENT:
            self.init(RemoteProcedureError.notFound, RemoteProcedureError.text(ofErrno: ENOENT))
        case .disconnected, .outcomeUnknown, .timedOut where error.errno == nil, .cancelled, .internal where error.errno == nil:
            self = .portal(target, Self.withRemedy(error, target))
        case .unsupported: self = .refused(error.message + Self.wayOut(error.errno))
        case .invalid where error.errno == nil, .conflict, .tooLarge where error.errno == nil:
            self = .refused(error.message)
        default:
            guard let number = error.errno else {
                self.init(RemoteProcedureError.internalError, error.message)
                return
            }
            self.init(RemoteProcedureError.internalError, RemoteProcedureError.text(ofErrno: number))
        }
    }

    /// What a host lacks that cannot enforce a sandbox, and what can be done.
    private static func wayOut(_ number: Int32?) -> String {
        let lack: String
        switch number {
        case ENOSYS: lack = "Landlock (Linux 5.13, or 6.2 where this user has no namespaces)"
        case EPERM, ENOSPC, EACCES: lack = "namespaces of users (see user.max_user_namespaces and kernel.apparmor_restrict_unprivileged_userns there)"
        case .some(let number): lack = "what failed with: \(text(ofErrno: number))"
        case nil: return ""
        }
        return ": it lacks \(lack). Without a sandbox the command runs in the mode danger-full-access"
    }

    private static func text(ofErrno number: Int32) -> String { "\(String(cString: strerror(number))) (os error \(number))" }

    /// The agent shows nobody's questions: whoever reads this has to know where they can be answered.
    private static func withRemedy(_ error: PortalError, _ target: String) -> String {
        guard error.code == .disconnected, !error.message.contains("portal ssh") else { return error.message }
        return "\(error.message); run `portal ssh \(target)` in a terminal to see what it needs"
    }
}
