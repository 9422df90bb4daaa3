import NIOCore

extension NetworkRelay {
    /// Where bytes go.
    public enum Direction: Sendable, CaseIterable {
        case toServer
        case toClient
    }

    /// An end of a connection, as seen from the relay.
    public enum Side: Sendable, CaseIterable {
        case client
        case server
    }

    /// Something that happens to a network.
    public enum Fault: Sendable, CustomStringConvertible {
        /// Both ends are told that the connection ended (FIN); what was on its way is lost.
        case cut
        /// As `cut`, when exactly so many more bytes have passed in one direction of the newest connection, or of the next one where there
        /// is none.
        case cutAfter(bytes: Int, Direction)
        /// Both ends get a reset (RST).
        case reset
        /// Nothing passes in these directions for a time, then everything that waited.
        case stall([Direction], TimeAmount)
        /// One end's connection ends; the other end keeps one that takes everything and never answers.
        case halfOpen(keeping: Side)
        /// One bit is turned over when so many more bytes have passed in one direction of the newest connection.
        case flip(afterBytes: Int, Direction)
        /// New connections are refused for a time. Those that exist stay.
        case refuse(TimeAmount)
        /// Another line for a time.
        case line(Line, TimeAmount)

        /// What a log says of it.
        public var description: String {
            switch self {
            case .cut: "cut"
            case .cutAfter(let bytes, let direction): "cut after \(bytes) bytes \(direction)"
            case .reset: "reset"
            case .stall(let directions, let time): "stall of \(directions) for \(time.milliseconds) ms"
            case .halfOpen(let side): "half-open, the \(side) keeps its end"
            case .flip(let bytes, let direction): "a bit turned over after \(bytes) bytes \(direction)"
            case .refuse(let time): "refused for \(time.milliseconds) ms"
            case .line(let line, let time): "\(line) for \(time.milliseconds) ms"
            }
        }

        /// The kind alone, for counting.
        public var kind: String {
            switch self {
            case .cut: "cut"
            case .cutAfter: "cut after bytes"
            case .reset: "reset"
            case .stall: "stall"
            case .halfOpen: "half-open"
            case .flip: "flipped bit"
            case .refuse: "refused"
            case .line: "slow line"
            }
        }
    }

    /// Lets a fault happen, and returns when it has begun.
    public func apply(_ fault: Fault) async throws { try await onLoop { try $0.apply(fault) } }
}

extension TimeAmount {
    var milliseconds: Int64 { nanoseconds / 1_000_000 }
}
