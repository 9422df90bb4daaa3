// Starts a command in the background under a name, unless it runs already, and follows what it prints. When this program ends the command
// goes on; started again, it begins where it is told to, so that no line is missed and none is shown twice.
//
//     swift run follow-log web:/srv/app server 0 -- ./server --port 8080

import Portal

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

let arguments = CommandLine.arguments
guard arguments.count > 5, arguments[4] == "--", let first = UInt64(arguments[3]) else {
    print("usage: follow-log TARGET NAME FROM-BYTE -- COMMAND [ARGUMENT…]")
    exit(64)
}

do {
    let host = try await Workspace.connect(arguments[1])
    let listings = try await host.processes()
    if !listings.contains(where: { $0.process == Array(arguments[2].utf8) && $0.running }) {
        var command = RemoteCommand(arguments[5], Array(arguments[6...]))
        command.name = arguments[2]
        _ = try await host.startInBackground(command)
    }
    let process = host.process(named: arguments[2])
    var next = first
    while true {
        let output = try await process.output(from: next, follow: true)
        for await piece in output { print(String(decoding: piece.bytes, as: UTF8.self), terminator: "") }
        let result = try await output.result()
        if result.lost > 0 { print("(\(result.lost) bytes are not kept any more)") }
        next = result.next
        // Without an end it was too slow for what is kept, and goes on from there.
        if let end = result.end {
            print("ended with \(end.shellStatus) at byte \(next)")
            exit(end.shellStatus)
        }
    }
} catch {
    print(error)
    exit(255)
}
