import CExecutorPlatform
import PortalWire

/// A SHA-256 that is fed in pieces.
struct ContentHash {
    private var state = platform_sha256()

    init() { platform_sha256_begin(&state) }

    mutating func add(_ bytes: UnsafeRawBufferPointer) { platform_sha256_add(&state, bytes.baseAddress, bytes.count) }

    mutating func add(_ bytes: [UInt8]) { bytes.withUnsafeBytes { platform_sha256_add(&state, $0.baseAddress, $0.count) } }

    /// The digest in hexadecimal; nothing is added after it.
    mutating func end() -> [UInt8] {
        let digest = Buffer(32)
        platform_sha256_end(&state, digest.start)
        return hexadecimal(digest.bytes(32))
    }
}

/// A failed system call, before it is known what it was about.
struct SystemFailure: Error {
    let number: Int32
}

/// The SHA-256 of what can be read from a descriptor, which is closed.
func hashOfContent(_ descriptor: Int32) throws(SystemFailure) -> [UInt8] {
    defer { platform_close(descriptor) }
    var hash = ContentHash()
    let buffer = Buffer(Limits.preferredPayloadLength)
    while true {
        let count = platform_read(descriptor, buffer.start, buffer.count)
        guard count >= 0 else { throw SystemFailure(number: Int32(count)) }
        if count == 0 { return hash.end() }
        hash.add(UnsafeRawBufferPointer(start: buffer.start, count: Int(count)))
    }
}
