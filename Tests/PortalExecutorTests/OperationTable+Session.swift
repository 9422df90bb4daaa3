/// A batch of requests in the stage, each given without its braces.
private func batch(_ expectation: Expectation, _ requests: String..., stop: Bool = false) -> OperationCase {
    let items = requests.map { "{\($0),\"cwd\":\"$STAGE\"}" }.joined(separator: ",")
    return .ends(expectation, "{\"requests\":[\(items)],\"stop_on_error\":\(stop)}")
}

private let sleep = #""op":"process.start","argv":["sleep","1000"],"login":false"#
private let toldByTheExecutor = "it names nothing, and what it tells the executor knows of itself"

extension OperationTable {
    static let sessionRows: [OperationRow] = [
        OperationRow(
            "batch",
            success: batch(.items([nil, nil]), #""op":"fs.write","path":"new","data":"new""#, #""op":"fs.read","path":"new""#),
            missing: batch(.items([.notFound, nil]), #""op":"fs.stat","path":"missing""#, #""op":"fs.stat","path":"file""#),
            denied: batch(
                .items([nil, .permissionDenied]), #""op":"fs.stat","path":"file""#, #""op":"fs.read","path":"closed/file""#,
                #""op":"fs.stat","path":"file""#, stop: true),
            wrongKind: batch(.items([.isADirectory, .unsupported]), #""op":"fs.read","path":"directory""#, #""op":"batch","requests":[]"#),
            fullDisk: batch(.items([.noSpace, nil]), #""op":"fs.write","path":"file","data":"new""#, #""op":"fs.read","path":"file""#),
            cancelled: batch(.error(.cancelled), sleep),
            linkCut: batch(.lost(.outcomeUnknown), #""op":"fs.stat","path":"file""#, sleep)),
        OperationRow(
            "session.info",
            success: .ends(.result),
            missing: .never(toldByTheExecutor),
            denied: .never(toldByTheExecutor),
            wrongKind: .never(toldByTheExecutor),
            fullDisk: .ends(.result),
            cancelled: .ends(.cancelledOrResult),
            linkCut: .ends(.lost(.disconnected))),
        OperationRow(
            "session.stats",
            success: .ends(.result),
            missing: .never(toldByTheExecutor),
            denied: .never(toldByTheExecutor),
            wrongKind: .never(toldByTheExecutor),
            fullDisk: .ends(.result),
            cancelled: .ends(.cancelledOrResult),
            linkCut: .ends(.lost(.disconnected))),
        OperationRow(
            "session.end",
            success: .ends(.result).with(#"{"argv":["sleep","1000"],"background":true}"#),
            missing: .never("it names nothing"),
            denied: .never("nobody is asked: the session is the requester's own"),
            wrongKind: .never("it names nothing"),
            fullDisk: .ends(.result),
            cancelled: .ends(.cancelledOrResult),
            linkCut: .ends(.lost(.outcomeUnknown)).with(#"{"argv":["sleep","1000"],"background":true}"#)),
    ]
}
