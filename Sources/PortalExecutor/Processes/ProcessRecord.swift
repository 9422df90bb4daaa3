import CExecutorPlatform
import PortalWire

/// What is known of a process in the background after its executor was killed (records.c has where it is kept).
final class ProcessRecord {
    private let record: UnsafeMutablePointer<platform_record>
    private let owner: UInt32
    /// Whether an executor that was killed has left it.
    let isFormer: Bool
    private(set) var first: UInt64 = 0
    private(set) var changes: [UInt64] = []

    /// For a process that is about to be started; nil where there is no supervisor, or no place for one more.
    init?(owner: UInt32, name: [UInt8], command: [UInt8], directory: [UInt8], hasTerminal: Bool, startedMilliseconds: UInt64) {
        guard let record = platform_record_take(owner) else { return nil }
        self.record = record
        self.owner = owner
        isFormer = false
        record.pointee.has_terminal = hasTerminal ? 1 : 0
        record.pointee.started = startedMilliseconds
        record.pointee.clock = platform_clock()
        platform_record_describe(record, 0, name, name.count)
        platform_record_describe(record, 1, command, command.count)
        platform_record_describe(record, 2, directory, directory.count)
    }

    /// For one that was left, which is this executor's now.
    init(_ former: UnsafeMutablePointer<platform_record>, owner: UInt32) {
        record = former
        self.owner = owner
        isFormer = true
        former.pointee.owner = owner
        changes = [UInt64](repeating: 0, count: Int(PLATFORM_RECORD_CHANGES))
        var count: Int32 = 0
        first = platform_record_first(former, &changes, &count)
        while changes.count > Int(count) { changes.removeLast() }
    }

    /// Processes that ended may have lost their place to others.
    private var isOwn: Bool { record.pointee.owner == owner }

    func started(_ identifier: Int32) { record.pointee.process = identifier }

    func append(_ bytes: [UInt8], isError: Bool) { platform_record_print(record, bytes, bytes.count, isError ? 1 : 0) }

    /// Without an end, it never ran.
    func ended(_ end: ProcessEnd?) {
        guard let end else { return forget() }
        record.pointee.code = end.code ?? -1
        record.pointee.signal = end.signal ?? -1
        record.pointee.wall_milliseconds = end.wallMilliseconds
        record.pointee.processor_milliseconds = end.processorMilliseconds
        record.pointee.has_ended = 1
    }

    func forget() { if isOwn { platform_record_drop(record) } }

    // MARK: Of one that was left

    var identifier: Int32 { record.pointee.process }
    var hasTerminal: Bool { record.pointee.has_terminal != 0 }
    var startedMilliseconds: UInt64 { record.pointee.started }
    var name: [UInt8] { text(from: 0, record.pointee.lengths.0) }
    var command: [UInt8] { text(from: record.pointee.lengths.0, record.pointee.lengths.1) }
    var directory: [UInt8] { text(from: record.pointee.lengths.0 + record.pointee.lengths.1, record.pointee.lengths.2) }
    var end: ProcessEnd {
        let code = record.pointee.code
        var end = ProcessEnd(
            code: code >= 0 ? code : nil, signal: code >= 0 ? nil : record.pointee.signal,
            wallMilliseconds: record.pointee.wall_milliseconds,
            processorMilliseconds: record.pointee.processor_milliseconds)
        end.executorWasLost = record.pointee.is_lost != 0
        return end
    }

    /// What it printed last, from `first` on.
    var bytes: [UInt8] {
        let buffer = Buffer(Int(record.pointee.printed - first))
        platform_record_copy(record, first, buffer.start, buffer.count)
        return buffer.bytes(buffer.count)
    }

    private func text(from offset: UInt16, _ count: UInt16) -> [UInt8] {
        let buffer = Buffer(Int(count))
        platform_record_text(record, Int32(offset), buffer.start, buffer.count)
        return buffer.bytes(buffer.count)
    }
}
