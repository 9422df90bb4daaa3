#if !hasFeature(Embedded)
    /// Frames that were processed and may still be lost, since they are on their way to somebody else. An executor has none.
    ///
    /// A proxy acknowledges a frame of the host when its client has it, so that the frame can be had again where the proxy dies before.
    struct SettlementQueue {
        private struct Entry {
            var bytes: Int
            var isSettled = false
        }

        private var entries: [Entry] = []
        /// Entries at the front that are done with; they are dropped in batches.
        private var done = 0
        /// How many frames are settled, and so are all before them.
        private(set) var settled: UInt64 = 0
        /// How many frames were processed.
        var processed: UInt64 { settled + UInt64(entries.count - done) }

        /// A frame was processed.
        mutating func append(bytes: Int) { entries.append(Entry(bytes: bytes)) }

        /// A frame is where it belongs. The number is one that was processed; one that is settled already is passed over.
        mutating func settle(_ number: UInt64) {
            guard number > settled, number <= processed else { return }
            entries[done + Int(number - settled) - 1].isSettled = true
        }

        /// The length of the next frame all of whose predecessors are settled, once it is.
        mutating func next() -> Int? {
            guard done < entries.count, entries[done].isSettled else { return nil }
            let bytes = entries[done].bytes
            done += 1
            settled += 1
            if done == entries.count || done >= 256 {
                entries.removeFirst(done)
                done = 0
            }
            return bytes
        }
    }
#endif
