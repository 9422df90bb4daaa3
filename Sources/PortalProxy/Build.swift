import PortalImages
import PortalSSH
import NIOCore

/// What this build is called, and the executors that it carries.
public enum Build {
    /// The version of portal.
    public static let version = "0.1.0"

    /// The version and the start of the executor images' hashes: two builds with the same identity behave the same on a host.
    public static let identity: String = {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for image in images { for byte in image.sha256Hex.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 } }
        return images.isEmpty ? version : version + "+" + String(hash, radix: 16)
    }()

    /// The images that were there when portal was built.
    public static let images: [ExecutorImage] = {
        var count = 0
        guard let first = portal_images(&count) else { return [] }
        return UnsafeBufferPointer(start: first, count: count).compactMap { image in
            guard image.size > 0, let bytes = image.bytes else { return nil }
            // The image lies in the program's own read-only data, which outlives everything.
            let start = UInt(bitPattern: bytes)
            let size = image.size
            return ExecutorImage(
                machine: String(cString: image.machine), sha256Hex: String(cString: image.sha256_hex), size: size,
                bytes: { ByteBuffer(bytes: UnsafeRawBufferPointer(start: UnsafeRawPointer(bitPattern: start), count: size)) })
        }
    }()
}
