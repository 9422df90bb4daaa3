import ArgumentParser
import Portal
import PortalWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `portal ps`: the processes of the session.
struct ListProcessesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ps",
        abstract: "List what was started on the host through portal: what runs, and what ended lately.",
        discussion: """
            NAME is what logs, attach and kill take. STATE is running, the exit status, or the signal that ended it. OUTPUT is how much it \
            printed, which portal logs shows. The members of --json's objects are process.list's in Docs/protocol.md.
            """)

    @OptionGroup var options: TargetOptions

    @Flag(help: "One JSON object a line.")
    var json = false

    @Flag(name: .shortAndLong, help: "Commands of other clients that wait for them, too, not only those in the background.")
    var all = false

    func run() async throws {
        let terminal = Terminal()
        do throws(PortalError) {
            let workspace = try await Workspace.open(options.target, options: options.connectionOptions(terminal: terminal))
            let listings = try await workspace.processes().filter { all || $0.background }
            terminal.erase()
            if json {
                for listing in listings { Output.write(listing.line()) }
            } else if listings.isEmpty {
                Output.print(
                    "nothing runs in the background: portal exec --background \(Printable.text(options.target)) -- COMMAND starts something"
                )
            } else {
                Output.print(ListProcessesCommand.table(listings, now: UInt64(max(0, time(nil)))).joined(separator: "\n"))
            }
        } catch {
            terminal.erase()
            fail(error, on: options.target, verbose: options.verbose)
        }
    }

    /// Columns with two spaces between them; the command is the last, and as long as it is.
    static func table(_ listings: [ProcessListing], now: UInt64) -> [String] {
        let rows =
            [["NAME", "PID", "STATE", "AGE", "OUTPUT", "COMMAND"]]
            + listings.map { listing in
                [
                    Path.shown(listing.process), "\(listing.identifier)", state(listing),
                    age(seconds: now - min(now, listing.startedMilliseconds / 1000)), CopyProgress.amount(Double(listing.output)),
                    Path.shown(listing.command),
                ]
            }
        let widths = (0..<5).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            var line = ""
            for column in 0..<5 { line += row[column] + String(repeating: " ", count: widths[column] - row[column].count + 2) }
            return line + row[5]
        }
    }

    private static func state(_ listing: ProcessListing) -> String {
        guard let end = listing.end else { return "running" }
        // It ended with portal's executor on the host.
        if end.executorWasLost { return "lost" }
        if let signal = end.signal { return "SIG\(SignalName.name(signal))" }
        return "exit \(end.code ?? 0)"
    }

    static func age(seconds: UInt64) -> String {
        switch seconds {
        case ..<120: "\(seconds) s"
        case ..<7200: "\(seconds / 60) min"
        case ..<172_800: "\(seconds / 3600) h"
        default: "\(seconds / 86_400) d"
        }
    }
}
