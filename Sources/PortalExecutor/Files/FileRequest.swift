import PortalWire

/// The operations on files that are one piece of work on a worker, begun when all of the request's data is there.
///
/// One class and one job for all: a subclass for each costs an image 200 to 300 bytes more, and so does a closure with the parameters that it
/// captured. So a worker reads the parameters too.
final class FileRequest: OpenRequest {
    enum Kind: UInt8 { case status, edit, remove, makeDirectory, rename, copy, link, readLink, realPath, mode, times }

    fileprivate let kind: Kind
    private var job: FileJob?
    private var parameters = JSONValue.null
    private var data: [UInt8] = []

    @inline(never)
    init(_ id: UInt64, hasMore: Bool, session: Session, _ kind: Kind) {
        self.kind = kind
        super.init(id, hasMore: hasMore, session: session)
    }

    override func start(_ parameters: JSONValue, payload: [UInt8]) {
        self.parameters = parameters
        take(payload)
    }

    override func receive(_ bytes: [UInt8]) {
        consumed(bytes.count)
        if job == nil { take(bytes) }
    }

    private func take(_ bytes: [UInt8]) {
        // Only edits have data; that of others is ignored.
        if kind == .edit {
            guard data.count + bytes.count <= FileEditRequest.dataLength else {
                return fail(OperationError(.tooLarge, literal: "the request's data has more bytes than the operation takes"))
            }
            data.add(bytes)
            guard inputHasEnded else { return }
        }
        let job = FileJob(request: self, parameters: parameters, data: data)
        self.job = job
        data = []
        session.workers.submit(job, isAtHand: kind == .status && job.statusIsAtHand)
    }

    // What has begun may have an effect, so its own end is the answer; what has not begun does not begin. What changes nothing is answered at
    // once, even where its disk never answers.
    override func cancel(_ cancellation: Cancellation) {
        job?.giveUp()
        if job == nil || kind == .status || kind == .readLink || kind == .realPath {
            failCancelled()
        }
    }

    fileprivate func answered(_ frame: Frame) {
        job = nil
        finish(frame)
    }
}

/// The work of a request on files. Each operation is a function in an extension, which reads its parameters and returns the last frame.
final class FileJob: Job {
    private let request: FileRequest
    let id: UInt64
    let parameters: JSONValue
    /// The requester's data.
    let data: [UInt8]
    private var frame: Frame?

    init(request: FileRequest, parameters: JSONValue, data: [UInt8]) {
        self.request = request
        self.parameters = parameters
        self.data = data
        id = request.id
    }

    /// A path of the request on this host.
    func hostPath(_ path: [UInt8], _ directory: [UInt8]?) -> HostPath { request.hostPath(path, directory) }

    /// The last frame of what has nothing to tell.
    @inline(never)
    func done() -> Frame { emptyResultFrame(id: id) }

    private func answer() throws(OperationError) -> Frame {
        // Once for all of them: it is retained while it is read.
        let parameters = parameters
        return switch request.kind {
        case .status: try status(parameters)
        case .edit: try edit(parameters)
        case .remove: try remove(parameters)
        case .makeDirectory: try makeOneDirectory(parameters)
        case .rename: try rename(parameters)
        case .copy: try copy(parameters)
        case .link: try link(parameters)
        case .readLink: try readLink(parameters)
        case .realPath: try realPath(parameters)
        case .mode: try changeMode(parameters)
        case .times: try setTimes(parameters)
        }
    }

    override func run() {
        do throws(OperationError) {
            guard !isGivenUp else { throw OperationError(.cancelled, literal: "cancelled before it began") }
            frame = try answer()
        } catch {
            frame = failureFrame(id: id, error)
        }
    }

    override func finish() {
        if let frame { request.answered(frame) }
    }
}
