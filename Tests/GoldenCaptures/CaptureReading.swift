import PortalWire

extension Capture {
    /// The client's and the executor's hellos, as `@hello` has them.
    static let executorHello =
        #"{"type":"hello","protocol":{"minimum":1,"maximum":1},"build":"<text>","capabilities":["files","process"],"session":"<hex>","epoch":"<hex>","received":0,"#
        + #""host":{"system":"Linux","machine":"<text>","release":"<text>","name":"<text>","user":"<text>","uid":"<number>","home":"$HOME","directory":"$HOME","boot":"<text>"},"#
        + #""process":"<number>"}"#
    static let clientHello = #"{"type":"hello","protocol":{"minimum":1,"maximum":1},"build":"golden","capabilities":[]}"#

    /// Reads a file's text.
    /// - Throws: `FormatError`, which names the line.
    public init(name: String, text: String) throws {
        self.name = name
        steps = []
        var number = 0
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            number += 1
            guard !line.isEmpty, !line.hasPrefix("#") else { continue }
            do { try read(line, number) } catch let error as Problem {
                throw FormatError(file: name + ".vec", line: number, problem: error.text)
            }
        }
    }

    private struct Problem: Error {
        var text: String
    }

    private mutating func read(_ line: Substring, _ number: Int) throws {
        let word = line.prefix { $0 != " " }
        var rest = Tokens(line.dropFirst(word.count + 1))
        func add(_ action: Action) { steps.append(Step(line: number, action: action)) }
        switch word {
        case "@file":
            let name = try rest.string()
            let mode = rest.take("mode=").flatMap { UInt32($0, radix: 8) } ?? 0o644
            add(.file(name, try rest.bytes(), mode: mode))
        case "@directory": add(.directory(try rest.string()))
        case "@link": add(.link(try rest.string(), target: try rest.string()))
        case "@fifo": add(.fifo(try rest.string()))
        case "@exit": exitStatus = Int32(rest.text) ?? -1
        case "@hello":
            add(.expect(try json(Substring(Capture.executorHello))))
            add(.send([Frame(header: Array(Capture.clientHello.utf8))], isWellFormed: true))
        case ">": add(.send([Frame(header: Array(rest.text.utf8))], isWellFormed: true))
        case ">|":
            guard case .send(let frames, true)? = steps.last?.action, frames.count == 1 else { throw Problem(text: ">| follows a frame") }
            steps[steps.count - 1].action = .send([Frame(header: Array(frames[0].header), payload: try rest.bytes())], isWellFormed: true)
        case ">for":
            let bounds = rest.word().split(separator: "-").compactMap { Int($0) }
            guard bounds.count == 2, bounds[0] <= bounds[1] else { throw Problem(text: ">for needs FIRST-LAST") }
            let header = rest.text
            add(
                .send(
                    (bounds[0]...bounds[1]).map { Frame(header: Array(header.replacing("\"<n>\"", with: String($0)).utf8)) },
                    isWellFormed: true))
        case ">header": add(.send([Frame(header: try rest.bytes())], isWellFormed: false))
        case ">bytes": add(.sendBytes(try rest.bytes()))
        case "<": add(.expect(try json(rest.text)))
        case "<data": add(.expectData(id: try rest.number(), stream: String(rest.word()), try rest.bytes()))
        case "<line":
            let id = try rest.number()
            let stream = String(rest.word())
            let pattern = try json(rest.text)
            if case .expectLines(id, stream, let patterns)? = steps.last?.action {
                steps[steps.count - 1].action = .expectLines(id: id, stream: stream, patterns + [pattern])
            } else {
                add(.expectLines(id: id, stream: stream, [pattern]))
            }
        case "<ack": add(.expectAcknowledgement(try rest.number()))
        case "<end": add(.expectEnd)
        case "=": add(.content(try rest.string(), try rest.bytes()))
        case "=mode":
            let name = try rest.string()
            guard let mode = UInt32(rest.text, radix: 8) else { throw Problem(text: "=mode needs an octal number") }
            add(.mode(name, mode))
        case "!": add(.absent(try rest.string()))
        default: throw Problem(text: "\(word) is nothing")
        }
    }

    private func json(_ text: Substring) throws -> JSONValue {
        do { return try JSONParser.parse(Array(text.utf8)) } catch { throw Problem(text: "not JSON: \(error)") }
    }

    /// The rest of a line: words, numbers and bytes. Bytes are `"text"` with JSON's escapes, `x` and hexadecimal digits, each behind an optional
    /// count (`*65536"a"`), one after another; names are such texts.
    private struct Tokens {
        private(set) var text: Substring

        init(_ text: Substring) { self.text = text }

        mutating func word() -> Substring {
            let word = text.prefix { $0 != " " }
            text = text.dropFirst(word.count + 1)
            return word
        }

        mutating func take(_ prefix: String) -> Substring? {
            guard text.hasPrefix(prefix) else { return nil }
            return word().dropFirst(prefix.count)
        }

        mutating func number() throws -> UInt64 {
            guard let number = UInt64(word()) else { throw Problem(text: "a number was meant") }
            return number
        }

        mutating func string() throws -> String {
            guard text.hasPrefix("\"") else { throw Problem(text: "a text in quotes was meant") }
            return String(decoding: try piece(), as: UTF8.self)
        }

        mutating func bytes() throws -> [UInt8] {
            var bytes: [UInt8] = []
            while !text.isEmpty { bytes += try piece() }
            return bytes
        }

        private mutating func piece() throws -> [UInt8] {
            defer { text = text.drop { $0 == " " } }
            var count = 1
            if text.hasPrefix("*") {
                let digits = text.dropFirst().prefix(while: \.isNumber)
                count = Int(digits) ?? 0
                text = text.dropFirst(digits.count + 1)
            }
            let piece: [UInt8]
            if text.hasPrefix("\"") {
                var isEscaped = false
                var isClosed = false
                let inner = text.dropFirst().prefix { character in
                    if isEscaped {
                        isEscaped = false
                    } else if character == "\\" {
                        isEscaped = true
                    } else if character == "\"" {
                        isClosed = true
                        return false
                    }
                    return true
                }
                guard isClosed, let value = try? JSONParser.parse(Array("\"\(inner)\"".utf8)).string else {
                    throw Problem(text: "a text is not closed")
                }
                piece = value
                text = text.dropFirst(inner.count + 2)
            } else if text.hasPrefix("x") {
                let digits = text.dropFirst().prefix(while: \.isHexDigit)
                guard digits.count.isMultiple(of: 2) else { throw Problem(text: "an odd number of hexadecimal digits") }
                let values = digits.compactMap { $0.hexDigitValue }
                piece = stride(from: 0, to: values.count, by: 2).map { UInt8(values[$0] << 4 | values[$0 + 1]) }
                text = text.dropFirst(digits.count + 1)
            } else {
                throw Problem(text: "bytes were meant: \(text)")
            }
            return [[UInt8]](repeating: piece, count: count).flatMap { $0 }
        }
    }
}
