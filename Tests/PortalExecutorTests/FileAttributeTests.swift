import Foundation
import PortalWire
import Testing

// Foundation's C library leaves these out.
@_silgen_name("setxattr") private func setxattr(
    _ path: UnsafePointer<CChar>, _ name: UnsafePointer<CChar>, _ value: UnsafeRawPointer, _ size: Int, _ flags: Int32
) -> Int32
@_silgen_name("getxattr") private func getxattr(
    _ path: UnsafePointer<CChar>, _ name: UnsafePointer<CChar>, _ value: UnsafeMutableRawPointer, _ size: Int
) -> Int

/// What a file keeps when its content is replaced, links, modes and times.
@Suite struct FileAttributeTests {
    let scratch: Scratch
    let client: ExecutorClient

    init() throws {
        scratch = try Scratch()
        client = try ExecutorClient()
    }

    private func status(_ path: String) -> stat {
        var status = stat()
        lstat(path, &status)
        return status
    }

    private func attribute(_ path: String, _ name: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: 256)
        let count = getxattr(path, name, &buffer, buffer.count)
        return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
    }

    private func write(_ path: String, _ hardLinks: String? = nil) throws -> ExecutorClient.Outcome {
        try client.call("fs.write", payload: Array("new".utf8)) {
            $0.set("path", path)
            if let hardLinks { $0.set("hard_links", hardLinks) }
        }
    }

    @Test func modeAndAttributesStay() throws {
        let file = try scratch.file("a", "old")
        chmod(file, 0o640)
        #expect(setxattr(file, "user.note", "kept", 4, 0) == 0, "the file system has no extended attributes")
        let result = try #require((try write(file)).result.map { FileWriteResult($0) } ?? nil)
        #expect(result.lost.isEmpty)
        #expect(status(file).st_mode & 0o7777 == 0o640)
        #expect(attribute(file, "user.note") == "kept")
        #expect(scratch.content("a") == "new")
    }

    @Test(.enabled(if: geteuid() == 0, "only root gives files away"))
    func ownerStaysAndWhatIsLostIsNamed() throws {
        let file = try scratch.file("a", "old")
        chown(file, 12345, 23456)
        chmod(file, 0o4755)
        #expect(try write(file).result?["lost"] == nil)
        #expect(status(file).st_uid == 12345 && status(file).st_gid == 23456)
        #expect(status(file).st_mode & 0o7777 == 0o4755)
        // The stranger may write to the directory, and so replace the file, but not give the new one away.
        chmod(scratch.path, 0o777)
        #expect(try client.close() == 0)
        let stranger = try ExecutorClient(isStranger: true)
        let outcome = try stranger.call("fs.write", payload: Array("theirs".utf8)) { $0.set("path", file) }
        let result = try #require(outcome.result.map { FileWriteResult($0) } ?? nil)
        #expect(result.lost.map { String(decoding: $0, as: UTF8.self) } == ["owner", "set-user-id", "group"])
        #expect(status(file).st_uid == 65534)
        #expect(status(file).st_mode & 0o7777 == 0o755)
    }

    /// An access list is an extended attribute; this one gives the user 1 the right to read.
    @Test func accessListStaysAndNoneIsInherited() throws {
        func list(_ entries: [(tag: UInt16, permissions: UInt16, id: UInt32)]) -> [UInt8] {
            func little<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] { withUnsafeBytes(of: value.littleEndian) { Array($0) } }
            return entries.reduce(into: little(UInt32(2))) { $0 += little($1.tag) + little($1.permissions) + little($1.id) }
        }
        let access = list([(1, 6, .max), (2, 4, 1), (4, 4, .max), (0x10, 4, .max), (0x20, 0, .max)])
        let file = try scratch.file("a", "old")
        let plain = try scratch.file("b", "old")
        chmod(plain, 0o600)
        #expect(setxattr(file, "system.posix_acl_access", access, access.count, 0) == 0, "the file system has no access lists")
        // New files here begin with one, which a file that had none must not get.
        #expect(setxattr(scratch.path, "system.posix_acl_default", access, access.count, 0) == 0)
        #expect(try write(file).result?["lost"] == nil)
        #expect(try write(plain).result?["lost"] == nil)
        var found = [UInt8](repeating: 0, count: 256)
        #expect(getxattr(file, "system.posix_acl_access", &found, found.count) == access.count)
        #expect(Array(found[..<access.count]) == access)
        #expect(getxattr(plain, "system.posix_acl_access", &found, found.count) == -1)
        #expect(status(plain).st_mode & 0o777 == 0o600)
    }

    @Test func hardLinksAreARefusalOrAChoice() throws {
        let file = try scratch.file("a", "a longer old content")
        link(file, scratch.path + "/b")
        let refused = try write(file)
        #expect(refused.error?.code == .conflict)
        #expect(refused.error?.details.first?.value.integer == 2)
        let edit = try client.call("fs.edit", payload: FileEdit.data([FileEdit(old: Array("old".utf8), new: Array("new".utf8))])) {
            $0.set("path", file)
        }
        #expect(edit.error?.code == .conflict)
        #expect(scratch.content("b") == "a longer old content")
        let inode = status(file).st_ino
        #expect(try write(file, "keep").result != nil)
        #expect(scratch.content("a") == "new" && scratch.content("b") == "new")
        #expect(status(file).st_ino == inode)
        #expect(try write(file, "replace").result != nil)
        #expect(status(file).st_ino != inode)
        #expect(status(scratch.path + "/b").st_nlink == 1)
        #expect(scratch.names == ["a", "b"])
    }

    @Test func aConditionOnAFileThatIsNotThereIsAConflict() throws {
        let outcome = try client.call("fs.write", payload: [1]) {
            $0.set("path", scratch.path + "/missing")
            $0.set("if_match", String(repeating: "0", count: 64))
        }
        #expect(outcome.error?.code == .conflict)
        #expect(scratch.names.isEmpty)
    }

    @Test func oneOfTwoWithTheSameConditionWins() throws {
        let file = try scratch.file("a", "")
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        let requests = try (0..<32).map { index in
            try client.send("fs.write", payload: Array("\(index)".utf8)) {
                $0.set("path", file)
                $0.set("if_match", empty)
            }
        }
        let outcomes = try requests.map { try client.wait($0) }
        #expect(outcomes.filter { $0.result != nil }.count == 1)
        #expect(outcomes.filter { $0.error?.code == .conflict }.count == 31)
        let winner = outcomes.firstIndex { $0.result != nil }
        #expect(scratch.content("a") == winner.map { "\($0)" })
    }

    @Test func linksPathsModesAndTimes() throws {
        let file = try scratch.file("a", "x")
        func call(_ operation: Literal, _ parameters: String) throws -> ExecutorClient.Outcome {
            guard case .object(let members) = try JSONParser.parse(Array(parameters.utf8)) else {
                throw ExecutorClient.Failure(description: "no object")
            }
            return try client.call(operation) {
                $0.set("cwd", scratch.path)
                $0.members(of: members)
            }
        }
        #expect(try call("fs.link", #"{"target":"a","path":"hard"}"#).error == nil)
        #expect(status(scratch.path + "/hard").st_ino == status(file).st_ino)
        #expect(try call("fs.link", #"{"target":"a","path":"soft","symbolic":true}"#).error == nil)
        #expect(try call("fs.link", #"{"target":"a","path":"soft","symbolic":true}"#).error?.code == .exists)
        #expect(try call("fs.readlink", #"{"path":"soft"}"#).result?["target"]?.string == Array("a".utf8))
        let resolved = URL(fileURLWithPath: scratch.path).resolvingSymlinksInPath().path
        #expect(try call("fs.realpath", #"{"path":"./soft"}"#).result?["path"]?.string == Array((resolved + "/a").utf8))
        #expect(try call("fs.chmod", #"{"path":"soft","mode":448}"#).error == nil)
        #expect(status(file).st_mode & 0o7777 == 0o700)
        #expect(try call("fs.chmod", #"{"path":"soft","mode":448,"follow":false}"#).error?.code == .unsupported)
        #expect(try call("fs.chmod", #"{"path":"a","mode":384,"follow":false}"#).error == nil)
        #expect(status(file).st_mode & 0o7777 == 0o600)
        let accessed = status(file).st_atim
        #expect(try call("fs.utimes", #"{"path":"a","mtime_ns":-1500000000}"#).error == nil)
        #expect(status(file).st_mtim.tv_sec == -2 && status(file).st_mtim.tv_nsec == 500_000_000)
        #expect(status(file).st_atim.tv_sec == accessed.tv_sec && status(file).st_atim.tv_nsec == accessed.tv_nsec)
        #expect(try call("fs.utimes", #"{"path":"soft","mtime_ns":7,"atime_ns":9,"follow":false}"#).error == nil)
        #expect(status(scratch.path + "/soft").st_mtim.tv_nsec == 7)
        #expect(status(file).st_mtim.tv_sec == -2)
    }
}
