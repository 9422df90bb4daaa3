// `make demo`: a small session through the real path, each call timed beside the same through ssh.
//
//     portal-demo [--portal PROGRAM] [TARGET]
//
// Without a target it starts a throwaway sshd of its own on this machine and takes it away again.

import Foundation
import Portal
import PortalWire
import TestSupport

var words = Array(CommandLine.arguments.dropFirst())
var program = ".build/release/portal"
if words.first == "--portal", words.count > 1 {
    program = words[1]
    words.removeFirst(2)
}
program = URL(fileURLWithPath: program).path

do {
    if let target = words.first {
        try await Session(portal: program, target: target, sshConfig: nil).show()
    } else {
        say("starting a throwaway sshd on this machine as the \"remote\" …")
        let host = try TestHost()
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("portal-demo-\(getpid())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        setenv("PORTAL_RUNTIME_DIR", directory.path, 1)
        let config = directory.appendingPathComponent("ssh_config")
        try host.sshConfig(alias: "demo-box", port: host.port).write(to: config, atomically: true, encoding: .utf8)
        let session = Session(portal: program, target: "demo-box", sshConfig: config.path)
        let outcome: (any Error)?
        do {
            try await session.show()
            outcome = nil
        } catch { outcome = error }
        await session.end()
        host.stop()
        try? FileManager.default.removeItem(at: directory)
        if let outcome { throw outcome }
    }
    say("\nDone.")
} catch {
    say("portal-demo: \(error)")
    exit(1)
}
