/// Cuts a byte stream into frames. Bytes may come cut anywhere.
public struct FrameDecoder {
    private var buffer: [UInt8] = []
    private var consumed = 0

    /// An empty decoder.
    public init() {}

    /// Bytes that were received and are not yet a whole frame, or were not yet asked for.
    public var bufferedBytes: Int { buffer.count - consumed }

    /// Takes what the link received.
    public mutating func receive(_ bytes: UnsafeRawBufferPointer) {
        if consumed == buffer.count {
            buffer.removeAll(keepingCapacity: buffer.capacity <= 4 * Limits.preferredPayloadLength)
            consumed = 0
        } else if consumed > Limits.preferredPayloadLength {
            buffer.removeFirst(consumed)
            consumed = 0
        }
        buffer.append(contentsOf: bytes.assumingMemoryBound(to: UInt8.self))
    }

    /// The next whole frame, or nil until more bytes come.
    /// - Throws: `WireError.frameLength` or `.headerLength`, as soon as the lengths are there and before their frame is.
    public mutating func next() throws(WireError) -> Frame? {
        guard bufferedBytes >= 4 else { return nil }
        // Compared before the conversion: on a 32-bit host an Int cannot hold every length that a frame can claim.
        let claimedLength = number(at: consumed)
        guard claimedLength >= 4, claimedLength <= UInt32(4 + Limits.headerLength + Limits.payloadLength) else { throw .frameLength }
        let length = Int(claimedLength)
        guard bufferedBytes >= Frame.prefixLength else { return nil }
        let claimedHeaderLength = number(at: consumed + 4)
        guard claimedHeaderLength > 0, claimedHeaderLength <= UInt32(Limits.headerLength) else { throw .headerLength }
        let headerLength = Int(claimedHeaderLength)
        guard headerLength <= length - 4 else { throw .headerLength }
        guard length - 4 - headerLength <= Limits.payloadLength else { throw .frameLength }
        guard bufferedBytes >= 4 + length else { return nil }
        // Not `part`: where the frame is all that was received, that is no copy. A short frame that waits would keep a long buffer alive, and the
        // decoder would take another one.
        let (start, end) = (consumed, consumed + 4 + length)
        consumed = end
        return Frame(checked: buffer.withUnsafeBufferPointer { Array(UnsafeBufferPointer(rebasing: $0[start..<end])) })
    }

    private func number(at index: Int) -> UInt32 {
        UInt32(buffer[index]) << 24 | UInt32(buffer[index + 1]) << 16 | UInt32(buffer[index + 2]) << 8 | UInt32(buffer[index + 3])
    }
}
