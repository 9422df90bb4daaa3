/// One frame: `u32 length · u32 header length · header · payload`, numbers big-endian, the length counting everything behind itself.
///
/// The bytes are kept as they travel, so that a frame is forwarded, or kept for replay, without being written again.
public struct Frame: Sendable {
    /// The whole frame, its two lengths included.
    public let bytes: [UInt8]
    /// The length of the JSON header.
    public var headerLength: Int { Int(bytes[4]) << 24 | Int(bytes[5]) << 16 | Int(bytes[6]) << 8 | Int(bytes[7]) }

    /// The bytes before the header: the two lengths.
    public static let prefixLength = 8

    /// Makes a frame of a header and a payload. Both must be within `Limits`; the peer checks it.
    public init(header: [UInt8], payload: [UInt8] = []) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Frame.prefixLength + header.count + payload.count)
        bytes.append(bigEndian: UInt32(truncatingIfNeeded: 4 + header.count + payload.count))
        bytes.append(bigEndian: UInt32(truncatingIfNeeded: header.count))
        bytes.add(header)
        bytes.add(payload)
        self.bytes = bytes
    }

    /// Bytes whose two lengths were checked.
    init(checked bytes: [UInt8]) { self.bytes = bytes }

    /// The JSON header.
    public var header: ArraySlice<UInt8> { bytes[Frame.prefixLength..<Frame.prefixLength + headerLength] }

    /// The JSON header's own bytes.
    public var headerBytes: [UInt8] { bytes.part(Frame.prefixLength, Frame.prefixLength + headerLength) }

    /// The payload's own bytes.
    public var payloadBytes: [UInt8] { bytes.part(from: Frame.prefixLength + headerLength) }

    /// What follows the header.
    public var payload: ArraySlice<UInt8> { bytes[(Frame.prefixLength + headerLength)...] }

    /// The length of the payload.
    public var payloadLength: Int { bytes.count - Frame.prefixLength - headerLength }

    /// The header, parsed.
    public func parseHeader() throws(WireError) -> JSONValue {
        let result: Result<JSONValue, WireError> = bytes.withUnsafeBufferPointer { buffer in
            let header = UnsafeBufferPointer(rebasing: buffer[Frame.prefixLength..<Frame.prefixLength + headerLength])
            do throws(WireError) { return .success(try JSONParser.parse(header)) } catch { return .failure(error) }
        }
        return try result.get()
    }
}
