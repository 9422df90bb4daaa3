// Runs one command on several hosts at the same time and shows each line with its host, as it comes.
//
//     swift run run-on-hosts web1,web2,db -- uptime

import Portal

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

let arguments = CommandLine.arguments
guard let separator = arguments.firstIndex(of: "--"), separator == 2, arguments.count > 3 else {
    print("usage: run-on-hosts TARGET[,TARGET…] -- COMMAND [ARGUMENT…]")
    exit(64)
}
let targets = arguments[1].split(separator: ",").map { String($0) }
let command = RemoteCommand(arguments[3], Array(arguments[4...]))

let failures = await withTaskGroup(of: Bool.self) { group in
    for target in targets {
        group.addTask {
            do {
                let host = try await Workspace.connect(target)
                let process = try await host.start(command)
                var rest: [UInt8] = []
                for await piece in process.output {
                    rest += piece.bytes
                    while let end = rest.firstIndex(of: 0x0A) {
                        print("\(target): \(String(decoding: rest[..<end], as: UTF8.self))")
                        rest.removeSubrange(...end)
                    }
                }
                if !rest.isEmpty { print("\(target): \(String(decoding: rest, as: UTF8.self))") }
                return try await process.end().shellStatus == 0
            } catch {
                print("\(target): \(error)")
                return false
            }
        }
    }
    var failures = 0
    for await succeeded in group where !succeeded { failures += 1 }
    return failures
}
exit(failures == 0 ? 0 : 1)
