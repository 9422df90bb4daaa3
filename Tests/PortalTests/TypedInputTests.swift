import Testing

@testable import PortalCommand

/// The escapes in what is typed.
@Suite struct EscapeFilterTests {
    private func events(_ texts: String...) -> [EscapeFilter.Event] {
        var filter = EscapeFilter()
        return texts.flatMap { filter.take(Array($0.utf8)) } + filter.end()
    }

    private func sent(_ events: [EscapeFilter.Event]) -> String {
        String(decoding: events.flatMap { if case .send(let bytes) = $0 { bytes } else { [UInt8]() } }, as: UTF8.self)
    }

    @Test func whatIsTypedIsSent() {
        #expect(events("echo a~.b\r") == [.send(Array("echo a~.b\r".utf8))])
        #expect(sent(events("a", "~", ".", "\r")) == "a~.\r")
    }

    @Test func anEscapeAtTheStartOfALine() {
        #expect(events("~.") == [.leave])
        #expect(events("ls\r~.") == [.send(Array("ls\r".utf8)), .leave])
        #expect(events("ls\n", "~", ".") == [.send(Array("ls\n".utf8)), .leave])
        #expect(events("~\u{1A}x") == [.suspend, .send(Array("x".utf8))])
        #expect(events("~?~?") == [.help, .help])
    }

    @Test func whatIsNoEscapeIsSentWhole() {
        #expect(sent(events("~~.\r")) == "~.\r")
        #expect(sent(events("~a~.")) == "~a~.")
        #expect(sent(events("~", "\r", "x")) == "~\rx")
        #expect(sent(events("~")) == "~")
        #expect(events("~\r~.").last == .leave)
    }
}

/// What a program that was left has switched on in the terminal.
@Suite struct ScreenModesTests {
    private func undoing(_ pieces: String...) -> String {
        var modes = ScreenModes()
        for piece in pieces { modes.take(Array(piece.utf8)) }
        return String(decoding: modes.undoing, as: UTF8.self)
    }

    @Test func whatIsSwitchedOffAgainIsNotUndone() {
        #expect(undoing("text") == "")
        #expect(undoing("\u{1B}[?1049h\u{1B}[?25l…\u{1B}[?25h\u{1B}[?1049l") == "")
        #expect(undoing("\u{1B}[?1049h\u{1B}[?1h\u{1B}=", "\u{1B}c") == "")
    }

    @Test func whatIsLeftIsUndoneAndTheOtherScreenLast() {
        #expect(undoing("\u{1B}[?1049h\u{1B}[?25l") == "\u{1B}[?25h\u{1B}[?1049l\u{1B}[0m")
        #expect(undoing("\u{1B}[?10", "06;1000h") == "\u{1B}[?1000l\u{1B}[?1006l\u{1B}[0m")
        #expect(undoing("\u{1B}\u{1B}[?2004h\u{1B}[?7h") == "\u{1B}[?2004l\u{1B}[0m")
        #expect(undoing("\u{1B}=") == "\u{1B}>\u{1B}[0m")
    }

    @Test func theEndWithinALine() {
        var modes = ScreenModes()
        #expect(!modes.isMidLine)
        modes.take(Array("prompt".utf8))
        #expect(modes.isMidLine)
        modes.take(Array("\r\n".utf8))
        #expect(!modes.isMidLine)
    }
}

@Suite struct LocationTests {
    private func location(_ text: String) throws -> Location { try Location(Array(text.utf8)) }

    @Test func whatHasAColonBeforeItsFirstSlashIsThere() throws {
        #expect(try location("box:a/b") == .there(target: "box", path: Array("a/b".utf8)))
        #expect(try location("ann@box:/etc") == .there(target: "ann@box", path: Array("/etc".utf8)))
        #expect(try location("box:") == .there(target: "box", path: Array(".".utf8)))
        #expect(try location("[::1]:x:y") == .there(target: "[::1]", path: Array("x:y".utf8)))
        #expect(try location("ann@[::1]:x") == .there(target: "ann@[::1]", path: Array("x".utf8)))
        #expect(try location("ssh://box:2222/srv") == .there(target: "ssh://box:2222", path: Array("/srv".utf8)))
        #expect(try location("ssh://box") == .there(target: "ssh://box", path: Array(".".utf8)))
    }

    @Test func therestIsHere() throws {
        for text in ["a", "./a:b", "/a:b", "a/b:c", ":x", "C"] { #expect(try location(text) == .here(Array(text.utf8)), "\(text)") }
        #expect(throws: (any Error).self) { try location("") }
    }

    @Test func paths() {
        func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
        #expect(text(Path.name(Array("a/b//".utf8))) == "b")
        #expect(text(Path.name(Array("/".utf8))) == "")
        #expect(text(Path.parent(Array("a/b".utf8))) == "a")
        #expect(text(Path.parent(Array("/a".utf8))) == "/")
        #expect(text(Path.parent(Array("a".utf8))) == ".")
        #expect(text(Path.join(Array("a/".utf8), Array("b".utf8))) == "a/b")
        #expect(Path.shown([0x61, 0x1B, 0x5B, 0xFF, 0x0A, 0xC3, 0xA9]) == "a?[??é")
    }
}

@Suite struct ShownNumbersTests {
    @Test func theBarsLine() {
        let line = CopyProgress.line(
            name: "a-rather-long-name-of-a-file-that-has-to-be-cut-somewhere.tar.gz", files: 3, filesDone: 1, bytes: 1 << 30,
            bytesDone: 256 << 20, rate: 50 * 1_048_576, columns: 100)
        #expect(line.hasSuffix("25%  256 MiB of 1.0 GiB  1 of 3 files  50.0 MiB/s  0:16 left"))
        #expect(line.hasPrefix("…") && line.count <= 99)
        for columns in 1...120 {
            let line = CopyProgress.line(
                name: "name", files: 1, filesDone: 0, bytes: 999, bytesDone: 5, rate: nil, columns: columns)
            #expect(line.count <= max(0, columns - 1), "\(columns): \(line)")
        }
        #expect(CopyProgress.line(name: "x", files: 1, filesDone: 1, bytes: 0, bytesDone: 0, rate: nil, columns: 80).contains("100%"))
    }

    @Test func amountsAndTimes() {
        #expect(CopyProgress.amount(999) == "999 B")
        #expect(CopyProgress.amount(1000) == "1.0 KiB")
        #expect(CopyProgress.amount(1_048_576 * 1.5) == "1.5 MiB")
        #expect(CopyProgress.duration(59.2) == "1:00")
        #expect(CopyProgress.duration(3661) == "1:01:01")
        #expect(CopyProgress.rate([(0, 0), (2_000_000_000, 100)]) == 50)
        #expect(CopyProgress.rate([(5, 7)]) == nil)
    }

    @Test func signals() {
        for (text, number) in [("TERM", 15), ("sigkill", 9), ("9", 9), ("WINCH", 28), ("64", 64)] as [(String, Int32)] {
            #expect(SignalName.number(text) == number)
        }
        for text in ["0", "65", "NONE", "", "-9"] { #expect(SignalName.number(text) == nil) }
        #expect(SignalName.name(31) == "SYS")
        #expect(SignalName.name(40) == "40")
    }

    @Test func whereTheLastLinesBegin() {
        func start(_ text: String, _ count: Int) -> UInt64? {
            var lines = LineStarts(count: count)
            for part in text.split(separator: "|", omittingEmptySubsequences: false) { lines.add(Array(part.utf8)) }
            return lines.start
        }
        #expect(start("a\nb\nc\n", 1) == 4)
        #expect(start("a\nb|\nc", 1) == 4)
        #expect(start("a\nb\nc\n", 2) == 2)
        #expect(start("a\nb\nc", 2) == 2)
        #expect(start("a\nb\nc\n", 3) == nil)
        #expect(start("", 1) == nil)
        #expect(start((1...100).map { "\($0)\n" }.joined(), 10) == 9 * 2 + 81 * 3)
    }
}
