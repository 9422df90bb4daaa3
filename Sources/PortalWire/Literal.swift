/// Text that stands in the source, as the address of its bytes; a zero byte ends it. It is one word to pass on, where a `StaticString` is three:
/// an executor's image has a thousand of them.
public struct Literal: ExpressibleByStringLiteral, CustomStringConvertible, Sendable {
    /// The first byte. It is the program's own constant memory, which nothing changes and which never ends.
    @usableFromInline nonisolated(unsafe) let start: UnsafePointer<UInt8>

    /// The text of a literal, which must not hold a zero byte.
    @inlinable @inline(__always)
    public init(stringLiteral text: StaticString) { start = text.utf8Start }

    /// How many bytes it has in UTF-8.
    @inline(never)
    var count: Int {
        var count = 0
        while start[count] != 0 { count += 1 }
        return count
    }

    /// The text itself.
    public var description: String { String(decoding: bytes, as: UTF8.self) }

    /// The text as C takes it.
    public var terminated: UnsafePointer<UInt8> { start }

    /// Its bytes in UTF-8.
    var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: start, count: count) }
}
