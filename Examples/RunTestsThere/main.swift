// Runs the lines of standard input as commands on a host, several at once, and shows of each whether it passed and how long it took.
// What a failed one printed follows it. ^C ends what runs there too.
//
//     ls tests/*.sh | swift run run-tests-there arm-box:/srv/app 8

import Portal

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

let arguments = CommandLine.arguments
guard 2...3 ~= arguments.count, let atOnce = Int(arguments.count == 3 ? arguments[2] : "4"), atOnce > 0 else {
    print("usage: run-tests-there TARGET[:DIRECTORY] [HOW-MANY-AT-ONCE] < COMMANDS")
    exit(64)
}

/// One test's end, as it is shown.
struct Report: Sendable {
    var passed: Bool
    var text: String
}

func run(_ test: String, on host: Workspace) async -> Report {
    do {
        var command = RemoteCommand(shell: test)
        command.mergesOutput = true
        command.timeoutSeconds = 600
        let result = try await host.run(command)
        let passed = result.end.code == 0
        let output = passed ? "" : "\n" + String(decoding: result.output, as: UTF8.self)
        let how = result.end.timedOut ? "timed out" : passed ? "passed" : "failed (\(result.end.shellStatus))"
        return Report(passed: passed, text: "\(how) in \(result.end.wallMilliseconds) ms: \(test)\(output)")
    } catch {
        return Report(passed: false, text: "not run: \(test): \(error)")
    }
}

do {
    let host = try await Workspace.connect(arguments[1])
    var tests: [String] = []
    while let line = readLine() { if !line.isEmpty { tests.append(line) } }
    let waiting = tests
    let failures = await withTaskGroup(of: Report.self) { group in
        var next = waiting.makeIterator()
        for _ in 0..<atOnce { if let test = next.next() { group.addTask { await run(test, on: host) } } }
        var failures = 0
        while let report = await group.next() {
            print(report.text)
            if !report.passed { failures += 1 }
            if let test = next.next() { group.addTask { await run(test, on: host) } }
        }
        return failures
    }
    print("\(waiting.count - failures) of \(waiting.count) passed")
    exit(failures == 0 ? 0 : 1)
} catch {
    print(error)
    exit(255)
}
