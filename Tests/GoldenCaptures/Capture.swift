import Foundation
import PortalWire

/// One file of Tests/Golden: a conversation between a client and an executor. Tests/Golden/README.md describes the format.
public struct Capture: Sendable {
    /// The file's name without its ending.
    public var name: String
    /// What is done and expected, in order.
    public var steps: [Step]
    /// The executor's exit status when its input has ended.
    public var exitStatus: Int32 = 0

    /// A line of the file.
    public struct Step: Sendable {
        /// The line's number, from 1.
        public var line: Int
        /// What it says.
        public var action: Action
    }

    /// What a line says.
    public enum Action: Sendable {
        /// Before the executor starts: a file with its content.
        case file(String, [UInt8], mode: UInt32)
        /// Before the executor starts: a directory.
        case directory(String)
        /// Before the executor starts: a symbolic link.
        case link(String, target: String)
        /// Before the executor starts: a FIFO.
        case fifo(String)
        /// Frames that the client sends.
        case send([Frame], isWellFormed: Bool)
        /// Bytes that the client sends and that are no frame.
        case sendBytes([UInt8])
        /// The next frame that is no data, credit or acknowledgement.
        case expect(JSONValue)
        /// The next bytes of a stream.
        case expectData(id: UInt64, stream: String, [UInt8])
        /// The next lines of a stream, JSON each, in any order.
        case expectLines(id: UInt64, stream: String, [JSONValue])
        /// So many of the client's sequenced frames are acknowledged.
        case expectAcknowledgement(UInt64)
        /// The executor closes its output.
        case expectEnd
        /// A file has this content now.
        case content(String, [UInt8])
        /// A file has these permission bits now.
        case mode(String, UInt32)
        /// Nothing is at a path now.
        case absent(String)
    }

    /// A line that is not of the format.
    public struct FormatError: Error, CustomStringConvertible {
        /// The file's name.
        public var file: String
        /// The line's number, from 1.
        public var line: Int
        /// What is wrong with it.
        public var problem: String
        /// All three.
        public var description: String { "\(file):\(line): \(problem)" }
    }

    /// Every file of Tests/Golden.
    public static func all() throws -> [Capture] {
        let directory = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().appending(path: "Golden")
            .resolvingSymlinksInPath()
        let files = try FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)
        return try files.filter { $0.pathExtension == "vec" }.sorted { $0.path < $1.path }.map { file in
            try Capture(name: file.deletingPathExtension().lastPathComponent, text: String(contentsOf: file, encoding: .utf8))
        }
    }

    /// The frames and bytes that the client sends.
    public var clientBytes: [[UInt8]] {
        steps.flatMap { step -> [[UInt8]] in
            switch step.action {
            case .send(let frames, _): frames.map(\.bytes)
            case .sendBytes(let bytes): [bytes]
            default: []
            }
        }
    }
}
