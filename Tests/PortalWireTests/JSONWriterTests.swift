import Foundation
import PortalWire
import Testing

@Suite struct JSONWriterTests {
    /// Any bytes survive as a byte string, and what is written is JSON for another parser too.
    @Test func anyBytesAsByteString() throws {
        var generator = SystemRandomNumberGenerator()
        for length in 0..<300 {
            let bytes = (0..<length).map { _ in UInt8.random(in: 0...(length.isMultiple(of: 2) ? 127 : 255), using: &generator) }
            var writer = JSONWriter()
            writer.beginArray()
            writer.byteString(bytes)
            writer.endArray()
            #expect(try JSONParser.parse(writer.bytes).array?.first?.bytes == bytes)
            #expect(throws: Never.self) { try JSONSerialization.jsonObject(with: Data(writer.bytes)) }
        }
    }

    @Test func everyScalarBlockOverItsEscapes() throws {
        let scalars = (0...0x10FFFF).lazy.filter { $0 < 0x3000 || $0 % 97 == 0 }.compactMap { Unicode.Scalar(UInt32($0)) }
        var string = ""
        for scalar in scalars { string.unicodeScalars.append(scalar) }
        var writer = JSONWriter()
        writer.string(Array(string.utf8))
        #expect(try JSONParser.parse(writer.bytes).string == Array(string.utf8))
        let others = try JSONSerialization.jsonObject(with: Data(writer.bytes), options: .fragmentsAllowed) as? String
        #expect(others.map { Array($0.utf8) } == Array(string.utf8))
    }

    /// What another writer escapes, with all its \u forms, is read.
    @Test func readsWhatFoundationWrites() throws {
        let string = (0...0x2FFF).compactMap { Unicode.Scalar(UInt32($0)) }.map { String($0) }.joined() + "😀\u{10FFFF}"
        let data = try JSONSerialization.data(withJSONObject: ["k/\"": string, "n": Int64.min], options: [])
        let value = try JSONParser.parse([UInt8](data))
        guard case .object(let members) = value else {
            Issue.record("not an object")
            return
        }
        #expect(members.first { $0.name == Array("k/\"".utf8) }?.value.string == Array(string.utf8))
        #expect(members.first { $0.name == Array("n".utf8) }?.value.integer == Int64.min)
    }

    @Test func commas() {
        var writer = JSONWriter()
        writer.beginObject()
        writer.name("a")
        writer.beginArray()
        writer.beginObject()
        writer.endObject()
        writer.null()
        writer.beginArray()
        writer.endArray()
        writer.bool(true)
        writer.bool(false)
        writer.endArray()
        writer.name(Array("b\"".utf8))
        writer.integer(Int64.min)
        writer.name("c")
        writer.integer(UInt64.max)
        writer.name("d")
        writer.string("x")
        writer.endObject()
        let expected = #"{"a":[{},null,[],true,false],"b\"":-9223372036854775808,"c":9223372036854775807,"d":"x"}"#
        #expect(String(decoding: writer.bytes, as: UTF8.self) == expected)
    }

    @Test func textReplacesWhatIsNotUTF8() {
        var writer = JSONWriter()
        writer.text([0x61, 0xFF, 0x0A])
        #expect(String(decoding: writer.bytes, as: UTF8.self) == #""a?\n""#)
    }

    @Test(arguments: [0, 1, -1, 9, 10, 99, 100, Int64.max, Int64.min] as [Int64])
    func decimals(value: Int64) {
        var bytes: [UInt8] = []
        bytes.append(decimal: value)
        #expect(String(decoding: bytes, as: UTF8.self) == String(value))
    }

    @Test func greatestUnsignedDecimal() {
        var bytes: [UInt8] = [0x78]
        bytes.append(decimal: UInt64.max)
        #expect(String(decoding: bytes, as: UTF8.self) == "x18446744073709551615")
    }
}
