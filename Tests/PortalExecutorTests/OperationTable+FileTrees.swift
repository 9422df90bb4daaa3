extension OperationTable {
    static let fileTreeRows: [OperationRow] = [
        OperationRow(
            "fs.mkdir",
            success: .ends(.result, #"{"path":"new"}"#),
            missing: .ends(.error(.notFound), #"{"path":"missing/new"}"#),
            denied: .ends(.error(.permissionDenied), #"{"path":"closed/new"}"#),
            wrongKind: .ends(.error(.notADirectory), #"{"path":"file/new"}"#),
            fullDisk: .ends(.error(.noSpace), #"{"path":"new"}"#),
            cancelled: .ends(.cancelledOrResult, #"{"path":"new"}"#),
            linkCut: .ends(.lost(.outcomeUnknown), #"{"path":"new"}"#)),
        OperationRow(
            "fs.remove",
            success: .ends(.result, #"{"path":"tree","recursive":true}"#),
            missing: .ends(.error(.notFound), #"{"path":"missing"}"#),
            denied: .ends(.error(.permissionDenied), #"{"path":"closed/file"}"#),
            wrongKind: .ends(.error(.exists), #"{"path":"tree"}"#),
            fullDisk: .ends(.result, #"{"path":"file"}"#),
            cancelled: .ends(.error(.cancelled), #"{"path":"tree","recursive":true}"#),
            linkCut: .ends(.lost(.outcomeUnknown), #"{"path":"tree","recursive":true}"#)),
        OperationRow(
            "fs.rename",
            success: .ends(.result, #"{"from":"file","to":"new"}"#),
            missing: .ends(.error(.notFound), #"{"from":"missing","to":"new"}"#),
            denied: .ends(.error(.permissionDenied), #"{"from":"closed/file","to":"new"}"#),
            wrongKind: .ends(.error(.isADirectory), #"{"from":"file","to":"directory"}"#),
            fullDisk: .ends(.result, #"{"from":"file","to":"other"}"#),
            cancelled: .ends(.cancelledOrResult, #"{"from":"file","to":"new"}"#),
            linkCut: .ends(.lost(.outcomeUnknown), #"{"from":"file","to":"new"}"#)),
        OperationRow(
            "fs.copy",
            success: .ends(.result, #"{"from":"tree","to":"new","recursive":true}"#),
            missing: .ends(.error(.notFound), #"{"from":"missing","to":"new"}"#),
            denied: .ends(.error(.permissionDenied), #"{"from":"closed/file","to":"new"}"#),
            wrongKind: .ends(.error(.isADirectory), #"{"from":"directory","to":"new"}"#),
            fullDisk: .ends(.error(.noSpace), #"{"from":"file","to":"new"}"#),
            cancelled: .ends(.error(.cancelled), #"{"from":"tree","to":"new","recursive":true}"#),
            linkCut: .ends(.lost(.outcomeUnknown), #"{"from":"tree","to":"new","recursive":true}"#)),
        OperationRow(
            "fs.link",
            success: .ends(.result, #"{"target":"file","path":"new"}"#),
            missing: .ends(.error(.notFound), #"{"target":"missing","path":"new"}"#),
            denied: .ends(.error(.permissionDenied), #"{"target":"file","path":"closed/new"}"#),
            wrongKind: .ends(.error(.permissionDenied), #"{"target":"directory","path":"new"}"#),
            fullDisk: .ends(.error(.noSpace), #"{"target":"file","path":"new"}"#),
            cancelled: .ends(.cancelledOrResult, #"{"target":"file","path":"new"}"#),
            linkCut: .ends(.lost(.outcomeUnknown), #"{"target":"file","path":"new"}"#)),
    ]
}
