/// Ends when its input does.
private let reader = #"{"argv":["cat"],"stdin":"requests","background":true}"#
/// Lives until it is killed.
private let sleeper = #"{"argv":["sleep","1000"],"background":true}"#
/// As `sleeper`, but what it reads and prints is its starter's.
private let foreground = #"{"argv":["sleep","1000"]}"#
/// With a terminal.
private let terminal = #"{"argv":["sleep","1000"],"background":true,"pty":{"rows":10,"columns":20}}"#
/// More than is kept in memory.
private let printer = #"{"argv":["seq","100000"],"background":true}"#
/// Prints at most a line, and ends.
private let quick = #"{"argv":["echo","over"],"background":true}"#

extension OperationTable {
    static let processRows: [OperationRow] = [
        OperationRow(
            "process.start",
            success: .ends(.result, #"{"argv":["cat","file"],"login":false}"#),
            missing: .ends(.error(.notFound), #"{"argv":["./missing"],"login":false}"#),
            denied: .ends(.error(.permissionDenied), #"{"argv":["./closed/file"],"login":false}"#),
            wrongKind: .ends(.error(.notADirectory), #"{"argv":["cat"],"cwd":"$STAGE/file","login":false}"#),
            fullDisk: .ends(.result, #"{"argv":["seq","100000"],"login":false}"#),
            cancelled: .ends(.error(.cancelled), #"{"argv":["sleep","1000"],"login":false}"#),
            linkCut: .ends(.lost(.outcomeUnknown), #"{"argv":["sleep","1000"],"login":false}"#)),
        OperationRow(
            "process.write",
            success: .ends(.result, #"{"process":"server","eof":true}"#, payload: "new").with(reader),
            missing: .ends(.error(.notFound), #"{"process":"missing"}"#, payload: "new"),
            denied: .never("the pipe is the executor's own, whoever the process became"),
            wrongKind: .ends(.error(.invalid), #"{"process":"server"}"#, payload: "new").with(sleeper),
            fullDisk: .ends(.result, #"{"process":"server"}"#, payload: "new").with(reader),
            cancelled: .ends(.error(.cancelled), #"{"process":"server"}"#, payload: "half", more: true).with(reader),
            linkCut: .ends(.lost(.outcomeUnknown), #"{"process":"server"}"#, payload: "half", more: true).with(reader)),
        OperationRow(
            "process.signal",
            success: .ends(.result, #"{"process":"server","signal":15,"tree":true}"#).with(sleeper),
            missing: .ends(.error(.notFound), #"{"process":"missing","signal":15}"#),
            denied: .ends(.error(.permissionDenied), #"{"process":"server","signal":15}"#).with(
                #"{"argv":["./become-root","--reuid","0","cat"],"stdin":"requests","background":true}"#),
            wrongKind: .never("every process can be sent every signal"),
            fullDisk: .ends(.result, #"{"process":"server","signal":15}"#).with(sleeper),
            cancelled: .ends(.cancelledOrResult, #"{"process":"server","signal":15,"tree":true}"#).with(sleeper),
            linkCut: .ends(.lost(.outcomeUnknown), #"{"process":"server","signal":1}"#).with(sleeper)),
        OperationRow(
            "process.wait",
            success: .ends(.result, #"{"process":"server"}"#).with(quick),
            missing: .ends(.error(.notFound), #"{"process":"missing"}"#),
            denied: .never("the executor is the parent of what it starts, and the host tells that of every end"),
            wrongKind: .never("every process has an end"),
            fullDisk: .ends(.result, #"{"process":"server"}"#).with(printer),
            cancelled: .ends(.error(.cancelled), #"{"process":"server"}"#).with(sleeper),
            linkCut: .ends(.lost(.disconnected), #"{"process":"server"}"#).with(sleeper)),
        OperationRow(
            "process.output",
            success: .ends(.result, #"{"process":"server","follow":true}"#).with(printer),
            missing: .ends(.error(.notFound), #"{"process":"missing"}"#),
            denied: .never("the file is the executor's own, without a name, and its other end of the pipe too"),
            wrongKind: .ends(.error(.invalid), #"{"process":"server"}"#).with(foreground),
            fullDisk: .ends(.result, #"{"process":"server","follow":true}"#).with(printer),
            cancelled: .ends(.error(.cancelled), #"{"process":"server","follow":true}"#).with(sleeper),
            linkCut: .ends(.lost(.disconnected), #"{"process":"server","follow":true}"#).with(sleeper)),
        OperationRow(
            "process.resize",
            success: .ends(.result, #"{"process":"server","rows":30,"columns":40}"#).with(terminal),
            missing: .ends(.error(.notFound), #"{"process":"missing","rows":30,"columns":40}"#),
            denied: .never("the terminal is the executor's own, whoever the process became"),
            wrongKind: .ends(.error(.invalid), #"{"process":"server","rows":30,"columns":40}"#).with(sleeper),
            fullDisk: .ends(.result, #"{"process":"server","rows":30,"columns":40}"#).with(terminal),
            cancelled: .ends(.cancelledOrResult, #"{"process":"server","rows":30,"columns":40}"#).with(terminal),
            linkCut: .ends(.lost(.outcomeUnknown), #"{"process":"server","rows":30,"columns":40}"#).with(terminal)),
        OperationRow(
            "process.list",
            success: .ends(.result).with(sleeper),
            missing: .never("it names nothing, and a session without processes has an empty list"),
            denied: .never("what it tells the executor has remembered"),
            wrongKind: .never("it names nothing"),
            fullDisk: .ends(.result).with(sleeper),
            cancelled: .ends(.cancelledOrResult).with(sleeper),
            linkCut: .ends(.lost(.disconnected)).with(sleeper)),
    ]
}
