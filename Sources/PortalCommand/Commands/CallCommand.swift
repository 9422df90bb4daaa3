import ArgumentParser
import DoorSupport
import NIOPosix
import Portal
import PortalWire
import ToolCallDoor

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `portal call`: the protocol's operations for scripts.
struct CallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "call",
        abstract: "Make one request, or one for each line of JSON on standard input; answers are lines of JSON.",
        discussion: """
            portal call box fs.stat '{"path":"/etc/hosts"}'
            echo '{"id":1,"op":"fs.read","path":"/etc/hosts"}' | portal call box

            A request's own data is its member "data", a string or {"b64":"…"}. An answer is {"id":…,"ok":{…}} with what streamed as \
            "content", "stdout" and "stderr", or {"id":…,"error":{…}}. Requests of several lines run at the same \
            time, at most 64 of them. Operations that never end (watch.start) are for programs that speak the protocol. The operations are \
            described in Docs/protocol.md.

            A line may also be a model's tool_use block, {"type":"tool_use","id":…,"name":"bash","input":{"command":…}}, for the tools bash, read, \
            write, edit, grep, glob and the others of portal mcp (Docs/mcp.md); it is answered by a tool_result block.

            Exit status: 0; 1 where a request failed; 255 where portal or the connection failed.
            """)

    @OptionGroup var options: TargetOptions

    @Argument(help: "The operation; without one, requests are read from standard input.")
    var operation: String?

    @Argument(help: "Its parameters, as a JSON object.")
    var parameters: String?

    @Flag(help: "For tool_use blocks: what commands print comes as it is printed, in lines of the type tool_output.")
    var stream = false

    @OptionGroup var tools: ToolOptions

    func validate() throws {
        try tools.validate()
        guard operation != nil else { return }
        do throws(PortalError) { _ = try CallCommand.parse(Array((parameters ?? "{}").utf8)) } catch {
            throw ValidationError(error.message)
        }
    }

    func run() async throws {
        let terminal = Terminal()
        do throws(PortalError) {
            let workspace = try await Workspace.open(options.target, options: options.connectionOptions(terminal: terminal))
            let hasFailed: Bool
            if let operation {
                let value = try CallCommand.parse(Array((parameters ?? "{}").utf8))
                hasFailed = await !CallCommand.answer(workspace, operation: Array(operation.utf8), parameters: value, terminal: terminal)
            } else {
                hasFailed = try await answerLines(workspace, terminal)
            }
            terminal.erase()
            endProgram(hasFailed ? 1 : 0)
        } catch {
            terminal.erase()
            fail(error, verbose: options.verbose)
        }
    }

    private static func parse(_ text: [UInt8], _ bounds: JSONBounds = JSONBounds()) throws(PortalError) -> JSONValue {
        do throws(WireError) {
            let value = try JSONParser.parse(text, bounds)
            if case .object = value { return value }
        } catch {
            throw PortalError(.invalid, "the parameters: \(error.rule)")
        }
        throw PortalError(.invalid, "the parameters are not a JSON object")
    }

    /// At most so many requests of the lines are open at once.
    private static let concurrency = 64

    private func answerLines(_ workspace: Workspace, _ terminal: Terminal) async throws(PortalError) -> Bool {
        let reader = NIOThreadPool(numberOfThreads: 1)
        reader.start()
        let tools = CalledTools(workspace, target: options.target, options: tools.session(), isStreaming: stream, terminal: terminal)
        var hasFailed = false
        await withTaskGroup(of: Bool.self) { group in
            var running = 0
            while let line = try? await reader.runIfActive({ readLine(strippingNewline: true) }) {
                if line.utf8.allSatisfy({ $0 <= 0x20 }) { continue }
                if running >= CallCommand.concurrency, let succeeded = await group.next() {
                    running -= 1
                    if !succeeded { hasFailed = true }
                }
                running += 1
                group.addTask {
                    let value: JSONValue
                    do throws(PortalError) { value = try CallCommand.parse(Array(line.utf8), IncomingMessage.bounds) } catch {
                        CallCommand.print(id: nil, terminal) { CallCommand.write(error, to: &$0) }
                        return false
                    }
                    if ToolCallDoor.isCall(value) { return await tools.answer(value) }
                    return await CallCommand.answer(workspace, operation: value["op"]?.string ?? [], parameters: value, terminal: terminal)
                }
            }
            for await succeeded in group where !succeeded { hasFailed = true }
        }
        await tools.end()
        return hasFailed
    }

    /// Makes one request and prints its answer. False where it failed.
    private static func answer(
        _ workspace: Workspace, operation: [UInt8], parameters: JSONValue, terminal: Terminal
    ) async -> Bool {
        let id = parameters["id"]
        do throws(PortalError) {
            guard let name = (OperationNames.executor + OperationNames.proxy).first(where: { operation.equals($0) }) else {
                let known = (OperationNames.executor + OperationNames.proxy).map { "\($0)" }.joined(separator: " ")
                throw PortalError(.unsupported, "no operation \(String(decoding: operation, as: UTF8.self)); there are \(known)")
            }
            let answer = try await workspace.call(name, parameters: parameters)
            print(id: id, terminal) { writer in
                writer.name("ok")
                writer.value(answer.value)
                for (stream, bytes) in [("content", answer.content), ("stdout", answer.output), ("stderr", answer.errors)]
                where !bytes.isEmpty {
                    writer.name(Array(stream.utf8))
                    writer.byteString(bytes)
                }
            }
            return true
        } catch {
            print(id: id, terminal) { write(error, to: &$0) }
            return false
        }
    }

    private static func write(_ error: PortalError, to writer: inout JSONWriter) {
        writer.name("error")
        var value = OperationError(
            error.code, Array(error.message.utf8), errno: error.errno, path: error.path?.bytes, applied: error.applied)
        if case .object(let members) = error.details { value.details = members }
        value.write(to: &writer)
    }

    private static func print(id: JSONValue?, _ terminal: Terminal, _ body: (inout JSONWriter) -> Void) {
        var writer = JSONWriter()
        writer.beginObject()
        if let id {
            writer.name("id")
            writer.value(id)
        }
        body(&writer)
        writer.endObject()
        terminal.erase()
        // One write, so that lines of concurrent answers do not mix.
        Output.write(writer.bytes + [0x0A])
    }
}
