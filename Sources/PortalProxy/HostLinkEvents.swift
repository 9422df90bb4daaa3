import PortalLink
import PortalWire

extension HostLink {
    /// What the link tells its proxy.
    enum Event {
        case stateChanged
        /// A frame of the host, which is to be settled when it is where it belongs.
        case frame(Message, Frame, Receipt)
        /// Everything that one read brought was passed on.
        case batchEnded
        case writable
        /// Another executor answers, which knows nothing of what the host was asked so far: nothing more comes of that.
        case forgotten(String)
        /// There is no link, and none is tried any more until a request asks for it.
        case lost(String)
    }

    /// A frame of the host, by its number.
    struct Receipt {
        var history: Int
        var number: UInt64
    }

    enum State {
        case idle
        case connecting
        case ready(HostFacts)
        /// There was a link, and another is being made.
        case interrupted(String)
        case failed(String)
    }
}
