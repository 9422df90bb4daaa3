import Foundation

/// The other end of a program that is talked to in lines.
///
/// `@unchecked Sendable`: all properties are constant, and writing is done by one task at a time.
public final class LineClient: @unchecked Sendable {
    /// What the program's standard input is to be.
    public let input = Pipe()
    /// What the program's standard output is to be.
    public let output = Pipe()
    private let lines: AsyncStream<String>

    /// A conversation; `listen` begins it, when the program runs.
    public init() {
        let (stream, continuation) = AsyncStream.makeStream(of: String.self)
        lines = stream
        let handle = output.fileHandleForReading
        let thread = Thread {
            var rest: [UInt8] = []
            while case let piece = handle.availableData, !piece.isEmpty {
                rest += piece
                while let end = rest.firstIndex(of: 0x0A) {
                    continuation.yield(String(decoding: rest[..<end], as: UTF8.self))
                    rest.removeFirst(end + 1)
                }
            }
            continuation.finish()
        }
        thread.start()
    }

    /// Sends a line.
    public func send(_ line: String) throws { try input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8)) }

    /// Ends the program's input.
    public func close() { try? input.fileHandleForWriting.close() }

    /// The next line, whenever it comes; nil at the end of the program's output.
    public func next() async -> String? {
        var iterator = lines.makeAsyncIterator()
        return await iterator.next()
    }

    /// The next line.
    /// - Throws: `TestFailure` where none comes in time, or the output has ended.
    public func next(seconds: Double) async throws -> String {
        let line = await withTaskGroup(of: String?.self) { group in
            group.addTask { await self.next() }
            group.addTask {
                try? await Task.sleep(for: .seconds(seconds))
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
        guard let line else { throw TestFailure("no line within \(seconds) s") }
        return line
    }
}
