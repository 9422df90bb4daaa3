extension OperationTable {
    static let fileRows: [OperationRow] = [
        OperationRow(
            "fs.stat",
            success: .ends(.result, #"{"path":"file"}"#),
            missing: .ends(.error(.notFound), #"{"path":"missing"}"#),
            denied: .ends(.error(.permissionDenied), #"{"path":"closed/file"}"#),
            wrongKind: .ends(.error(.notADirectory), #"{"path":"file/below"}"#),
            fullDisk: .ends(.result, #"{"path":"file"}"#),
            cancelled: .ends(.error(.cancelled), #"{"path":"file"}"#),
            linkCut: .ends(.lost(.disconnected), #"{"path":"file"}"#)),
        OperationRow(
            "fs.read",
            success: .ends(.result, #"{"path":"file","hash":true}"#),
            missing: .ends(.error(.notFound), #"{"path":"missing"}"#),
            denied: .ends(.error(.permissionDenied), #"{"path":"closed/file"}"#),
            wrongKind: .ends(.error(.isADirectory), #"{"path":"directory"}"#),
            fullDisk: .ends(.result, #"{"path":"file"}"#),
            cancelled: .ends(.error(.cancelled), #"{"path":"file"}"#),
            linkCut: .ends(.lost(.disconnected), #"{"path":"file"}"#)),
        OperationRow(
            "fs.write",
            success: .ends(.result, #"{"path":"file"}"#, payload: "new"),
            missing: .ends(.error(.notFound), #"{"path":"missing/file"}"#, payload: "new"),
            denied: .ends(.error(.permissionDenied), #"{"path":"closed/file"}"#, payload: "new"),
            wrongKind: .ends(.error(.isADirectory), #"{"path":"directory"}"#, payload: "new"),
            fullDisk: .ends(.error(.noSpace), #"{"path":"file"}"#, payload: "new"),
            cancelled: .ends(.error(.cancelled), #"{"path":"file"}"#, payload: "half", more: true),
            linkCut: .ends(.lost(.outcomeUnknown), #"{"path":"file"}"#, payload: "half", more: true)),
    ]
}
