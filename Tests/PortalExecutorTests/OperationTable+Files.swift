/// The data of `fs.edit` that turns `one` into `two`.
private let edit = #"{"edits":[{"old":"one","new":"two"}]}"#

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
            success: .ends(.result, #"{"path":"file","first_line":2,"hash":true}"#),
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
        OperationRow(
            "fs.edit",
            success: .ends(.result, #"{"path":"file"}"#, payload: edit),
            missing: .ends(.error(.notFound), #"{"path":"missing"}"#, payload: edit),
            denied: .ends(.error(.permissionDenied), #"{"path":"closed/file"}"#, payload: edit),
            wrongKind: .ends(.error(.isADirectory), #"{"path":"directory"}"#, payload: edit),
            fullDisk: .ends(.error(.noSpace), #"{"path":"file"}"#, payload: edit),
            cancelled: .ends(.error(.cancelled), #"{"path":"file"}"#, payload: edit, more: true),
            linkCut: .ends(.lost(.outcomeUnknown), #"{"path":"file"}"#, payload: edit)),
        OperationRow(
            "fs.readlink",
            success: .ends(.result, #"{"path":"link"}"#),
            missing: .ends(.error(.notFound), #"{"path":"missing"}"#),
            denied: .ends(.error(.permissionDenied), #"{"path":"closed/link"}"#),
            wrongKind: .ends(.error(.invalid), #"{"path":"file"}"#),
            fullDisk: .ends(.result, #"{"path":"link"}"#),
            cancelled: .ends(.error(.cancelled), #"{"path":"link"}"#),
            linkCut: .ends(.lost(.disconnected), #"{"path":"link"}"#)),
        OperationRow(
            "fs.realpath",
            success: .ends(.result, #"{"path":"link"}"#),
            missing: .ends(.error(.notFound), #"{"path":"missing"}"#),
            denied: .ends(.error(.permissionDenied), #"{"path":"closed/file"}"#),
            wrongKind: .ends(.error(.notADirectory), #"{"path":"file/below"}"#),
            fullDisk: .ends(.result, #"{"path":"link"}"#),
            cancelled: .ends(.error(.cancelled), #"{"path":"link"}"#),
            linkCut: .ends(.lost(.disconnected), #"{"path":"link"}"#)),
        OperationRow(
            "fs.chmod",
            success: .ends(.result, #"{"path":"file","mode":384}"#),
            missing: .ends(.error(.notFound), #"{"path":"missing","mode":384}"#),
            denied: .ends(.error(.permissionDenied), #"{"path":"closed/file","mode":384}"#),
            wrongKind: .ends(.error(.unsupported), #"{"path":"link","mode":384,"follow":false}"#),
            fullDisk: .ends(.result, #"{"path":"file","mode":384}"#),
            cancelled: .ends(.cancelledOrResult, #"{"path":"file","mode":384}"#),
            linkCut: .ends(.lost(.outcomeUnknown), #"{"path":"file","mode":384}"#)),
        OperationRow(
            "fs.utimes",
            success: .ends(.result, #"{"path":"file","mtime_ns":-1}"#),
            missing: .ends(.error(.notFound), #"{"path":"missing","mtime_ns":1}"#),
            denied: .ends(.error(.permissionDenied), #"{"path":"closed/file","mtime_ns":1}"#),
            wrongKind: .ends(.error(.notADirectory), #"{"path":"file/below","mtime_ns":1}"#),
            fullDisk: .ends(.result, #"{"path":"file","mtime_ns":1}"#),
            cancelled: .ends(.cancelledOrResult, #"{"path":"file","mtime_ns":1}"#),
            linkCut: .ends(.lost(.outcomeUnknown), #"{"path":"file","mtime_ns":1}"#)),
    ]
}
