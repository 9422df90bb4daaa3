import NIOCore
import PortalSSH
import PortalWire

/// Puts the questions of connecting to a person through a client that waits, one at a time. Confined to the proxy's event loop.
final class QuestionDesk {
    private struct Pending {
        var question: PortalWire.Question
        var client: UInt64?
        var promise: EventLoopPromise<String?>
    }

    private let eventLoop: any EventLoop
    private var nextNumber: UInt64 = 1
    private var pending: [Pending] = []

    init(eventLoop: any EventLoop) { self.eventLoop = eventLoop }

    /// Asks. The answer is nil where no client can be asked, or the person declines, or all who could be asked left.
    func ask(_ question: PortalSSH.Question, clients: [ProxyClient]) -> EventLoopFuture<String?> {
        let promise = eventLoop.makePromise(of: String?.self)
        let asked = PortalWire.Question(
            id: nextNumber, text: Array(QuestionDesk.text(of: question).utf8), isSecret: QuestionDesk.isSecret(question))
        nextNumber += 1
        pending.append(Pending(question: asked, client: nil, promise: promise))
        assign(clients)
        return promise.futureResult
    }

    /// A client's answer.
    func answer(_ id: UInt64, _ text: [UInt8]?, from client: ProxyClient) {
        guard let index = pending.firstIndex(where: { $0.question.id == id && $0.client == client.number }) else { return }
        pending.remove(at: index).promise.succeed(text.map { String(decoding: $0, as: UTF8.self) })
    }

    /// A client left: its questions go to another, or to nobody.
    func left(_ number: UInt64, clients: [ProxyClient]) {
        for index in pending.indices where pending[index].client == number { pending[index].client = nil }
        assign(clients)
    }

    /// Nobody needs the answers any more.
    func withdraw() {
        let withdrawn = pending
        pending = []
        for question in withdrawn { question.promise.succeed(nil) }
    }

    private func assign(_ clients: [ProxyClient]) {
        for index in pending.indices.reversed() where pending[index].client == nil {
            if let client = clients.first(where: { $0.isInteractive && !$0.openRequests.isEmpty }) {
                pending[index].client = client.number
                client.send(.question(pending[index].question))
                client.flush()
            } else {
                pending.remove(at: index).promise.succeed(nil)
            }
        }
    }

    private static func isSecret(_ question: PortalSSH.Question) -> Bool {
        switch question {
        case .unknownHostKey: false
        case .passphrase, .password: true
        case .keyboardInteractive(_, let echo): !echo
        }
    }

    private static func text(of question: PortalSSH.Question) -> String {
        switch question {
        case .unknownHostKey(let host, let keyType, let fingerprint):
            "The authenticity of host '\(host)' can't be established.\n\(keyType) key fingerprint is \(fingerprint).\n"
                + "Are you sure you want to continue connecting (yes/no/[fingerprint])? "
        case .passphrase(let path, let attempt):
            "\(attempt > 1 ? "That was not it. " : "")Enter passphrase for key '\(path)': "
        case .password(let user, let host, let attempt):
            "\(attempt > 1 ? "Permission denied, please try again.\n" : "")\(user)@\(host)'s password: "
        case .keyboardInteractive(let prompt, _): prompt
        }
    }
}
