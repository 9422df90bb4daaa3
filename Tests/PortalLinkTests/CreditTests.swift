import PortalLink
import PortalWire
import TestSupport
import Testing

@Suite struct CreditTests {
    @Test func sending() throws {
        var credit = SendCredit()
        #expect(credit.available == Limits.initialCredit)
        credit.take(Limits.initialCredit)
        #expect(credit.available == 0)
        try credit.grant(0)
        try credit.grant(UInt64(Limits.maximumCredit))
        #expect(credit.available == Limits.maximumCredit)
        for bytes in [1, UInt64(Limits.maximumCredit), UInt64(UInt32.max), UInt64(Int64.max), .max] {
            var refused = credit
            #expect(throws: WireError.credit) { try refused.grant(bytes) }
            #expect(refused.available == Limits.maximumCredit, "a refused grant changes nothing")
        }
    }

    @Test func receivingBeyondTheCredit() throws {
        var window = ReceiveWindow()
        try window.receive(Limits.initialCredit)
        try window.receive(0)
        #expect(throws: WireError.credit) { try window.receive(1) }
        let granted = window.consume(Limits.initialCredit)
        try window.receive(Int(granted))
        #expect(throws: WireError.credit) { try window.receive(1) }
    }

    /// A consumer that keeps up: the window doubles to its maximum and no further, and the sender is never refused.
    @Test func growth() throws {
        var window = ReceiveWindow()
        var credit = SendCredit()
        for _ in 0..<200 {
            // Everything that there is credit for is on its way before any of it is consumed: the round trip is what it waits for.
            let burst = credit.available
            var left = burst
            while left > 0 {
                let piece = min(left, Limits.preferredPayloadLength)
                credit.take(piece)
                try window.receive(piece)
                left -= piece
            }
            try credit.grant(window.consume(burst))
            try credit.grant(window.starve())
            #expect(credit.available <= Limits.maximumCredit)
            #expect(credit.available > 0, "consumed, and nothing was granted")
        }
        #expect(window.size == Limits.maximumCredit)
        #expect(credit.available == Limits.maximumCredit)
    }

    @Test func slowConsumerStaysSmall() throws {
        var window = ReceiveWindow()
        var credit = SendCredit()
        var unconsumed = 0
        for _ in 0..<2000 {
            let piece = min(credit.available, 4096)
            credit.take(piece)
            try window.receive(piece)
            unconsumed += piece
            // Always something left over: the consumer is what is slow.
            let consumed = min(unconsumed - 1, 2048)
            unconsumed -= consumed
            try credit.grant(window.consume(consumed))
            if credit.available == 0 { try credit.grant(window.starve()) }
        }
        #expect(window.size == Limits.initialCredit)
        #expect(unconsumed <= Limits.initialCredit)
    }

    /// Both halves against each other with random sizes and delays: what stands open is what the window thinks, nobody starves.
    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func random(seed: UInt64) throws {
        var generator = SeededRandom(seed: seed)
        var window = ReceiveWindow()
        var credit = SendCredit()
        var unconsumed = 0
        var inFlight: [Int] = []
        var grants: [UInt64] = []
        var moved = 0
        for _ in 0..<20_000 {
            switch Int.random(in: 0..<4, using: &generator) {
            case 0:
                let piece = Int.random(in: 0...min(credit.available, Limits.preferredPayloadLength), using: &generator)
                credit.take(piece)
                inFlight.append(piece)
            case 1:
                guard !inFlight.isEmpty else { continue }
                let piece = inFlight.removeFirst()
                try window.receive(piece)
                unconsumed += piece
            case 2:
                let piece = Int.random(in: 0...unconsumed, using: &generator)
                unconsumed -= piece
                moved += piece
                let grant = window.consume(piece)
                if grant > 0 { grants.append(grant) }
            default: if !grants.isEmpty { try credit.grant(grants.removeFirst()) }
            }
            let open = credit.available + inFlight.reduce(0, +) + grants.reduce(0) { $0 + Int($1) } + unconsumed
            #expect(open <= window.size)
        }
        for piece in inFlight {
            try window.receive(piece)
            unconsumed += piece
        }
        let last = window.consume(unconsumed)
        for grant in grants + [last] { try credit.grant(grant) }
        #expect(credit.available >= Limits.initialCredit / 2, "an idle stream has credit")
        #expect(moved > 10 * Limits.initialCredit)
    }
}
