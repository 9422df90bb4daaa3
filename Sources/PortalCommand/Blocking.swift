import NIOPosix
import Portal

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
}
