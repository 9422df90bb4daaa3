import Foundation
import TestSupport

extension Bench {
    /// The same rows alone, over one network.
    func measureAgentTools(_ report: inout Report, network: String, line: NetworkRelay.Line?, scale: Double) async throws {
        var relay: NetworkRelay?
        if let line { relay = try await NetworkRelay(to: host.port, line: line) }
        let alias = "tools-\(network.filter { $0.isLetter || $0.isNumber })"
        let config = runtime.appendingPathComponent("\(alias).conf")
        try host.sshConfig(alias: alias, port: relay?.port ?? host.port).write(to: config, atomically: true, encoding: .utf8)
        try await measureAgentTools(&report, network, Tools(bench: self, alias: alias, config: config.path), scale)
        _ = try? Program.run([portal, "stop", "-F", config.path, alias])
        await relay?.stop()
    }

    /// What an agent's tools cost through `portal mcp`, from the client's line to the line that answers it.
    func measureAgentTools(_ report: inout Report, _ network: String, _ tools: Tools, _ scale: Double) async throws {
        let content = (0..<64).map { "line \($0): " + String(repeating: "x", count: 63 - "line \($0): ".count) + "\n" }.joined()
        try Data(content.utf8).write(to: files.appendingPathComponent("lines"))
        let client = LineClient()
        let server = Process()
        server.executableURL = URL(fileURLWithPath: portal)
        server.arguments = ["mcp", "-F", tools.config, "\(tools.alias):\(files.path)"]
        server.standardInput = client.input
        server.standardOutput = client.output
        try server.run()
        defer {
            client.close()
            server.waitUntilExit()
        }
        func call(_ tool: String, _ arguments: String) async throws {
            try client.send(#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"\#(tool)","arguments":\#(arguments)}}"#)
            guard let line = await client.next(), line.contains(#""isError":false"#) else {
                throw Program.Failure(description: "\(tool) through portal mcp failed")
            }
        }
        let many = max(5, Int(1000 * scale))
        try await report.time("Read 4 KB", "portal mcp", network, count: many, warmUp: 20) {
            try await call("Read", #"{"file_path":"lines"}"#)
        }
        try await report.time("two Edits", "portal mcp", network, count: max(5, many / 5), warmUp: 2) {
            try await call("Edit", #"{"file_path":"lines","old_string":"line 7:","new_string":"line  7:"}"#)
            try await call("Edit", #"{"file_path":"lines","old_string":"line  7:","new_string":"line 7:"}"#)
        }
        try await report.time("Bash true", "portal mcp", network, count: max(5, many / 5), warmUp: 5) {
            try await call("Bash", #"{"command":"true"}"#)
        }
    }
}
