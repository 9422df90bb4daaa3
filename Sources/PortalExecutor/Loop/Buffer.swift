import PortalWire

/// Room for what the system writes, all zeros at first. It is no array: of one that is given away to be written, every place that does so would
/// first see to it that nobody else has it.
final class Buffer {
    let start: UnsafeMutablePointer<UInt8>
    let count: Int

    /// Has room for a path, where nothing else is said.
    init(_ count: Int = Limits.pathLength + 1) {
        self.count = count
        // With a zero behind it that nobody writes: text in it has an end.
        start = UnsafeMutablePointer<UInt8>.allocate(capacity: count + 1)
        start.initialize(repeating: 0, count: count + 1)
    }

    deinit { start.deallocate() }

    /// What was written, so many bytes.
    @inline(never)
    func bytes(_ used: Int) -> [UInt8] { Array(UnsafeBufferPointer(start: start, count: used)) }

    /// What was written, up to a NUL.
    var text: [UInt8] { PortalExecutor.bytes(of: start) }

    /// What was written, so many bytes of strings that each end with NUL.
    func strings(_ used: Int) -> [[UInt8]] {
        var parts: [[UInt8]] = []
        var position = 0
        while position < used {
            let part = PortalExecutor.bytes(of: start + position)
            position += part.count + 1
            parts.add(part)
        }
        return parts
    }
}
