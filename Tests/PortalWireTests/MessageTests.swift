import PortalWire
import Testing

/// One of every kind of message, with everything that it can carry, and its header.
let messageSamples: [(message: Message, header: String)] = {
    var executorHello = Hello(build: bytes("portal 1"))
    executorHello.capabilities = [bytes("files"), bytes("ä")]
    executorHello.session = bytes("00ff")
    executorHello.epoch = bytes("a1")
    executorHello.history = 4
    executorHello.received = 12
    executorHello.process = 77
    executorHello.host = HostFacts(
        system: bytes("Linux"), machine: bytes("aarch64"), release: bytes("6.1"), name: bytes("box"), user: [0x61, 0xFF],
        userIdentifier: 1000,
        home: bytes("/home/ä"), directory: bytes("/"), boot: [])
    var proxyHello = Hello(build: bytes("p"))
    proxyHello.minimumVersion = 2
    proxyHello.maximumVersion = 5
    proxyHello.identifiers = (4_294_967_297, 8_589_934_591)
    var newHello = Hello(build: bytes("p"))
    newHello.session = bytes("00ff")
    newHello.isAnew = true
    var clientHello = Hello(build: bytes("c"))
    clientHello.isInteractive = true
    clientHello.client = 77
    let failure = OperationError(
        .notFound, bytes("stat x: no such file"), errno: 2, path: [0x78, 0xFE], applied: .unknown,
        details: [JSONMember(name: bytes("status"), value: .integer(127))])
    let request = #"{"type":"request","id":3,"op":"fs.read","more":true,"path":{"b64":"/w=="},"unknown":[1,{}]}"#
    let parameters = (try? parse(request)) ?? .null
    return [
        (
            .hello(executorHello),
            #"{"type":"hello","protocol":{"minimum":1,"maximum":1},"build":"portal 1","capabilities":["files","ä"],"session":"00ff","epoch":"a1","history":4,"received":12,"#
                + #""host":{"system":"Linux","machine":"aarch64","release":"6.1","name":"box","user":{"b64":"Yf8="},"uid":1000,"home":"/home/ä","directory":"/","boot":""},"#
                + #""process":77}"#
        ),
        (
            .hello(proxyHello),
            #"{"type":"hello","protocol":{"minimum":2,"maximum":5},"build":"p","capabilities":[],"identifiers":{"first":4294967297,"last":8589934591}}"#
        ),
        (
            .hello(newHello),
            #"{"type":"hello","protocol":{"minimum":1,"maximum":1},"build":"p","capabilities":[],"session":"00ff","received":0,"anew":true}"#
        ),
        (
            .hello(clientHello),
            #"{"type":"hello","protocol":{"minimum":1,"maximum":1},"build":"c","capabilities":[],"client":77,"interactive":true}"#
        ),
        (.request(Request(id: 3, operation: bytes("fs.read"), parameters: parameters, hasMore: true)), request),
        (.data(id: 3, stream: .content, end: true), #"{"type":"data","id":3,"stream":"content","end":true}"#),
        (.data(id: 0, stream: .stdin, end: false), #"{"type":"data","id":0,"stream":"stdin"}"#),
        (.data(id: 3, stream: .stdout, end: false), #"{"type":"data","id":3,"stream":"stdout"}"#),
        (.data(id: UInt64(Int64.max), stream: .stderr, end: false), #"{"type":"data","id":9223372036854775807,"stream":"stderr"}"#),
        (.credit(id: 3, bytes: 65536), #"{"type":"credit","id":3,"bytes":65536}"#),
        (.starved(id: 3), #"{"type":"starved","id":3}"#),
        (.result(id: 3, parameters), #"{"type":"result","id":3,"ok":"# + request + "}"),
        (
            .failure(id: 3, failure),
            #"{"type":"error","id":3,"error":{"code":"not_found","message":"stat x: no such file","errno":2,"path":{"b64":"eP4="},"applied":"unknown","#
                + #""details":{"status":127}}}"#
        ),
        (.cancel(id: 3, Cancellation()), #"{"type":"cancel","id":3}"#),
        (.cancel(id: 3, Cancellation(signal: 15, graceMilliseconds: 2000)), #"{"type":"cancel","id":3,"signal":15,"grace_ms":2000}"#),
        (
            .claim(Claim(id: 3, operation: bytes("fs.read"), history: 2, received: 9)),
            #"{"type":"claim","id":3,"op":"fs.read","history":2,"received":9}"#
        ),
        (
            .claimed(id: 3, .open(received: 1, credit: 5, cancels: 2)),
            #"{"type":"claimed","id":3,"state":"open","received":1,"credit":5,"cancels":2}"#
        ),
        (.claimed(id: 3, .ended), #"{"type":"claimed","id":3,"state":"ended"}"#),
        (.claimed(id: 3, .missing), #"{"type":"claimed","id":3,"state":"missing"}"#),
        (.claimed(id: 3, .unknown), #"{"type":"claimed","id":3,"state":"unknown"}"#), (.lapse(true), #"{"type":"lapse","some":true}"#),
        (.acknowledge(64), #"{"type":"ack","received":64}"#), (.ping(7), #"{"type":"ping","number":7}"#),
        (.pong(7), #"{"type":"pong","number":7}"#),
        (.goodbye(code: .invalid, text: bytes("why")), #"{"type":"goodbye","code":"invalid","message":"why"}"#),
        (.question(Question(id: 1, text: bytes("sure? "), isSecret: false)), #"{"type":"question","id":1,"text":"sure? ","secret":false}"#),
        (.answer(id: 1, text: bytes("yes")), #"{"type":"answer","id":1,"text":"yes"}"#),
        (.answer(id: 1, text: nil), #"{"type":"answer","id":1}"#),
        (.answer(id: 1, text: [0xFF]), #"{"type":"answer","id":1,"text":{"b64":"/w=="}}"#),
        (
            .state(LinkState(text: bytes("uploading"), isReady: false, progress: (1, 2))),
            #"{"type":"state","text":"uploading","ready":false,"done":1,"total":2}"#
        ),
        (
            .state(LinkState(text: bytes("connected"), isReady: true, place: HistoryPlace(epoch: bytes("a1"), history: 2))),
            #"{"type":"state","text":"connected","ready":true,"epoch":"a1","history":2}"#
        ),
    ]
}()

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

@Suite struct MessageTests {
    @Test(arguments: messageSamples.indices)
    func roundTrip(index: Int) throws {
        let sample = messageSamples[index]
        let frame = sample.message.frame(payload: [1, 2, 3])
        #expect(frame.headerText == sample.header)
        var decoder = FrameDecoder()
        decoder.receive(frame.bytes)
        let decoded = try #require(try decoder.next())
        #expect(Array(decoded.payload) == [1, 2, 3])
        let again = try Message(decoded)
        #expect(again.frame().headerText == sample.header)
        #expect(again.isSequenced == sample.message.isSequenced)
    }

    @Test func sequenced() throws {
        let control = ["hello", "ack", "ping", "pong", "goodbye"]
        for sample in messageSamples {
            let type = try #require(try parse(sample.header)["type"]?.string)
            #expect(sample.message.isSequenced == !control.contains(String(decoding: type, as: UTF8.self)))
        }
        #expect(Message.unknown.isSequenced)
    }

    /// Everything that a type demands is missed, one at a time; everything else may be missing.
    @Test(arguments: [
        ("hello", ["protocol", "build"]), ("request", ["id", "op"]), ("data", ["id", "stream"]), ("credit", ["id", "bytes"]),
        ("starved", ["id"]),
        ("result", ["id", "ok"]),
        ("error", ["id", "error"]), ("cancel", ["id"]), ("ack", ["received"]), ("ping", ["number"]), ("pong", ["number"]),
        ("goodbye", ["code", "message"]),
        ("question", ["id", "text"]), ("answer", ["id"]), ("state", ["text", "ready"]),
    ])
    func demandedMembers(type: String, demanded: [String]) throws {
        for sample in messageSamples {
            guard case .object(let members) = try parse(sample.header), members[0].value.string == bytes(type) else { continue }
            for index in members.indices.dropFirst() {
                var fewer = members
                let name = String(decoding: fewer.remove(at: index).name, as: UTF8.self)
                var nulled = members
                nulled[index].value = .null
                var wrong = members
                wrong[index].value = .number(bytes("1.5"))
                if demanded.contains(name) {
                    for variant in [fewer, nulled] {
                        #expect(throws: WireError.message, "\(type) without \(name)") { try Message(Frame(text(.object(variant)))) }
                    }
                    // Any value is a result, and an error of a wrong kind is an internal one.
                    if name != "ok", name != "error" {
                        #expect(throws: WireError.message, "\(type) with a wrong \(name)") { try Message(Frame(text(.object(wrong)))) }
                    }
                } else {
                    #expect(throws: Never.self, "\(type) without \(name)") { try Message(Frame(text(.object(fewer)))) }
                }
            }
            #expect(members.dropFirst().map { String(decoding: $0.name, as: UTF8.self) }.filter(demanded.contains).count == demanded.count)
        }
    }

    @Test(arguments: [
        "[]", "1", "\"hello\"", "null", "{}", #"{"type":7}"#, #"{"type":null}"#, #"{"type":"ping","number":-1}"#,
        #"{"type":"ping","number":1.0}"#,
        #"{"type":"data","id":1,"stream":"other"}"#, #"{"type":"cancel","id":1,"signal":0}"#, #"{"type":"cancel","id":1,"signal":65}"#,
        #"{"type":"cancel","id":1,"signal":-9}"#, #"{"type":"cancel","id":1,"signal":4294967305}"#,
        #"{"type":"hello","protocol":{"minimum":2,"maximum":1},"build":"x"}"#, #"{"type":"hello","protocol":{"minimum":1},"build":"x"}"#,
        #"{"type":"hello","protocol":1,"build":"x"}"#, #"{"type":"request","id":9223372036854775808,"op":"x"}"#,
        #"{"type":"credit","id":1,"bytes":-1}"#,
    ])
    func refused(header: String) {
        #expect(throws: WireError.message) { try Message(Frame(header)) }
    }

    @Test func unknownTypesAndMembersAreIgnored() throws {
        guard case .unknown = try Message(Frame(#"{"type":"a new one","id":"not a number"}"#)) else {
            Issue.record("not unknown")
            return
        }
        guard case .ping(9) = try Message(Frame(#"{"x":[{}],"type":"ping","type":"pong","number":9,"number":1}"#)) else {
            Issue.record("the first of two equal names counts")
            return
        }
        guard
            case .hello(let hello) = try Message(
                Frame(#"{"type":"hello","protocol":{"minimum":1,"maximum":9,"x":1},"build":"b","capabilities":[1,"a"],"host":{}}"#))
        else {
            Issue.record("not a hello")
            return
        }
        #expect(hello.capabilities == [bytes("a")])
        #expect(hello.host == nil)
        #expect(hello.received == 0)
    }

    @Test func errors() throws {
        for code in ErrorCode.allCases { #expect(ErrorCode(name: [UInt8](code.name)) == code) }
        #expect(ErrorCode(name: bytes("from the future")) == .internal)
        let error = OperationError(try parse(#"{"code":"new","applied":"new","errno":99999999999}"#))
        #expect(error.code == .internal)
        #expect(error.applied == .no)
        #expect(error.errno == nil)
        #expect(error.message.isEmpty)
        #expect(OperationError(.null).code == .internal)
        let sent = OperationError(.exists, [0x61, 0xFF], applied: .yes)
        guard case .failure(4, let received) = try Message(Message.failure(id: 4, sent).frame()) else {
            Issue.record("not a failure")
            return
        }
        #expect(received.message == bytes("a?"))
        #expect(received.applied == .yes)
    }

    @Test func requestFrame() throws {
        let frame = Request.frame(id: 5, operation: "fs.stat", payload: [1], hasMore: true) {
            FileStatRequest(path: bytes("/x")).write(to: &$0)
        }
        #expect(frame.headerText == #"{"type":"request","id":5,"op":"fs.stat","more":true,"path":"/x"}"#)
        #expect(
            resultFrame(id: 5) {
                $0.name("a"); $0.null()
            }.headerText == #"{"type":"result","id":5,"ok":{"a":null}}"#)
    }

    @Test(arguments: [(1, 1, 1), (0, 1, 1), (1, 9, 1), (2, 9, nil), (0, 0, nil), (9, 9, nil)] as [(UInt64, UInt64, UInt64?)])
    func commonVersion(minimum: UInt64, maximum: UInt64, common: UInt64?) {
        #expect(ProtocolVersion.common(minimum: minimum, maximum: maximum) == common)
    }
}
