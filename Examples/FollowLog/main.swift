// Starts a command in the background under a name, unless it runs already, and follows what it prints. When this program ends the command
// goes on; started again, it begins where it is told to, so that no line is missed and none is shown twice.
//
//     swift run follow-log web:/srv/app server 0 -- ./server --port 8080

import Portal
import PortalWire

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
let name = Array(arguments[2].utf8)

do {
    let host = try await Workspace.connect(arguments[1])
    if try await !host.processListings().contains(where: { $0.process == name && $0.running }) {
        var request = ProcessStartRequest(command: .arguments(arguments[5...].map { Array($0.utf8) }))
        request.process = name
        _ = try await host.startInBackground(request)
    }
    var next = first
    while true {
        let reader = try await host.output(ProcessOutputRequest(process: name, from: next, follow: true))
        while let piece = await reader.next() { print(String(decoding: piece.bytes, as: UTF8.self), terminator: "") }
        let result = try await reader.end()
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
