import Foundation
import Portal
import PortalWire
import TestSupport
import Testing

/// Files through the SDK, over a real session.
@Suite struct WorkspaceFileTests: HasWorkspace {
    let host: TestHost
    let directory: String

    init() throws {
        host = try TestHost()
        directory = "/tmp/portal-files-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    }

    @Test func editsLinesCopiesAndLinks() async throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let box = try await connect()
        try await box.write(Array("one\ntwo\nthree\n".utf8), to: "notes")
        let edit = try await box.edit("notes", replacing: "two", with: "2")
        #expect(edit.replaced == 1 && edit.firstLine == 2)
        let (content, result) = try await box.readLines("notes", first: 2, count: 1)
        #expect(content == Array("2\n".utf8) && result.lines?.total == 3)
        let hash = String(decoding: try #require(result.lines?.fileSHA256), as: UTF8.self)
        #expect(hash == String(decoding: edit.sha256, as: UTF8.self))
        #expect(try await box.read("notes", ifNoneMatch: hash) == nil)
        #expect(try await box.read("notes", ifNoneMatch: "0")?.content.count == 12)
        // Data of more than one frame.
        let large = String(repeating: "x", count: 300_000)
        try await box.edit("notes", [FileEdit(old: Array("2".utf8), new: Array(large.utf8))], ifMatch: hash)
        #expect(try await box.status(of: "notes").size == 300_011)
        let missing = await #expect(throws: PortalError.self) { try await box.edit("notes", replacing: "two", with: "2") }
        #expect(missing?.code == .noMatch)

        try await box.makeDirectory("tree/sub", parents: true)
        try await box.symbolicLink("tree/link", to: "../notes")
        try await box.link("tree/sub/hard", to: "notes")
        #expect(try await box.copy("tree", to: "wood", recursive: true).files == 2)
        #expect(try await box.linkTarget(of: "wood/link").bytes == Array("../notes".utf8))
        #expect(try await box.realPath("wood/link").bytes == Array("\(directory)/notes".utf8))
        try await box.setMode(0o600, of: "wood/sub/hard")
        try await box.setTimes(of: "wood/sub/hard", modified: 5)
        let status = try await box.status(of: "wood/sub/hard")
        #expect(status.mode == 0o600 && status.modified == 5 && status.links == 1)
        box.close()
    }

    @Test func aCancelledTaskStopsTheCopyThere() async throws {
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let box = try await connect()
        let block = Data(repeating: 7, count: 1 << 24)
        for index in 0..<24 { try block.write(to: URL(fileURLWithPath: "\(directory)/tree-\(index)")) }
        try await box.makeDirectory("tree")
        for index in 0..<24 { try await box.rename(RemotePath("tree-\(index)"), to: RemotePath("tree/\(index)")) }
        let copying = Task { try await box.copy("tree", to: "wood", recursive: true) }
        let deadline = ContinuousClock.now + .seconds(20)
        while !FileManager.default.fileExists(atPath: directory + "/wood"), ContinuousClock.now < deadline { await Task.yield() }
        copying.cancel()
        let error = await #expect(throws: PortalError.self) { try await copying.value }
        #expect(error?.code == .cancelled)
        #expect(error?.applied == .unknown)
        box.close()
    }
}
