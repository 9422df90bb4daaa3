import PortalWire

/// Bytes that wait to be sent, as they came.
struct ChunkQueue {
    private var chunks: [[UInt8]] = []
    /// What of the first chunk was taken.
    private var offset = 0
    /// How many bytes there are.
    private(set) var count = 0

    @inline(never)
    mutating func add(_ chunk: [UInt8]) {
        guard !chunk.isEmpty else { return }
        chunks.add(chunk)
        count += chunk.count
    }

    /// The next bytes of one chunk, at most so many. There must be some.
    @inline(never)
    mutating func take(_ most: Int) -> [UInt8] {
        let chunk = chunks[0]
        let end = min(chunk.count, offset + most)
        let piece = chunk.part(offset, end)
        offset = end
        if end == chunk.count {
            chunks.removeFirst()
            offset = 0
        }
        count -= piece.count
        return piece
    }
}

extension [UInt8] {
    /// Takes bytes from the front, at most so many.
    @inline(never)
    mutating func takeFirst(_ most: Int) -> [UInt8] {
        let end = Swift.min(count, most)
        guard end > 0 else { return [] }
        let first = part(0, end)
        self = part(from: end)
        return first
    }
}
