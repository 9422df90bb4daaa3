import PortalWire

/// What an operation does on a worker: it returns the last frame. The argument is its job's flag, raised when the requester gave up.
typealias Answer = (UnsafePointer<Int32>) throws(OperationError) -> Frame

/// A request that is one piece of work on a worker and has no data.
class AnsweredRequest: OpenRequest {
    private var job: AnswerJob?
    /// Whether the work is known to wait for no disk, set by `prepare`: then it is done where the request came in.
    final var isAtHand = false

    /// Reads the parameters. What it returns runs on a worker and uses only values that it captured.
    func prepare(_ parameters: JSONValue) throws(OperationError) -> Answer { throw OperationError(.unsupported, literal: "nothing to do") }

    final override func start(_ parameters: JSONValue, payload: [UInt8]) {
        do throws(OperationError) {
            let job = AnswerJob(request: self, answer: try prepare(parameters))
            self.job = job
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
        if changesNothing { fail(OperationError(.cancelled, literal: "cancelled")) }
    }

    fileprivate func answered(_ frame: Frame) {
        job = nil
        finish(frame)
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
