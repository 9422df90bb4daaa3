import NIOCore

/// How long a proxy waits where nobody says otherwise. Docs/waits.md says what follows; tests hand in shorter times, to see each of them end.
struct ProxyWaits: Sendable {
    /// The executor's hello, behind its opening.
    var hello = TimeAmount.seconds(15)
    /// The end of a session on the host. It goes on with that if it takes longer.
    var sessionEnd = TimeAmount.seconds(2)
    /// A client, where there is no link and never was one.
    var clientWithoutLink = TimeAmount.seconds(2)
    /// The host's answer to the question whether anything runs there.
    var idleAnswer = TimeAmount.seconds(30)
}
