import PortalWire
import Testing

@testable import PortalLink

/// The window against lines that are computed: a rate, a round trip, and a queue in front without a bound.
@Suite struct CongestionTests {
    struct Line {
        /// Bytes a second.
        var rate: Double
        /// Nanoseconds.
        var roundTrip: UInt64
    }

    struct Outcome {
        /// The part of the line's rate that was used.
        var used = 0.0
        /// The longest that anything waited in the queue, as a part of the round trip.
        var queued = 0.0
        var sizes: [Int] = []
    }

    /// What is on its way back when one run ends arrives in the next.
    private final class Road {
        var pongs: [(at: UInt64, number: UInt64)] = []
    }

    /// A sender that always has something, in frames of one size. Measured from the middle on.
    private func run(
        _ window: inout CongestionWindow, _ road: Road, _ line: Line, seconds: UInt64, from start: UInt64 = 0, frame: Int = 65536
    ) -> Outcome {
        var now = start
        var lineIsFreeAt = Double(start)
        var outcome = Outcome()
        let end = start + seconds * 1_000_000_000
        let middle = start + seconds * 500_000_000
        var sent = 0
        while now < end {
            while let first = road.pongs.first, first.at <= now {
                road.pongs.removeFirst()
                _ = window.answered(first.number, at: now)
                outcome.sizes.append(window.size)
            }
            if window.inFlight < window.size {
                lineIsFreeAt = max(lineIsFreeAt, Double(now)) + Double(frame) / line.rate * 1e9
                if now >= middle {
                    sent += frame
                    outcome.queued = max(outcome.queued, (lineIsFreeAt - Double(now)) / Double(line.roundTrip))
                }
                if let number = window.sent(frame, at: now) { road.pongs.append((UInt64(lineIsFreeAt) + line.roundTrip, number)) }
                // The sender itself is fast, and not without bound.
                now += 10_000
            } else {
                now = max(now, road.pongs.first?.at ?? end)
            }
        }
        outcome.used = Double(sent) / (line.rate * Double(end - middle) / 1e9)
        return outcome
    }

    @Test(arguments: [
        Line(rate: 12_500_000, roundTrip: 50_000_000), Line(rate: 2_500_000, roundTrip: 100_000_000),
        Line(rate: 12_500_000, roundTrip: 200_000_000),
        Line(rate: 40_000_000, roundTrip: 100_000_000), Line(rate: 125_000_000, roundTrip: 20_000_000),
    ])
    func fillsTheLineAndNotTheQueue(line: Line) {
        var window = CongestionWindow()
        let outcome = run(&window, Road(), line, seconds: 8)
        #expect(outcome.used > 0.95, "\(outcome.used)")
        #expect(outcome.queued < 0.5 + (65536 * 2 / line.rate * 1e9 + 4e6) / Double(line.roundTrip), "\(outcome.queued)")
    }

    /// As slow as a modem: the window is as small as it becomes.
    @Test func slowLine() {
        var window = CongestionWindow()
        let outcome = run(&window, Road(), Line(rate: 60_000, roundTrip: 100_000_000), seconds: 60, frame: 8192)
        #expect(window.size <= 2 * CongestionWindow.minimumSize)
        #expect(outcome.used > 0.95)
    }

    @Test func fastLineGetsAllThereIs() {
        var window = CongestionWindow()
        _ = run(&window, Road(), Line(rate: 10_000_000_000, roundTrip: 200_000), seconds: 1)
        #expect(window.size >= 2 << 20)
    }

    /// The route becomes longer: that is no queue, and found out within twenty seconds. It becomes shorter: half of the difference is found out
    /// every ten.
    @Test func routesChange() {
        var window = CongestionWindow()
        let road = Road()
        let (short, long) = (Line(rate: 12_500_000, roundTrip: 20_000_000), Line(rate: 12_500_000, roundTrip: 120_000_000))
        _ = run(&window, road, short, seconds: 5)
        let outcome = run(&window, road, long, seconds: 40, from: 5_000_000_000)
        #expect(outcome.used > 0.95, "\(outcome.used)")
        #expect(window.shortest > 110_000_000)
        let back = run(&window, road, short, seconds: 120, from: 45_000_000_000)
        #expect(back.used > 0.95 && back.queued < 1.2, "\(back.used) \(back.queued)")
    }

    /// A small call now and then leaves the window alone, however long its answers take.
    @Test func littleTrafficTeachesNothing() {
        var window = CongestionWindow()
        for second in 1...100 as ClosedRange<UInt64> {
            _ = window.sent(200, at: second * 1_000_000_000)
            let number = window.probe(at: second * 1_000_000_000)
            _ = window.answered(number, at: second * 1_000_000_000 + second * 10_000_000)
        }
        #expect(window.size == CongestionWindow.initialSize)
        #expect(window.inFlight == 0)
    }

    /// Answers that never were asked for, twice, or out of their order, and none at all: the window stays closed, and nothing traps.
    @Test func answersThatAreNone() {
        var window = CongestionWindow()
        for number in [0, 1, 7, .max] as [UInt64] {
            let answer = window.answered(number, at: 5)
            #expect(answer == nil)
        }
        var numbers: [UInt64] = []
        while window.inFlight < window.size { if let number = window.sent(10_000, at: 100) { numbers.append(number) } }
        #expect(numbers.count >= 6)
        let early = window.answered(numbers[3], at: 50)
        #expect(early == 1, "a clock that goes back")
        let late = window.answered(numbers[1], at: 200)
        #expect(late == nil)
        #expect(window.inFlight > 0)
    }

    @Test func shortBudget() {
        var budget = ShortBudget()
        var (now, sent) = (UInt64(0), 0)
        // A stream is short for its first bytes only, and then for what a second brings.
        while now < 10_000_000_000 {
            if budget.isShort(at: now) {
                budget.take(8192)
                sent += 8192
            } else {
                budget.take(65536)
            }
            now += 1_000_000
        }
        #expect(sent <= 72 * 1024)
        // What a person types always is.
        var typed = ShortBudget()
        for key in 0..<10_000 as Range<UInt64> {
            let isShort = typed.isShort(at: key * 10_000_000)
            #expect(isShort)
            typed.take(60)
        }
    }
}
