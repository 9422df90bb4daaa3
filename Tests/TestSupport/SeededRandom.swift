import Foundation

/// Random numbers that are the same again for the same seed (SplitMix64).
public struct SeededRandom: RandomNumberGenerator, Sendable {
    private var state: UInt64

    /// The numbers of a seed.
    public init(seed: UInt64) { state = seed }

    /// The next number.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }

    /// A number from 0 to one less than the bound, which is taken for 1 where it is less.
    public mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(max(1, bound))) }

    /// One of the elements, of which there must be one.
    public mutating func pick<Element>(_ elements: [Element]) -> Element { elements[below(elements.count)] }

    /// A sequence of its own for each number, so that what one part draws does not change what another part gets.
    public func branch(_ number: UInt64) -> SeededRandom {
        var mixed = SeededRandom(seed: state ^ (number &+ 1) &* 0xD6E8_FEB8_6659_FD93)
        return SeededRandom(seed: mixed.next())
    }

    /// The time in seconds to the next of events that come by chance, so many seconds apart on average; at most six times the average.
    public mutating func seconds(averaging average: Double) -> Double {
        min(average * 6, -average * log(1 - Double.random(in: 0..<1, using: &self)))
    }
}
