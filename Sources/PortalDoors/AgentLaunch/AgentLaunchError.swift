/// Why an agent is not started, or its settings are not changed: what failed, why, and what to do.
public struct AgentLaunchError: Error, Sendable {
    /// One line for a person.
    public var message: String
    /// The exit status for it.
    public var status: Int32

    /// Makes one.
    /// - Parameter status: 255 as for everything that portal fails at; 127 and 126 for a program that is not there or cannot be run.
    public init(_ message: String, status: Int32 = 255) {
        self.message = message
        self.status = status
    }
}
