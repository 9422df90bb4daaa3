/// Requests in the order in which they became ready.
final class ReadyQueue {
    private var requests: [OpenRequest] = []
    private var index = 0

    var isEmpty: Bool { index == requests.count }

    func append(_ request: OpenRequest) { requests.add(request) }

    func takeFirst() -> OpenRequest {
        let request = requests[index]
        index += 1
        // What was served is dropped in batches, so that taking one is cheap.
        if index == requests.count || index >= 256 {
            requests.removeFirst(index)
            index = 0
        }
        return request
    }
}
