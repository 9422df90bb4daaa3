import DoorSupport
import Portal
import PortalWire
import Synchronization

/// What the agent looks for when it starts: repositories, instructions and skills, in a directory and in all that it is in. It asks for one
/// after the other, some of it three times; here the first question asks for all of it in one trip.
///
/// What was found is told for a few seconds only, and nothing of it any more once something was started or written: from then on the host is
/// asked each time.
final class StartProbes: Sendable {
    /// For how long an answer is told, in seconds.
    static let lifetime = 5.0
    /// Directories above the one that was asked for.
    private static let depth = 32
    /// The longest file whose content is fetched ahead, in bytes.
    private static let contentLength: UInt64 = 64 << 10

    private static let instructions = ["AGENTS.override.md", "AGENTS.md"]
    private static let names = [".git", ".agents/skills"] + instructions

    /// What one trip found.
    private final class Found: Sendable {
        let metadata: [[UInt8]: Result<JSONValue, RemoteProcedureError>]
        let contents: [[UInt8]: [UInt8]]
        let since = ContinuousClock.now

        init(_ metadata: [[UInt8]: Result<JSONValue, RemoteProcedureError>], _ contents: [[UInt8]: [UInt8]]) {
            self.metadata = metadata
            self.contents = contents
        }

        var isFresh: Bool { ContinuousClock.now - since < .seconds(StartProbes.lifetime) }
    }

    private struct State {
        /// Nil once something may have changed what was found.
        var trips: [(directory: [UInt8], found: Task<Found?, Never>)]? = []
    }

    private let host: HostAccess
    private let state = Mutex(State())

    init(host: HostAccess) { self.host = host }

    /// Something is started or written: nothing is told any more of what was found before.
    func forget() { state.withLock { $0.trips = nil } }

    /// What is at a path, where that is one of what is looked for at the start.
    func metadata(_ path: [UInt8]) async -> Result<JSONValue, RemoteProcedureError>? {
        guard let directory = StartProbes.directory(of: path), let found = await found(for: directory) else { return nil }
        return found.metadata[path]
    }

    /// The content of instructions that were found.
    func content(_ path: [UInt8]) async -> [UInt8]? {
        guard StartProbes.instructions.contains(where: { PathBytes.name(path).elementsEqual($0.utf8) }),
            let directory = PathBytes.parent(path), let found = await found(for: directory)
        else { return nil }
        return found.contents[path]
    }

    /// Asks for what the agent will ask for if it starts in this directory.
    func expect(_ directory: [UInt8]) { _ = trip(for: directory) }

    private static func directory(of path: [UInt8]) -> [UInt8]? {
        for name in names where path.count > name.utf8.count && path.suffix(name.utf8.count + 1).elementsEqual("/\(name)".utf8) {
            let directory = Array(path.dropLast(name.utf8.count + 1))
            return directory.isEmpty ? [0x2F] : directory
        }
        return nil
    }

    private func found(for directory: [UInt8]) async -> Found? {
        guard let found = await trip(for: directory)?.value, found.isFresh else { return nil }
        // Something may have been started while the answer was on its way.
        return state.withLock { $0.trips == nil } ? nil : found
    }

    /// The trip that has found, or will find, what is in a directory.
    private func trip(for directory: [UInt8]) -> Task<Found?, Never>? {
        state.withLock { state in
            guard let trips = state.trips else { return nil }
            if let known = trips.last(where: { PathBytes.isBelow($0.directory, directory) }) { return known.found }
            let host = host
            let found = Task { await StartProbes.look(directory, host) }
            state.trips = trips.suffix(7) + [(directory, found)]
            return found
        }
    }

    private static func look(_ directory: [UInt8], _ host: HostAccess) async -> Found? {
        var directories = [directory]
        while directories.count < depth, let parent = PathBytes.parent(directories[directories.count - 1]) { directories.append(parent) }
        let paths = directories.flatMap { directory in names.map { PathBytes.joined(directory, Array($0.utf8)) } }
        let files = directories.flatMap { directory in instructions.map { PathBytes.joined(directory, Array($0.utf8)) } }
        let target = host.target
        return try? await host.within(host.deadlines.short, "looking for repositories and instructions") { workspace in
            let looks = paths.flatMap { path in
                [BatchCall.status(of: RemotePath(bytes: path)), BatchCall.status(of: RemotePath(bytes: path), follow: false)]
            }
            let reads = files.map { BatchCall.read(RemotePath(bytes: $0), length: contentLength + 1) }
            let outcomes = try await workspace.batch(looks + reads)
            guard outcomes.count == looks.count + reads.count else { throw PortalError(.internal, "a batch has too few answers") }
            var metadata: [[UInt8]: Result<JSONValue, RemoteProcedureError>] = [:]
            for (index, path) in paths.enumerated() {
                do {
                    metadata[path] = .success(try FileCalls.metadata(Array(outcomes[(2 * index)...(2 * index + 1)])))
                } catch let error as PortalError {
                    metadata[path] = .failure(RemoteProcedureError(error, target: target))
                }
            }
            var contents: [[UInt8]: [UInt8]] = [:]
            for (index, path) in files.enumerated() {
                let outcome = outcomes[looks.count + index]
                guard (try? outcome.result.get()) != nil, UInt64(outcome.content.count) <= contentLength else { continue }
                contents[path] = outcome.content
            }
            return Found(metadata, contents)
        }
    }
}
