import Portal
import PortalWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A process with a terminal that was started for the session, and ends with it.
struct StartedPeer: TerminalPeer {
    /// What the process gets to tidy up when the person has left.
    private static let graceMilliseconds: UInt64 = 1000

    let process: RemoteProcess
    /// The same, for its terminal.
    let named: BackgroundProcess

    var hasTerminal: Bool { true }

    func send(_ bytes: [UInt8]) async { await process.send(bytes) }

    /// What a keyboard sends for it: a terminal has no other end.
    func endInput() async { await process.send([0x04]) }

    func resize(_ size: ProcessTerminal) async {
        // It may just have ended.
        try? await named.resize(rows: size.rows, columns: size.columns)
    }

    func next() async -> RemoteProcess.Output? { await process.exchangeOutput() }

    /// As if the line to its terminal were cut.
    func leave(signal: Int32?) { process.cancel(signal: SIGHUP, graceMilliseconds: StartedPeer.graceMilliseconds) }
}

extension RemoteProcess {
    fileprivate func exchangeOutput() async -> Output? {
        var iterator = output.makeAsyncIterator()
        return await iterator.next()
    }
}
