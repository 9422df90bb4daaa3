import Foundation
import PortalWire
import Testing

/// A directory prepared for one cell of the table:
///
///     file "one\ntwo\n"   other "other\n"   fifo   link -> file
///     directory/          empty/            tree/a/b, tree/c and many more
///     become-root   a set-user-id program, where a stranger acts
///     closed/file         in a directory that nobody but its owner may enter, and that its owner may not where the tests are not root's
final class OperationStage {
    let circumstance: Circumstance
    private let scratch: Scratch
    private var isMounted = false
    /// A process that the executor cannot end, since it became root's.
    private var unreachable: Int32?
    private var path: String { scratch.path }

    /// - Parameter hasManyFiles: Whether `tree` has so many that no walk over them is over before a cancellation that comes with its request.
    init(_ circumstance: Circumstance, hasManyFiles: Bool = false) throws {
        self.circumstance = circumstance
        scratch = try Scratch()
        chmod(scratch.path, 0o777)
        if circumstance == .fullDisk {
            try #require(try run(["mount", "-t", "tmpfs", "-o", "size=256k,nr_inodes=64,mode=777", "portal-test", path]) == 0)
            isMounted = true
        }
        try prepare(hasManyFiles)
        if circumstance == .fullDisk { fill() }
    }

    deinit {
        chmod(path + "/closed", 0o700)
        if isMounted { _ = try? run(["umount", path]) }
    }

    private func prepare(_ hasManyFiles: Bool) throws {
        _ = try scratch.file("file", "one\ntwo\n")
        _ = try scratch.file("other", "other\n")
        symlink("file", path + "/link")
        mkfifo(path + "/fifo", 0o666)
        for name in ["directory", "empty", "tree", "tree/a", "closed"] {
            try FileManager.default.createDirectory(atPath: path + "/" + name, withIntermediateDirectories: true)
        }
        _ = try scratch.file("directory/inside", "inside\n")
        _ = try scratch.file("tree/a/b", "b\n")
        _ = try scratch.file("tree/c", "c\n")
        if hasManyFiles { for index in 0..<3000 { mknod(path + "/tree/a/\(index)", S_IFREG | 0o666, 0) } }
        _ = try scratch.file("closed/file", "closed\n")
        chmod(path + "/closed", 0)
        if circumstance == .denied, geteuid() == 0 {
            try FileManager.default.copyItem(atPath: "/usr/bin/setpriv", toPath: path + "/become-root")
            chmod(path + "/become-root", 0o4755)
        }
    }

    /// Takes every byte and every name that is left.
    private func fill() {
        let descriptor = open(path + "/filling", O_WRONLY | O_CREAT, 0o600)
        let block = [UInt8](repeating: 1, count: 4096)
        while write(descriptor, block, block.count) > 0 {}
        close(descriptor)
        var index = 0
        while true {
            let descriptor = open(path + "/filling\(index)", O_WRONLY | O_CREAT, 0o600)
            guard descriptor >= 0 else { return }
            close(descriptor)
            index += 1
        }
    }

    private func run(_ arguments: [String]) throws -> Int32 {
        let process = try Process.run(URL(fileURLWithPath: "/usr/bin/env"), arguments: arguments)
        process.waitUntilExit()
        return process.terminationStatus
    }

    // MARK: Playing

    func play(_ operation: Literal, _ cell: OperationCase) throws {
        let client = try ExecutorClient(isStranger: circumstance == .denied && geteuid() == 0)
        defer { if let unreachable { kill(unreachable, SIGKILL) } }
        if let server = cell.server { try start(server, client) }
        let parameters = try parse(cell.parameters)
        switch cell.expectation {
        case .lost(let code): try cut(client, operation, cell, parameters, code)
        case .begins(let text):
            let id = try client.send(operation, payload: cell.payload) { $0.members(of: parameters) }
            let data = try client.waitForText(id, text, on: .content)
            #expect(data.hasPrefix(text), "\(operation), \(circumstance)")
            try client.send(.cancel(id: id, Cancellation()))
            check(try client.wait(id), operation, .error(.cancelled))
        default:
            let id = try client.send(operation, payload: cell.payload, more: cell.more, cancelled: circumstance == .cancelled) {
                $0.members(of: parameters)
            }
            check(try client.wait(id), operation, cell.expectation)
        }
        #expect(temporaries.isEmpty, "\(operation), \(circumstance): \(temporaries) stay")
    }

    /// One in the background runs when this returns; another is being started.
    private func start(_ server: String, _ client: ExecutorClient) throws {
        let parameters = try parse(server)
        let id = try client.send("process.start") {
            $0.members(of: parameters)
            $0.set("process", "server")
            $0.set("login", false)
        }
        guard parameters.contains(where: { $0.name.equals("background") }) else { return }
        let outcome = try client.wait(id)
        let result = try #require(outcome.result, "\(String(decoding: outcome.error?.message ?? [], as: UTF8.self))")
        guard server.contains("become-root"), let pid = result.integer("pid") else { return }
        unreachable = Int32(pid)
        #expect(eventually { (try? String(contentsOfFile: "/proc/\(pid)/comm", encoding: .utf8)) == "cat\n" })
    }

    private func parse(_ text: String) throws -> [JSONMember] {
        let text = text.replacingOccurrences(of: "$STAGE", with: path)
        guard case .object(var members) = try JSONParser.parse(Array(text.utf8)) else { return [] }
        if !members.contains(where: { $0.name.equals("cwd") }) {
            members.append(JSONMember(name: [UInt8]("cwd"), value: .string(Array(path.utf8))))
        }
        return members
    }

    private func check(_ outcome: ExecutorClient.Outcome, _ operation: Literal, _ expectation: Expectation) {
        let place =
            "\(operation), \(circumstance): \(outcome.error.map { "\($0.code) \(String(decoding: $0.message, as: UTF8.self))" } ?? "a result")"
        switch expectation {
        case .result: #expect(outcome.result != nil, "\(place)")
        case .error(let code):
            #expect(outcome.error?.code == code, "\(place)")
            #expect(outcome.error?.message.isEmpty == false)
        case .cancelledOrResult: #expect(outcome.result != nil || outcome.error?.code == .cancelled, "\(place)")
        case .items(let codes):
            #expect(outcome.result.flatMap { BatchResult($0) } != nil, "\(place)")
            let ends = (outcome.data[.content] ?? []).split(separator: 0x0A).compactMap { line in
                (try? JSONParser.parse(Array(line))).flatMap { BatchLine($0) }
            }.compactMap { line -> ErrorCode?? in
                guard case .end(_, let result) = line else { return nil }
                if case .failure(let error) = result { return .some(error.code) }
                return .some(nil)
            }
            #expect(ends == codes, "\(place)")
        case .begins, .lost, .never: Issue.record("not a case to check")
        }
    }

    private func cut(
        _ client: ExecutorClient, _ operation: Literal, _ cell: OperationCase, _ parameters: [JSONMember], _ code: ErrorCode
    ) throws {
        _ = try client.send(operation, payload: cell.payload, more: cell.more) { $0.members(of: parameters) }
        #expect(try client.close() == 0)
        #expect(eventually { processes.isEmpty }, "\(operation): \(processes) live on")
        #expect(code == (OperationNames.isReadOnly([UInt8](operation)) ? .disconnected : .outcomeUnknown), "\(operation)")
    }

    /// The numbers of processes that run in the stage.
    private var processes: [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).filter {
            Int($0) != nil && (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\($0)/cwd")) == path
        }
    }

    private var temporaries: [String] {
        (FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []).filter { $0.contains(".portal-") }
    }
}
