/// What a frame's header says. Docs/protocol.md describes each; a test holds the two against each other.
///
/// Large cases are indirect: every copy of a message then is one reference, in code as in time.
public enum Message: Sendable {
    /// The first frame of each side.
    indirect case hello(Hello)
    /// Asks for an operation. The frame's payload is the start of the request's own data.
    indirect case request(Request)
    /// A piece of a stream, in the frame's payload.
    case data(id: UInt64, stream: StreamName, end: Bool)
    /// The receiver of a stream took so many payload bytes: as many more may be sent.
    case credit(id: UInt64, bytes: UInt64)
    /// The sender of a stream has used all its credit and has more: the receiver may open the window further.
    case starved(id: UInt64)
    /// The last frame of a request that succeeded.
    case result(id: UInt64, JSONValue)
    /// The last frame of a request that failed.
    case failure(id: UInt64, OperationError)
    /// The requester gives the request up. The answer is still one last frame.
    case cancel(id: UInt64, Cancellation)
    /// The requester's proxy died: the request goes on through another one. Answered with `claimed`.
    indirect case claim(Claim)
    /// What the executor has of a request that was claimed. What the requester lacks of its answer follows.
    indirect case claimed(id: UInt64, Claimed)
    /// Proxy to executor: whether it acknowledges frames that their client has not taken, and may never get where the proxy dies.
    case lapse(Bool)
    /// The sender has processed so many sequenced frames since the session began.
    case acknowledge(UInt64)
    /// Asks for a pong with the same number.
    case ping(UInt64)
    /// Answers a ping.
    case pong(UInt64)
    /// The link ends after this frame, for the reason given.
    indirect case goodbye(code: ErrorCode, text: [UInt8])
    /// Proxy to client: a person is asked something.
    indirect case question(Question)
    /// Client to proxy: the person's answer; nil where it was declined.
    indirect case answer(id: UInt64, text: [UInt8]?)
    /// Proxy to client: how far the link to the host is.
    indirect case state(LinkState)
    /// A type that this version does not know; ignored.
    case unknown

    /// Whether the frame has a sequence number, hence is acknowledged and replayed.
    public var isSequenced: Bool {
        switch self {
        case .hello, .acknowledge, .ping, .pong, .goodbye: false
        default: true
        }
    }
}

/// The parts of a request's data and its answer's.
public enum StreamName: UInt8, Sendable {
    /// File content, or listed entries.
    case content
    /// To a process.
    case stdin
    /// From a process.
    case stdout
    /// From a process.
    case stderr

    /// The name on the wire.
    public var text: Literal {
        switch self {
        case .content: "content"
        case .stdin: "stdin"
        case .stdout: "stdout"
        case .stderr: "stderr"
        }
    }

    init?(_ bytes: [UInt8]) {
        if bytes.equals("content") {
            self = .content
        } else if bytes.equals("stdin") {
            self = .stdin
        } else if bytes.equals("stdout") {
            self = .stdout
        } else if bytes.equals("stderr") {
            self = .stderr
        } else {
            return nil
        }
    }
}

/// A request as it travels: its operation's own parameters are members of the same JSON object.
public struct Request: Sendable {
    /// Chosen by the requester, unique among its open requests and within the range that the hello gave.
    public var id: UInt64
    /// The operation's name.
    public var operation: [UInt8]
    /// The whole header, from which the operation's parameters are read.
    public var parameters: JSONValue
    /// Whether data frames follow the request's own payload, until one with `end`.
    public var hasMore: Bool

    /// Makes a request from a parsed header.
    public init(id: UInt64, operation: [UInt8], parameters: JSONValue, hasMore: Bool) {
        self.id = id
        self.operation = operation
        self.parameters = parameters
        self.hasMore = hasMore
    }
}

/// How a request is given up.
public struct Cancellation: Sendable, Equatable {
    /// For a process: the signal that its tree gets first; nil kills at once.
    public var signal: Int32?
    /// For a process: milliseconds from that signal until the tree is killed.
    public var graceMilliseconds: UInt64

    /// Makes a cancellation; the default kills at once.
    public init(signal: Int32? = nil, graceMilliseconds: UInt64 = 0) {
        self.signal = signal
        self.graceMilliseconds = graceMilliseconds
    }
}

/// A request that its requester has open, and whose proxy died.
public struct Claim: Sendable {
    /// The request.
    public var id: UInt64
    /// What was asked for. It is the proxy's concern; an executor knows it.
    public var operation: [UInt8]
    /// The history in which it was asked, as its proxy told.
    public var history: UInt64
    /// How many frames of the answer the requester has.
    public var received: UInt64

    /// Makes a claim.
    public init(id: UInt64, operation: [UInt8], history: UInt64, received: UInt64) {
        self.id = id
        self.operation = operation
        self.history = history
        self.received = received
    }
}

/// What an executor has of a request.
public enum Claimed: Sendable, Equatable {
    /// It is open: so many frames of it have come, the request's own and its data; so much credit in all; and it was so often cancelled.
    case open(received: UInt64, credit: UInt64, cancels: UInt64)
    /// It has ended: nothing more is taken of it, and its last frame follows.
    case ended
    /// It never came.
    case missing
    /// Nothing is known of it: it came or it did not, and it does not go on.
    case unknown
}

/// A question that the proxy puts to a person through a client.
public struct Question: Sendable {
    /// Repeated in the answer.
    public var id: UInt64
    /// The text to show, without a line end.
    public var text: [UInt8]
    /// Whether what is typed stays unseen.
    public var isSecret: Bool

    /// Makes a question.
    public init(id: UInt64, text: [UInt8], isSecret: Bool) {
        self.id = id
        self.text = text
        self.isSecret = isSecret
    }
}

/// Which executor takes requests, and in which of its histories.
public struct HistoryPlace: Sendable, Equatable {
    /// The executor's epoch.
    public var epoch: [UInt8]
    /// One more with each proxy that began anew with it.
    public var history: UInt64

    /// Makes a place.
    public init(epoch: [UInt8], history: UInt64) {
        self.epoch = epoch
        self.history = history
    }
}

/// How far the link to the host is.
public struct LinkState: Sendable {
    /// What is being done, for a person: `connecting to arm-box port 22`.
    public var text: [UInt8]
    /// Whether requests now go through at once.
    public var isReady: Bool
    /// Bytes done and bytes in all, where the phase is a transfer.
    public var progress: (done: UInt64, total: UInt64)?
    /// Where requests are taken from now on; nil where nothing is said of it.
    public var place: HistoryPlace?

    /// Makes a state.
    public init(text: [UInt8], isReady: Bool, progress: (done: UInt64, total: UInt64)? = nil, place: HistoryPlace? = nil) {
        self.text = text
        self.isReady = isReady
        self.progress = progress
        self.place = place
    }
}
