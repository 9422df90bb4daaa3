import NIOCore

/// Faults without an end, each some time after the one before it: the same ones for the same seed.
public struct FaultScript: Sequence, IteratorProtocol, Sendable {
    /// How often each kind of fault comes, relative to the others.
    public struct Mix: Sendable, Equatable {
        /// Cuts at a random byte.
        public var cuts = 60
        /// Resets.
        public var resets = 12
        /// Silences of up to 1.5 seconds, in one direction or both.
        public var stalls = 12
        /// Connections of which one end learns nothing.
        public var halfOpen = 4
        /// Flipped bits.
        public var flips = 8
        /// New connections refused for up to a second.
        public var refusals = 4
        /// Up to three seconds of a slow line with jitter.
        public var slowLines = 8

        /// What a bad day has.
        public init() {}

        /// The kinds by their names.
        public static let kinds = members.map(\.name)
        private static let members: [(name: String, path: WritableKeyPath<Mix, Int> & Sendable)] = [
            ("cuts", \.cuts), ("resets", \.resets), ("stalls", \.stalls), ("half-open", \.halfOpen), ("flips", \.flips),
            ("refusals", \.refusals), ("slow-lines", \.slowLines),
        ]

        /// Only these kinds, as often as each other; nil where one has no such name.
        public init?(only names: [String]) {
            guard !names.isEmpty, names.allSatisfy({ Mix.kinds.contains($0) }) else { return nil }
            for member in Mix.members { self[keyPath: member.path] = names.contains(member.name) ? 1 : 0 }
        }

        var weights: [Int] { Mix.members.map { self[keyPath: $0.path] } }
    }

    private var random: SeededRandom
    private let interval: Double
    private let mix: Mix

    /// A script whose faults are `interval` seconds apart on average.
    public init(seed: UInt64, interval: Double, mix: Mix = Mix()) {
        random = SeededRandom(seed: seed)
        self.interval = interval
        self.mix = mix
    }

    /// The next fault, and the seconds to wait before it.
    public mutating func next() -> (pause: Double, fault: NetworkRelay.Fault)? {
        let pause = random.seconds(averaging: interval)
        return (pause, fault())
    }

    private mutating func fault() -> NetworkRelay.Fault {
        let weights = mix.weights
        var draw = Int.random(in: 0..<weights.reduce(0, +), using: &random)
        let kind = weights.firstIndex { weight in
            draw -= weight
            return draw < 0
        }
        switch kind {
        case 0: return .cutAfter(bytes: bytes(), direction())
        case 1: return .reset
        case 2:
            let both = Bool.random(using: &random)
            return .stall(both ? NetworkRelay.Direction.allCases : [direction()], time(100...1500))
        case 3: return .halfOpen(keeping: Bool.random(using: &random) ? .client : .server)
        case 4: return .flip(afterBytes: bytes(), direction())
        case 5: return .refuse(time(100...1000))
        default:
            let line = NetworkRelay.Line(
                roundTrip: time(20...300), bytesPerSecond: Int.random(in: 50_000...2_000_000, using: &random), jitter: time(0...100))
            return .line(line, time(500...3000))
        }
    }

    private mutating func direction() -> NetworkRelay.Direction { Bool.random(using: &random) ? .toServer : .toClient }

    private mutating func time(_ milliseconds: ClosedRange<Int64>) -> TimeAmount {
        .milliseconds(Int64.random(in: milliseconds, using: &random))
    }

    /// Few bytes as often as many: an offset in the handshake, in a frame's header and in a stream are all likely.
    private mutating func bytes() -> Int { Int.random(in: 0..<(1 << Int.random(in: 1...14, using: &random)), using: &random) }
}
