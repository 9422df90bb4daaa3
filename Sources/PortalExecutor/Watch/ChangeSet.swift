import CExecutorPlatform
import PortalWire

/// Changes that were not yet said, each path once. Bounded: what does not fit is a rescan.
final class ChangeSet {
    private static let most = 4096
    private static let slots = 2 * most
    private static let mostBytes = 128 * 1024

    private var paths: [[UInt8]] = []
    private var kinds: [UInt64] = []
    /// Places in the two by the path's hash, open addressing; -1 where there is none.
    private let places = UnsafeMutablePointer<Int16>.allocate(capacity: ChangeSet.slots)
    private var bytes = 0

    init() { places.initialize(repeating: -1, count: ChangeSet.slots) }

    deinit { places.deallocate() }

    var isEmpty: Bool { paths.isEmpty }

    /// Notes a change.
    /// - Parameter kinds: Of `PLATFORM_CHANGE_…`: one of created, modified and removed, and perhaps directory.
    /// - Returns: False where there is no room.
    func note(_ path: [UInt8], _ change: UInt32) -> Bool {
        var slot = Int(truncatingIfNeeded: platform_hash(path, path.count)) & (ChangeSet.slots - 1)
        while places[slot] >= 0 {
            let index = Int(places[slot])
            if paths[index] == path {
                kinds[index] = UInt64(ChangeSet.merged(UInt32(kinds[index]), change))
                return true
            }
            slot = (slot + 1) & (ChangeSet.slots - 1)
        }
        guard paths.count < ChangeSet.most, bytes + path.count <= ChangeSet.mostBytes else { return false }
        places[slot] = Int16(paths.count)
        paths.add(path)
        kinds.add(UInt64(change))
        bytes += path.count
        return true
    }

    /// What two changes of a path are, together, to somebody who saw neither.
    private static func merged(_ first: UInt32, _ second: UInt32) -> UInt32 {
        let created = UInt32(PLATFORM_CHANGE_CREATED)
        let modified = UInt32(PLATFORM_CHANGE_MODIFIED)
        // It was there, went away, and something is there again.
        if first & UInt32(PLATFORM_CHANGE_REMOVED) != 0, second & created != 0 { return second & ~created | modified }
        return first & created != 0 && second & modified != 0 ? first : second
    }

    func removeAll() {
        guard !paths.isEmpty else { return }
        paths = []
        kinds = []
        bytes = 0
        places.update(repeating: -1, count: ChangeSet.slots)
    }

    /// The lines that say everything, and forgets it.
    func takeLines() -> [UInt8] {
        var lines: [UInt8] = []
        var index = 0
        while index < paths.count {
            let start = lines.count
            var writer = JSONWriter(appendingTo: lines)
            lines = []
            writer.beginObject()
            writer.name("changes")
            writer.beginArray()
            while index < paths.count, writer.bytes.count - start < Limits.preferredPayloadLength / 2 {
                writer.beginObject()
                writer.member("path", bytes: paths[index])
                let kind = UInt32(kinds[index])
                let name: Literal =
                    kind & UInt32(PLATFORM_CHANGE_REMOVED) != 0
                    ? "removed" : kind & UInt32(PLATFORM_CHANGE_CREATED) != 0 ? "created" : "modified"
                writer.member("kind", string: name)
                writer.member("directory", flag: kind & UInt32(PLATFORM_CHANGE_DIRECTORY) != 0)
                writer.endObject()
                index += 1
            }
            writer.endArray()
            writer.endLine()
            lines = writer.bytes
        }
        removeAll()
        return lines
    }
}
