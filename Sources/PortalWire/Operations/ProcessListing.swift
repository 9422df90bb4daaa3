/// `process.list` has no parameters.
public enum ProcessListRequest {
    /// The name on the wire.
    public static var operation: Literal { "process.list" }
}

/// One process of the session as `process.list` tells of it, one line of its content.
public struct ProcessListing: Sendable, Equatable {
    /// Its name.
    public var process: [UInt8]
    /// Its number on the host; 0 while it is being started.
    public var identifier: Int32
    /// Its arguments with spaces between them, or the shell's text; at most 1024 bytes of it.
    public var command: [UInt8]
    /// The directory in which it was started.
    public var directory: [UInt8]
    /// When it was started: milliseconds since 1970, by the host's clock.
    public var startedMilliseconds: UInt64
    /// Whether it runs; otherwise `end` is how it ended.
    public var running: Bool
    /// Whether it has a terminal.
    public var hasTerminal: Bool
    /// Whether it was started with `background`, so that `process.output` can be asked.
    public var background: Bool
    /// Bytes that it has printed so far, both streams together.
    public var output: UInt64
    /// How it ended.
    public var end: ProcessEnd?

    /// Makes it from its values.
    public init(
        process: [UInt8], identifier: Int32, command: [UInt8], directory: [UInt8], startedMilliseconds: UInt64, running: Bool,
        hasTerminal: Bool, background: Bool, output: UInt64, end: ProcessEnd? = nil
    ) {
        self.process = process
        self.identifier = identifier
        self.command = command
        self.directory = directory
        self.startedMilliseconds = startedMilliseconds
        self.running = running
        self.hasTerminal = hasTerminal
        self.background = background
        self.output = output
        self.end = end
    }

    /// Reads a line; nil where something is missing.
    public init?(_ value: JSONValue) {
        guard let process = value.bytes("process"), let number = value.integer("pid"), let identifier = Int32(exactly: number) else {
            return nil
        }
        self.process = process
        self.identifier = identifier
        command = value.bytes("command") ?? []
        directory = value.bytes("cwd") ?? []
        startedMilliseconds = value.unsigned("started_ms") ?? 0
        running = value.bool("running") ?? false
        hasTerminal = value.bool("pty") ?? false
        background = value.bool("background") ?? false
        output = value.unsigned("output") ?? 0
        end = running ? nil : ProcessEnd(value)
    }

    /// The line, ended by a line feed. How a process ended is written as members of its own.
    public func line() -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("process", bytes: process)
        writer.member("pid", signed: Int64(identifier))
        writer.member("command", bytes: command)
        writer.member("cwd", bytes: directory)
        writer.member("started_ms", number: startedMilliseconds)
        writer.member("running", flag: running)
        writer.member("pty", flag: hasTerminal)
        writer.member("background", flag: background)
        writer.member("output", number: output)
        end?.write(to: &writer)
        writer.endLine()
        return writer.bytes
    }
}
