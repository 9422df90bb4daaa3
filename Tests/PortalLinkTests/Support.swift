import PortalLink
import PortalWire

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// One side of a link in memory: an endpoint, the bytes that are on their way to it, and what it reported.
struct Side {
    var endpoint: LinkEndpoint
    var arriving: [UInt8] = []
    var hellos = 0
    var pongs: [UInt64] = []
    var messages: [(message: Message, frame: Frame)] = []

    init(isCounting: Bool = true) { endpoint = LinkEndpoint(isCounting: isCounting) }

    mutating func receive(_ bytes: some Sequence<UInt8>) throws(LinkError) {
        Array(bytes).withUnsafeBytes { endpoint.receive($0) }
        while let event = try endpoint.nextEvent() {
            switch event {
            case .hello(let hello, _):
                hellos += 1
                do throws(WireError) { try endpoint.resume(after: hello.received) } catch { throw .broken(error) }
            case .pong(let number): pongs.append(number)
            case .message(let message, let frame): messages.append((message, frame))
            }
        }
    }

    mutating func sayHello() {
        var hello = Hello(build: bytes("test"))
        hello.session = bytes("one")
        hello.received = endpoint.received
        endpoint.send(.hello(hello))
    }

    mutating func takeBytes() -> [UInt8] { endpoint.takeOutbound().flatMap(\.bytes) }
}

/// Two sides, and bytes that move between them in pieces of any size.
struct Pair {
    var near: Side
    var far: Side

    init(isCounting: Bool = true) {
        near = Side(isCounting: isCounting)
        far = Side(isCounting: isCounting)
    }

    /// Both sides with their hellos exchanged.
    static func connected(isCounting: Bool = true) throws -> Pair {
        var pair = Pair(isCounting: isCounting)
        pair.near.sayHello()
        pair.far.sayHello()
        try pair.pump { Int.max }
        return pair
    }

    /// A new link for both sides, after each has noticed that the old one is gone.
    mutating func link(_ size: () -> Int) throws(LinkError) {
        near.arriving = []
        far.arriving = []
        sayHellos()
        try pump(size)
    }

    mutating func sayHellos() {
        near.sayHello()
        far.sayHello()
    }

    /// Moves bytes until nothing is left, `size` at a time.
    mutating func pump(_ size: () -> Int) throws(LinkError) {
        while true {
            far.arriving += near.takeBytes()
            near.arriving += far.takeBytes()
            if near.arriving.isEmpty, far.arriving.isEmpty { return }
            let toFar = far.arriving.prefix(size())
            far.arriving.removeFirst(toFar.count)
            try far.receive(toFar)
            let toNear = near.arriving.prefix(size())
            near.arriving.removeFirst(toNear.count)
            try near.receive(toNear)
        }
    }
}

/// The rule that a link broke, or nil where it went on or ended otherwise.
func broken(_ body: () throws -> Void) -> WireError? {
    do { try body() } catch LinkError.broken(let error) { return error } catch { return nil }
    return nil
}
