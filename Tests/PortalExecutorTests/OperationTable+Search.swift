extension OperationTable {
    static let searchRows: [OperationRow] = [
        OperationRow(
            "fs.list",
            success: .ends(.result, #"{"path":"tree","depth":0}"#),
            missing: .ends(.error(.notFound), #"{"path":"missing"}"#),
            denied: .ends(.error(.permissionDenied), #"{"path":"closed"}"#),
            wrongKind: .ends(.error(.notADirectory), #"{"path":"file"}"#),
            fullDisk: .ends(.result, #"{"path":"."}"#),
            cancelled: .ends(.error(.cancelled), #"{"path":"tree","depth":0}"#),
            linkCut: .ends(.lost(.disconnected), #"{"path":"tree","depth":0}"#)),
        OperationRow(
            "search.grep",
            success: .ends(.result, #"{"pattern":"t.o","path":"file"}"#),
            missing: .ends(.error(.notFound), #"{"pattern":"two","path":"missing"}"#),
            denied: .ends(.error(.permissionDenied), #"{"pattern":"two","path":"closed/file"}"#),
            wrongKind: .ends(.error(.invalid), #"{"pattern":"two","path":"fifo"}"#),
            fullDisk: .ends(.result, #"{"pattern":"two","sort":"modified"}"#),
            cancelled: .ends(.error(.cancelled), #"{"pattern":"two","path":"tree"}"#),
            linkCut: .ends(.lost(.disconnected), #"{"pattern":"two","path":"tree"}"#)),
        OperationRow(
            "search.glob",
            success: .ends(.result, #"{"pattern":"**/b"}"#),
            missing: .ends(.error(.notFound), #"{"pattern":"*","path":"missing"}"#),
            denied: .ends(.error(.permissionDenied), #"{"pattern":"*","path":"closed"}"#),
            wrongKind: .ends(.error(.notADirectory), #"{"pattern":"*","path":"file/below"}"#),
            fullDisk: .ends(.result, #"{"pattern":"*","sort":"modified"}"#),
            cancelled: .ends(.error(.cancelled), #"{"pattern":"*","path":"tree"}"#),
            linkCut: .ends(.lost(.disconnected), #"{"pattern":"*","path":"tree"}"#)),
        OperationRow(
            "watch.start",
            success: .ends(.begins(#"{"ready":true,"directories":2}"#), #"{"path":"tree"}"#),
            missing: .ends(.error(.notFound), #"{"path":"missing"}"#),
            denied: .ends(.error(.permissionDenied), #"{"path":"closed"}"#),
            wrongKind: .ends(.error(.notADirectory), #"{"path":"file"}"#),
            fullDisk: .ends(.begins(#"{"ready":true,"directories":2}"#), #"{"path":"tree"}"#),
            cancelled: .ends(.error(.cancelled), #"{"path":"tree"}"#),
            linkCut: .ends(.lost(.disconnected), #"{"path":"tree"}"#)),
    ]
}
