import NIOPosix
import Portal
import PortalWire

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Calls that wait for a disk or a terminal, on threads of their own: the cooperative pool has only as many as there are processors.
enum Blocking {
    private static let pool: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 8)
        pool.start()
        return pool
    }()

    static func run<Value: Sendable>(_ body: @escaping @Sendable () throws(PortalError) -> Value) async throws(PortalError) -> Value {
        let result: Result<Value, PortalError>
        do {
            result = try await pool.runIfActive {
                do throws(PortalError) { return .success(try body()) } catch { return .failure(error) }
            }
        } catch { throw PortalError(.cancelled, "cancelled") }
        return try result.get()
    }

    /// As `run`, for what cannot fail.
    static func value<Value: Sendable>(_ body: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in pool.submit { _ in continuation.resume(returning: body()) } }
    }

    /// The next of standard input, on a thread that nothing else waits for; empty at its end.
    static func input() async -> [UInt8] {
        await withCheckedContinuation { continuation in
            inputPool.submit { _ in
                continuation.resume(
                    returning: [UInt8](unsafeUninitializedCapacity: Limits.preferredPayloadLength) { buffer, count in
                        var result: Int
                        repeat { result = read(0, buffer.baseAddress, buffer.count) } while result < 0 && errno == EINTR
                        count = max(0, result)
                    })
            }
        }
    }

    private static let inputPool: NIOThreadPool = {
        let pool = NIOThreadPool(numberOfThreads: 1)
        pool.start()
        return pool
    }()
}
