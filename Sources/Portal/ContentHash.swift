import CContentHash

/// The SHA-256 of content that comes in pieces: what the host says of a file as `sha256`, computed here.
///
/// Not `Sendable`: one task feeds it.
public final class ContentHash {
    private let state: OpaquePointer

    /// The hash of nothing yet.
    public init() {
        guard let state = content_hash_new() else { fatalError("no memory for a hash") }
        self.state = state
    }

    deinit { content_hash_free(state) }

    /// Adds the next bytes.
    public func add(_ bytes: [UInt8]) { bytes.withUnsafeBytes { add($0) } }

    /// Adds the next bytes.
    public func add(_ bytes: UnsafeRawBufferPointer) { content_hash_add(state, bytes.baseAddress, bytes.count) }

    /// The hash of what was added, as 64 lower-case hexadecimal digits. Nothing may be added afterwards.
    public func end() -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: 32)
        content_hash_end(state, &digest)
        let digits = Array("0123456789abcdef".utf8)
        return digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    }

    /// The hash of bytes that are all there.
    public static func of(_ bytes: [UInt8]) -> [UInt8] {
        let hash = ContentHash()
        hash.add(bytes)
        return hash.end()
    }
}
