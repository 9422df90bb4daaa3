import PortalWire

/// What an operation does on a worker: it returns the last frame. The argument is its job's flag, raised when the requester gave up.
typealias Answer = (UnsafePointer<Int32>) throws(OperationError) -> Frame

/// A request that is one piece of work on a worker, begun when all of its data is there.
class AnsweredRequest: OpenRequest {
    final private var job: AnswerJob?
    final private var parameters = JSONValue.null
    /// The requester's data.
    final private(set) var data: [UInt8] = []

    /// The most bytes of data that it takes; of one that takes none, data is ignored.
    var dataLength: Int { 0 }
    /// Whether the work is known to wait for no disk, set by `prepare`: then it is done where the request came in.
    final var isAtHand = false

    /// Reads the parameters. What it returns runs on a worker and uses only values that it captured.
    func prepare(_ parameters: JSONValue) throws(OperationError) -> Answer { throw OperationError(.unsupported, literal: "nothing to do") }

    final override func start(_ parameters: JSONValue, payload: [UInt8]) {
        self.parameters = parameters
        take(payload)
    }

    final override func receive(_ bytes: [UInt8]) {
        consumed(bytes.count)
        if job == nil { take(bytes) }
    }

    final private func take(_ bytes: [UInt8]) {
        if dataLength > 0 {
            guard data.count + bytes.count <= dataLength else {
                return fail(OperationError(.tooLarge, literal: "the request's data has more bytes than the operation takes"))
            }
            data.add(bytes)
            guard inputHasEnded else { return }
        }
        do throws(OperationError) {
            let job = AnswerJob(request: self, answer: try prepare(parameters))
            self.job = job
            data = []
            session.workers.submit(job, isAtHand: isAtHand)
        } catch {
            fail(error)
        }
    }

    /// Whether it changes nothing: then a cancelled one is answered at once, even where its disk never answers.
    var changesNothing: Bool { false }

    // What has begun may have an effect, so its own end is the answer; what has not begun does not begin.
    final override func cancel(_ cancellation: Cancellation) {
        job?.giveUp()
        if changesNothing || job == nil { fail(OperationError(.cancelled, literal: "cancelled")) }
    }

    final fileprivate func answered(_ frame: Frame) {
        job = nil
        finish(frame)
    }
}

/// The operations on files that are one piece of work. One class for all: a subclass or a closure for each costs an image 200 to 300 bytes more.
final class FileRequest: AnsweredRequest {
    enum Kind: UInt8 { case status, edit, remove, makeDirectory, rename, copy, link, readLink, realPath, mode, times }

    private let kind: Kind

    @inline(never)
    init(_ request: Request, _ session: Session, _ kind: Kind) {
        self.kind = kind
        super.init(request, session: session)
    }

    override var changesNothing: Bool { kind == .status || kind == .readLink || kind == .realPath }
    override var dataLength: Int { kind == .edit ? FileEditRequest.dataLength : 0 }

    override func prepare(_ parameters: JSONValue) throws(OperationError) -> Answer {
        switch kind {
        case .status: try answerStatus(parameters)
        case .edit: try answerEdit(parameters)
        case .remove: try answerRemove(parameters)
        case .makeDirectory: try answerMakeDirectory(parameters)
        case .rename: try answerRename(parameters)
        case .copy: try answerCopy(parameters)
        case .link: try answerLink(parameters)
        case .readLink: try answerReadLink(parameters)
        case .realPath: try answerRealPath(parameters)
        case .mode: try answerChangeMode(parameters)
        case .times: try answerSetTimes(parameters)
        }
    }
}

private final class AnswerJob: Job {
    private let request: AnsweredRequest
    private let answer: Answer
    private let id: UInt64
    private var frame: Frame?

    init(request: AnsweredRequest, answer: @escaping Answer) {
        self.request = request
        self.answer = answer
        id = request.id
    }

    override func run() {
        do throws(OperationError) {
            guard !isGivenUp else { throw OperationError(.cancelled, literal: "cancelled before it began") }
            frame = try answer(gaveUp)
        } catch {
            frame = Message.failure(id: id, error).frame()
        }
    }

    override func finish() {
        if let frame { request.answered(frame) }
    }
}
