import Foundation

/// A network with nothing but loopback: what runs in it reaches nothing else, and whatever it tries to reach fails at once. Needs root.
public final class LoopbackNamespace: Sendable {
    private static let mark = "portal-alone-"

    /// Its name, for `ip netns`.
    public let name: String

    /// Why there can be none here; nil where there can.
    public static let obstacle: String? = {
        guard getuid() == 0 else { return "network namespaces are made by root only" }
        do { _ = try LoopbackNamespace() } catch { return "this machine makes no network namespaces: \(error)" }
        return nil
    }()

    /// Makes one.
    public init() throws {
        LoopbackNamespace.removeForgotten()
        name = "\(LoopbackNamespace.mark)\(getpid())-\(UUID().uuidString.prefix(8))"
        try Tool.run("ip", "netns", "add", name)
        do { try Tool.run("ip", "-n", name, "link", "set", "lo", "up") } catch {
            _ = try? Tool.run("ip", "netns", "del", name)
            throw error
        }
    }

    deinit { _ = try? Tool.run("ip", "netns", "del", name) }

    /// What goes before a command line that is to run in it.
    public var prefix: [String] { NetworkNamespaces.prefix(name) }

    /// Runs something on a thread that is in the namespace. Sockets that are made there belong to it for good.
    func run<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
        let box = ResultBox<Value>()
        let done = DispatchSemaphore(value: 0)
        let name = name
        // The thread ends with it: a thread's namespace is nobody else's.
        Thread.detachNewThread {
            box.result = Result {
                let file = open("/run/netns/\(name)", O_RDONLY | O_CLOEXEC)
                guard file >= 0 else { throw TestFailure("/run/netns/\(name) cannot be opened: \(String(cString: strerror(errno)))") }
                defer { close(file) }
                guard let enter = LoopbackNamespace.setns, enter(file, 0x4000_0000) == 0 else {
                    throw TestFailure("the namespace \(name) cannot be entered: \(String(cString: strerror(errno)))")
                }
                return try body()
            }
            done.signal()
        }
        done.wait()
        return try box.result.get()
    }

    /// `setns(2)`, which Glibc's Swift module leaves out; with CLONE_NEWNET.
    private static let setns: (@convention(c) (Int32, Int32) -> Int32)? = {
        guard let function = dlsym(nil, "setns") else { return nil }
        return unsafeBitCast(function, to: (@convention(c) (Int32, Int32) -> Int32).self)
    }()

    /// The namespaces of test runs that were killed.
    private static func removeForgotten() {
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/run/netns")) ?? [] where name.hasPrefix(mark) {
            guard let pid = pid_t(name.dropFirst(mark.count).prefix { $0 != "-" }), kill(pid, 0) != 0, errno == ESRCH else { continue }
            _ = try? Tool.run("ip", "netns", "del", name)
        }
    }
}

/// One result, handed from one thread to the other; the semaphore orders the two.
private final class ResultBox<Value: Sendable>: @unchecked Sendable {
    var result: Result<Value, any Error> = .failure(TestFailure("nothing was run"))
}
