/// Text on the wire stays bytes on both sides: Embedded Swift has no Unicode tables, and paths are not always UTF-8.
///
/// What is used everywhere is never inlined: growing an array takes a hundred bytes of code, which an executor's image would have at each use.
extension [UInt8] {
    /// The bytes of a literal.
    @inline(never)
    public init(_ literal: Literal) {
        self = Array(literal.bytes)
    }

    /// Whether these bytes are exactly the literal's.
    @inline(never)
    public func equals(_ literal: Literal) -> Bool {
        // The literal's end differs from every byte but a zero, which no literal holds.
        for index in 0..<count {
            let expected = literal.start[index]
            guard expected != 0, self[index] == expected else { return false }
        }
        return literal.start[count] == 0
    }

    /// Appends a literal's bytes.
    @inline(never)
    public mutating func append(_ literal: Literal) {
        append(contentsOf: literal.bytes)
    }

    /// Appends one byte, as `append` does.
    @inline(never)
    public mutating func add(_ byte: UInt8) { append(byte) }

    /// Appends other bytes, as `append(contentsOf:)` does.
    @inline(never)
    public mutating func add(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { append(contentsOf: $0) }
    }

    /// Appends a number in decimal.
    public mutating func append(decimal value: UInt64) {
        var digits: (UInt64, UInt64, UInt64) = (0, 0, 0)  // 24 bytes of room; a UInt64 has 20 digits at most
        Swift.withUnsafeMutableBytes(of: &digits) { room in
            var position = room.count
            var rest = value
            repeat {
                position -= 1
                room[position] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
                rest /= 10
            } while rest > 0
            append(contentsOf: UnsafeRawBufferPointer(rebasing: room[position...]).assumingMemoryBound(to: UInt8.self))
        }
    }

    /// Appends a number in decimal, with its sign.
    public mutating func append(decimal value: Int64) {
        if value < 0 { add(0x2D) }
        append(decimal: value.magnitude)
    }

    /// The bytes from one position up to another. Not `Array(bytes[start..<end])`: a slice is four words, and has its own copies of all that is done
    /// with it.
    @inline(never)
    public func part(_ start: Int, _ end: Int) -> [UInt8] {
        precondition(start >= 0 && start <= end && end <= count)
        if end - start == count { return self }
        return withUnsafeBufferPointer { [UInt8](UnsafeBufferPointer(rebasing: $0[start..<end])) }
    }

    /// The bytes from a position on.
    public func part(from start: Int) -> [UInt8] { part(start, count) }

    /// Appends four bytes, most significant first.
    mutating func append(bigEndian value: UInt32) {
        add(UInt8(truncatingIfNeeded: value >> 24))
        add(UInt8(truncatingIfNeeded: value >> 16))
        add(UInt8(truncatingIfNeeded: value >> 8))
        add(UInt8(truncatingIfNeeded: value))
    }
}

/// Lower-case hexadecimal of some bytes.
public func hexadecimal(_ bytes: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count * 2)
    // Half a byte each time.
    for index in 0..<bytes.count * 2 {
        let digit = bytes[index / 2] >> (index % 2 == 0 ? 4 : 0) & 15
        text.add(digit < 10 ? 0x30 + digit : 0x57 + digit)
    }
    return text
}
