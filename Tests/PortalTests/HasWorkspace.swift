import Foundation
import Portal
import TestSupport

/// A suite with a host, a directory there, and an in-process proxy of its own for each workspace.
protocol HasWorkspace {
    var host: TestHost { get }
    var directory: String { get }
}

extension HasWorkspace {
    func connect() async throws -> Workspace {
        var options = ConnectionOptions()
        options.proxy = .inProcess
        options.sshConfig = host.configFile
        return try await Workspace.connect("host:\(directory)", options: options)
    }

    /// Writes a file below the directory, and makes the directories that it is in.
    func file(_ name: String, _ content: String) throws {
        let path = URL(fileURLWithPath: directory + "/" + name)
        try FileManager.default.createDirectory(at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(content.utf8).write(to: path)
    }
}
