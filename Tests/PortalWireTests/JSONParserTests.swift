import PortalWire
import Testing

@Suite struct JSONParserTests {
    @Test(arguments: [
        ("null", "null"), (" true ", "true"), ("false", "false"), ("0", "0"), ("-0", "0"), ("7\n", "7"),
        ("9223372036854775807", "9223372036854775807"), ("-9223372036854775808", "-9223372036854775808"),
        ("\t[1 , 2,[ ] ]\r\n", "[1,2,[]]"), ("{}", "{}"), (#"{"a":{"b":[{}]},"a":2}"#, #"{"a":{"b":[{}]},"a":2}"#), (#""""#, #""""#),
        (#""\u0041\u00e4\u20ac\ud83d\ude00""#, #""Aä€😀""#), (#""\"\\\/\b\f\n\r\t""#, #""\"\\/\u0008\u000c\n\r\t""#),
        (#""\u0000\u001f\u007f""#, #""\u0000\u001f\u007f""#), (#""ÿ😀""#, #""ÿ😀""#),
    ])
    func valid(source: String, expected: String) throws {
        #expect(text(try parse(source)) == expected)
    }

    /// Numbers that are JSON and no integers of 64 bits keep their text and are no number of any member.
    @Test(arguments: [
        "1.0", "1e3", "-0.5E-7", "9223372036854775808", "-9223372036854775809", "99999999999999999999999", "18446744073709551616",
    ])
    func numberKeptAsText(source: String) throws {
        let value = try parse(source)
        #expect(text(value) == source)
        #expect(value.integer == nil)
        #expect(value.unsigned == nil)
    }

    @Test(arguments: [
        ("", 0), (" ", 1), ("nul", 3), ("nulll", 4), ("truE", 3), ("+1", 0), ("01", 1), ("-", 1), ("-a", 1), ("1.", 2), (".5", 0),
        ("1e", 2),
        ("1e+", 3), ("0x1", 1), ("[", 1), ("[1", 2), ("[1,]", 3), ("[,1]", 1), ("[1 2]", 3), ("{", 1), ("{\"a\"", 4), ("{\"a\":}", 5),
        ("{\"a\":1,}", 7),
        ("{a:1}", 1), ("{1:1}", 1), ("1 1", 2), ("{} x", 3), ("\"", 1), ("\"a", 2), ("\"\\", 2), ("\"\\x\"", 3), ("\"\\u12\"", 5),
        ("\"\\u12g4\"", 5), ("\"a\nb\"", 2), ("\"\u{0}\"", 1), ("NaN", 0), ("'a'", 0), ("\u{FEFF}1", 0), ("]", 0), ("\\", 0),
    ])
    func notJSON(source: String, offset: Int) {
        #expect(throws: WireError.json(offset: offset)) { try parse(source) }
    }

    @Test(arguments: [#""\ud800""#, #""\udc00""#, #""\ud800\u0041""#, #""\ud800x""#, #""\udbff\ud800""#, #""\udfff\ud800""#])
    func loneSurrogate(source: String) {
        #expect { try parse(source) } throws: {
            if case WireError.json = $0 { true } else { false }
        }
    }

    @Test(
        arguments: [
            [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80], [0xF0, 0x8F, 0xBF, 0xBF], [0xF4, 0x90, 0x80, 0x80],
            [0xF5, 0x80, 0x80, 0x80],
            [0xE2, 0x82], [0xFF],
        ] as [[UInt8]])
    func notUTF8(bytes: [UInt8]) {
        #expect(throws: WireError.utf8) { try JSONParser.parse([0x22] + bytes + [0x22]) }
        #expect(throws: WireError.utf8) { try JSONParser.parse(Array("{\"".utf8) + bytes + Array("\":1}".utf8)) }
    }

    @Test func depth() throws {
        func nested(_ depth: Int, _ open: String, _ close: String, inner: String = "") -> String {
            String(repeating: open, count: depth) + inner + String(repeating: close, count: depth)
        }
        _ = try parse(nested(Limits.depth, "[", "]"))
        _ = try parse(nested(Limits.depth, "{\"a\":", "}", inner: "1"))
        #expect(throws: WireError.depth) { try parse(nested(Limits.depth + 1, "[", "]")) }
        #expect(throws: WireError.depth) { try parse(nested(Limits.depth + 1, "{\"a\":", "}", inner: "1")) }
        // Far deeper than any stack, and never closed: the bound must come first.
        #expect(throws: WireError.depth) { try parse(String(repeating: "[", count: Limits.headerLength)) }
        #expect(throws: WireError.depth) { try parse(String(repeating: "[{\"a\":", count: Limits.headerLength / 6)) }
        // Siblings do not add up.
        _ = try parse("[" + [String](repeating: nested(Limits.depth - 1, "[", "]"), count: 3).joined(separator: ",") + "]")
    }

    @Test func values() throws {
        let elements = { (count: Int) in "[" + [String](repeating: "0", count: count).joined(separator: ",") + "]" }
        // The array itself is one.
        _ = try parse(elements(Limits.values - 1))
        #expect(throws: WireError.values) { try parse(elements(Limits.values)) }
        let members = { (count: Int) in "{" + [String](repeating: "\"\":0", count: count).joined(separator: ",") + "}" }
        _ = try parse(members(Limits.values - 1))
        #expect(throws: WireError.values) { try parse(members(Limits.values)) }
        // Over several levels.
        #expect(throws: WireError.values) {
            try parse("[" + [String](repeating: "[0,0]", count: Limits.values / 3 + 1).joined(separator: ",") + "]")
        }
    }

    @Test func accessors() throws {
        let value = try parse(#"{"n":null,"n":5,"i":-1,"u":1,"s":"x","b":true,"a":[1],"i":9,"o":{}}"#)
        #expect(value["n"] == nil, "the first of two equal names counts, and null counts as not there")
        #expect(value["i"]?.integer == -1)
        #expect(value["i"]?.unsigned == nil)
        #expect(value["u"]?.unsigned == 1)
        #expect(value["s"]?.string == Array("x".utf8))
        #expect(value["b"]?.bool == true)
        #expect(value["a"]?.array?.count == 1)
        #expect(value["missing"] == nil)
        #expect(value["u"]?["x"] == nil)
        #expect(value["u"]?.string == nil)
        #expect(value["u"]?.bool == nil)
        #expect(value["u"]?.array == nil)
        #expect(value["o"]?.bytes == nil)
    }

    @Test func byteStrings() throws {
        #expect(try parse(#""ä""#).bytes == Array("ä".utf8))
        #expect(try parse(#"{"b64":"L3RtcC//"}"#).bytes == Array("/tmp/".utf8) + [0xFF])
        #expect(try parse(#"{"b64":"YQ==","more":1}"#).bytes == Array("a".utf8))
        #expect(try parse(#"{"b64":"YQ"}"#).bytes == nil)
        #expect(try parse(#"{"b64":7}"#).bytes == nil)
        #expect(try parse("[97]").bytes == nil)
    }
}
