import Foundation
import PortalWire
import Testing

@Suite struct EncodingTests {
    @Test func base64AsFoundation() {
        var generator = SystemRandomNumberGenerator()
        for length in 0..<200 {
            let bytes = (0..<length).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            let encoded = Data(bytes).base64EncodedString()
            #expect(String(decoding: Base64.encode(bytes), as: UTF8.self) == encoded)
            #expect(Base64.decode(Array(encoded.utf8)) == bytes)
        }
        let all = (0...UInt8.max).map { $0 }
        #expect(Base64.decode(Base64.encode(all)) == all)
    }

    @Test(arguments: ["A", "AA", "AAA", "A===", "====", "=AAA", "AA=A", "AAAA=", "AA==AAAA", "AAA\n", "AA-_", "AAAA ", "ÄAA", "A=A="])
    func base64Refused(text: String) {
        #expect(Base64.decode(Array(text.utf8)) == nil)
    }

    @Test func utf8AsFoundation() {
        func check(_ bytes: [UInt8]) {
            let others = String(validating: bytes, as: UTF8.self) != nil
            if isValidUTF8(bytes) != others { Issue.record("\(bytes): \(others ? "valid" : "not valid")") }
        }
        for first in 0...UInt8.max {
            check([first])
            for second in 0...UInt8.max { check([first, second]) }
        }
        // The edges of every range that RFC 3629 names, in every position of four.
        let edges: [UInt8] = [
            0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF3, 0xF4, 0xF5,
            0xFF,
        ]
        for first in edges {
            for second in edges {
                for third in edges {
                    check([first, second, third])
                    for fourth in edges { check([first, second, third, fourth]) }
                }
            }
        }
    }

    @Test func hexadecimalAsPrintf() {
        let all = (0...UInt8.max).map { $0 }
        #expect(String(decoding: hexadecimal(all), as: UTF8.self) == all.map { String(format: "%02x", $0) }.joined())
    }

    @Test func sentinel() {
        let line = Sentinel.line(token: Array("00ff".utf8))
        #expect(line == [0, 1, 2] + Array("portal 00ff".utf8) + [3, 10])
        #expect(line.starts(with: Sentinel.mark))
    }
}
