import ArgumentParser
import Dispatch
import Portal

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `portal cp`: files and trees from here to a host, from a host to here, or from one host to another.
struct CopyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cp",
        abstract: "Copy files and trees to a host, from one, or between two.",
        usage: "portal cp [-r] [-p] [-q] [-F <file>] <source> … <destination>",
        discussion: """
            portal cp report.pdf box:               into the home directory there
            portal cp -r box:/srv/app/logs logs     a tree from there
            portal cp -rp site/. web:/var/www       what is in site, with its times
            portal cp box:a.tar other:              from host to host, through here

            A side with a colon before its first slash is a host's: host:path, relative to the home directory, or ssh://host/path. As with cp, \
            the destination is the new name, or a directory that is there to copy into. With -r links are copied as links; without it what they \
            point to is copied. Permissions are the source's less the umask here, or exactly the source's with -p (set-user-id and set-group-id \
            left out); a file that is there keeps its own without -p.

            Every file is checked by SHA-256 and takes its place as one step: what was at the destination stays until then. A file of 8 MiB \
            or more that is cut is kept as .portal-part-… beside its destination, and the same command goes on with it (not between two hosts).

            Exit status: 0; 1 where a file could not be copied; 255 where portal or the connection failed; 128 and the signal's number where \
            one ended it.
            """)

    @Flag(name: .shortAndLong, help: "Copy directories with everything in them, and links as links.")
    var recursive = false

    @Flag(name: .shortAndLong, help: "Keep permissions and times.")
    var preserve = false

    @Flag(name: .shortAndLong, help: "No progress bar.")
    var quiet = false

    @OptionGroup var link: LinkOptions

    @Argument(help: ArgumentHelp("What to copy, and where to.", valueName: "source… destination"))
    var paths: [String]

    func validate() throws {
        guard paths.count >= 2 else { throw ValidationError("name what to copy and where to: portal cp SOURCE… DESTINATION") }
        let locations: [Location]
        do throws(PortalError) { locations = try self.locations() } catch { throw ValidationError(error.message) }
        let targets = locations.compactMap { if case .there(let target, _) = $0 { target } else { nil } }
        guard !targets.isEmpty else { throw ValidationError("neither side is on a host: write host:path, or use cp") }
        for target in targets { try TargetOptions.validate(target) }
    }

    private func locations() throws(PortalError) -> [Location] {
        var locations: [Location] = []
        for path in paths { locations.append(try Location(RawArguments.bytes(of: path))) }
        return locations
    }

    func run() async throws {
        let terminal = Terminal()
        do throws(PortalError) {
            let locations = try locations()
            let sides = try await open(locations, terminal)
            let last = locations.count - 1
            var failures = 0
            let plan: CopyPlan
            do throws(PortalError) {
                plan = try await CopyPlan.make(
                    sources: (0..<last).map { (sides[$0], locations[$0].path) }, to: (sides[last], locations[last].path),
                    isRecursive: recursive
                ) { error, source in
                    failures += 1
                    complain("portal: \(source): \(Copier.words(error))")
                }
            } catch  where error.code != .disconnected && error.code != .outcomeUnknown && error.code != .cancelled {
                terminal.erase()
                fail(error, on: sides[last].shown(locations[last].path), verbose: link.verbose, status: 1)
            }
            terminal.erase()
            endProgram(await copy(plan, failures: failures))
        } catch {
            terminal.erase()
            fail(error, verbose: link.verbose)
        }
    }

    /// Reaches every host that is named, each once.
    private func open(_ locations: [Location], _ terminal: Terminal) async throws(PortalError) -> [Side] {
        var workspaces: [String: Workspace] = [:]
        var sides: [Side] = []
        for location in locations {
            guard case .there(let target, _) = location else {
                sides.append(.here)
                continue
            }
            let workspace: Workspace
            if let known = workspaces[target] {
                workspace = known
            } else {
                workspace = try await Workspace.connect(target, options: link.connectionOptions(terminal: terminal))
                workspaces[target] = workspace
            }
            sides.append(.there(workspace, target: target))
        }
        return sides
    }

    private func copy(_ plan: CopyPlan, failures: Int) async -> Int32 {
        let progress = CopyProgress(shows: !quiet)
        let options = Copier.Options(isRecursive: recursive, preserves: preserve)
        var failures = failures
        // Sources of one side are copied together.
        var rest = plan.sources
        while let first = rest.first {
            let (together, others) = rest.partitioned { $0.side.isSame(as: first.side) }
            rest = others
            let copier = Copier(from: first.side, to: plan.destination, options: options, progress: progress)
            let work = Task { await copier.copy(together.map(\.item)) }
            let interrupts = Interruption { work.cancel() }
            let outcome = await work.value
            failures += outcome.failures
            let signal = interrupts.end()
            guard outcome.stopped != nil || signal != nil else { continue }
            progress.end()
            if let stopped = outcome.stopped, stopped.code != .cancelled { complain("portal: \(Copier.words(stopped))") }
            for part in outcome.parts { complain("portal: what has arrived is kept in \(part); the same command goes on with it") }
            return signal.map { 128 + $0 } ?? failureStatus
        }
        progress.end()
        return failures == 0 ? 0 : 1
    }
}

extension Side {
    fileprivate func isSame(as other: Side) -> Bool {
        switch (self, other) {
        case (.here, .here): true
        case (.there(_, let ours), .there(_, let theirs)): ours == theirs
        default: false
        }
    }
}

extension Array {
    fileprivate func partitioned(_ isFirst: (Element) -> Bool) -> (first: [Element], second: [Element]) {
        (filter(isFirst), filter { !isFirst($0) })
    }
}

/// ^C and its kin while something is copied: the first gives it up and tidies, the second ends the program at once, without a temporary file left.
///
/// `@unchecked Sendable`: `received` is only touched on `queue`.
private final class Interruption: @unchecked Sendable {
    private let queue = DispatchQueue(label: "portal.signals")
    private var sources: [any DispatchSourceSignal] = []
    private var received: Int32?

    init(_ giveUp: @escaping @Sendable () -> Void) {
        for number in [SIGINT, SIGTERM, SIGHUP] {
            ignoreSignal(number)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler { [self] in
                if received != nil {
                    Replacement.discardAll()
                    endProgram(128 + number)
                }
                received = number
                giveUp()
            }
            source.activate()
            sources.append(source)
        }
    }

    /// The signal that came, if one did. Later ones still end the program.
    func end() -> Int32? { queue.sync { received } }
}
