/// The host's frames that are on their way to clients, by their numbers, and which of them were acknowledged too early.
struct UndeliveredFrames {
    private var waiting: Set<UInt64> = []
    private var early: Set<UInt64> = []
    /// The last frame there was when `takeOld` was called last.
    private var lastBefore: UInt64 = 0

    /// A frame is passed on.
    mutating func insert(_ number: UInt64) { waiting.insert(number) }

    /// A client has it. True where it was the last of those that were acknowledged too early.
    mutating func remove(_ number: UInt64) -> Bool {
        if waiting.remove(number) != nil { return false }
        return early.remove(number) != nil && early.isEmpty
    }

    /// The frames that were there at the last call and are still undelivered; they count as acknowledged from now on.
    /// - Parameter last: The number of the last frame that there is.
    /// - Returns: Also whether these are the first that do.
    mutating func takeOld(before last: UInt64) -> (numbers: [UInt64], isFirst: Bool) {
        defer { lastBefore = last }
        let old = waiting.filter { $0 <= lastBefore }
        guard !old.isEmpty else { return ([], false) }
        defer {
            waiting.subtract(old)
            early.formUnion(old)
        }
        return (Array(old), early.isEmpty)
    }
}
